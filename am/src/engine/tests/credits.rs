//! Large updates come when the master has room for them.

use super::*;

const MIB: u64 = 1 << 20;

/// Eight workers with a split each.
fn eight() -> Rules {
    Rules { seats: (0..8).map(|split| split..split + 1).collect(), ..rules() }
}

fn offer(bench: &mut Bench, split: u32, bytes: u64) -> Vec<Command> {
    bench.give(Event::Offered(seat(split, 0), train(1), node(0, split), bytes))
}

fn credit(split: u32) -> Command {
    Command::Credit(seat(split, 0), train(1), node(0, split))
}

/// An update that comes.
fn come(bench: &mut Bench, split: u32) -> Vec<Command> {
    bench.give(Event::Updated(seat(split, 0), train(1), node(0, split), MIB))
}

/// One that comes and is merged at once.
fn update(bench: &mut Bench, split: u32) -> Vec<Command> {
    let mut commands = come(bench, split);
    commands.extend(bench.give(Event::Merged));
    commands
}

#[test]
fn four_at_a_time_are_on_their_way() {
    let mut bench = Bench::in_pass_1(eight());
    for split in 1..5 {
        assert_eq!(offer(&mut bench, split, MIB), [credit(split)]);
    }
    assert_eq!(offer(&mut bench, 5, MIB), []);
    assert_eq!(update(&mut bench, 3), [Command::Merge(node(0, 3)), credit(5)]);
}

#[test]
fn the_leftmost_may_always_come_so_that_nothing_waits_for_ever() {
    let mut bench = Bench::in_pass_1(Rules { update_budget: 1, ..eight() });
    for split in 1..8 {
        assert_eq!(offer(&mut bench, split, MIB), [], "there is no room");
    }
    assert_eq!(offer(&mut bench, 0, MIB), [credit(0)]);
    for split in 0..7 {
        let merge = Command::Merge(node(0, split));
        assert_eq!(update(&mut bench, split), [merge, credit(split + 1)], "in the order of the tree");
    }
    assert_eq!(update(&mut bench, 7), [Command::Merge(node(0, 7)), step(train(1), 8)]);
}

#[test]
fn what_waits_to_be_merged_takes_room() {
    let mut bench = Bench::in_pass_1(Rules { update_budget: 2 * MIB, ..eight() });
    for split in 0..2 {
        assert_eq!(offer(&mut bench, split, MIB), [credit(split)]);
    }
    for split in 2..4 {
        assert_eq!(offer(&mut bench, split, MIB), [], "two are on their way");
    }
    assert_eq!(come(&mut bench, 1), [Command::Merge(node(0, 1))]);
    assert_eq!(
        come(&mut bench, 0),
        [Command::Merge(node(0, 0))],
        "2 is leftmost, yet two wait for the merge"
    );
    assert_eq!(bench.give(Event::Merged), [credit(2)], "one rests, one waits, and the leftmost may come");
    assert_eq!(bench.give(Event::Merged), [], "there is room, but it is on its way already");
    assert_eq!(offer(&mut bench, 7, MIB), [], "0 and 1 rest as one, 2 is on its way");
}

#[test]
fn what_rests_in_the_master_takes_room() {
    let mut bench = Bench::in_pass_1(Rules { update_budget: 2 * MIB, ..eight() });
    for split in [3, 5] {
        assert_eq!(offer(&mut bench, split, MIB), [credit(split)]);
        update(&mut bench, split);
    }
    assert_eq!(offer(&mut bench, 7, MIB), [], "3 and 5 rest");
    offer(&mut bench, 2, MIB);
    for split in 0..2 {
        bench.update(seat(split, 0), train(1), node(0, split));
        bench.give(Event::Merged);
    }
    // 2 was leftmost then and was let in; merged with 3 it rests with 0 and 1, which were small.
    assert_eq!(update(&mut bench, 2), [Command::Merge(node(0, 2))]);
    assert_eq!(update(&mut bench, 4), [Command::Merge(node(0, 4))]);
    assert_eq!(offer(&mut bench, 6, MIB), [credit(6)], "the leftmost again");
}

#[test]
fn a_lost_workers_offer_is_forgotten_and_its_room_given_to_others() {
    let mut bench = Bench::in_pass_1(eight());
    for split in 1..6 {
        offer(&mut bench, split, MIB);
    }
    let commands = bench.give(Event::Lost(seat(2, 0), "was killed".to_owned()));
    assert_eq!(commands.last(), Some(&credit(5)));
}

#[test]
fn a_replacement_offers_anew_and_gets_a_credit_of_its_own() {
    let mut bench = Bench::in_pass_1(eight());
    assert_eq!(offer(&mut bench, 2, MIB), [credit(2)]);
    bench.give(Event::Lost(seat(2, 0), "was killed".to_owned()));
    bench.arrive(seat(2, 1), 2..3);
    let again = bench.give(Event::Offered(seat(2, 1), train(1), node(0, 2), MIB));
    assert_eq!(again, [Command::Credit(seat(2, 1), train(1), node(0, 2))]);
}

#[test]
fn an_offer_made_twice_is_credited_once() {
    let mut bench = Bench::in_pass_1(eight());
    for split in 1..5 {
        assert_eq!(offer(&mut bench, split, MIB), [credit(split)]);
        assert_eq!(offer(&mut bench, split, MIB), []);
    }
    assert_eq!(offer(&mut bench, 5, MIB), [], "four are on their way");
}

fn finish_pass_1(bench: &mut Bench) -> Vec<Command> {
    for split in 0..8 {
        offer(bench, split, MIB);
        update(bench, split);
    }
    bench.give(stepped(false))
}

#[test]
fn where_updates_were_large_the_next_round_grants_the_leftmost_credit_with_the_state() {
    let mut bench = Bench::in_pass_1(eight());
    let commands = finish_pass_1(&mut bench);
    assert!(matches!(commands[0], Command::Broadcast(..)), "{commands:?}");
    let ahead: Vec<_> =
        (0..4).map(|split| Command::Credit(seat(split, 0), train(2), node(0, split))).collect();
    assert_eq!(commands[1..], ahead);
    let late = Event::Offered(seat(0, 0), train(2), node(0, 0), MIB);
    assert_eq!(bench.give(late), [], "its credit is on its way already");
    let fifth = Event::Offered(seat(4, 0), train(2), node(0, 4), MIB);
    assert_eq!(bench.give(fifth), [], "four are on their way");
    let next = Command::Credit(seat(4, 0), train(2), node(0, 4));
    assert_eq!(bench.update(seat(1, 0), train(2), node(0, 1)), [Command::Merge(node(0, 1)), next]);
}

#[test]
fn updates_that_grow_get_credit_ahead_for_their_new_size() {
    let mut bench = Bench::in_pass_1(Rules { update_budget: 4 * MIB, ..eight() });
    assert_eq!(finish_pass_1(&mut bench).len(), 1 + 4);
    for split in 0..8 {
        bench.give(Event::Updated(seat(split, 0), train(2), node(0, split), 2 * MIB));
        bench.give(Event::Merged);
    }
    assert_eq!(bench.give(stepped(false)).len(), 1 + 2, "two of the new size");
}

#[test]
fn credit_goes_ahead_only_as_far_as_there_is_room() {
    for (budget, ahead) in [(MIB - 1, 0), (2 * MIB, 2)] {
        let mut bench = Bench::in_pass_1(Rules { update_budget: budget, ..eight() });
        assert_eq!(finish_pass_1(&mut bench).len(), 1 + ahead);
    }
}

#[test]
fn credit_that_went_ahead_to_a_lost_worker_is_given_to_others() {
    let mut bench = Bench::in_pass_1(eight());
    finish_pass_1(&mut bench);
    bench.give(Event::Offered(seat(5, 0), train(2), node(0, 5), MIB));
    let commands = bench.give(Event::Lost(seat(2, 0), "was killed".to_owned()));
    assert_eq!(commands.last(), Some(&Command::Credit(seat(5, 0), train(2), node(0, 5))));
}
