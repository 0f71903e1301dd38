//! `--on-loss approximate`: what a lost worker sent last stands in for what it does not send.

use super::*;

fn approximate() -> Rules {
    Rules { on_loss: OnLoss::Approximate, ..rules() }
}

fn stale_step(round: Round, fresh: u32, stale: u32) -> Command {
    let rows = |splits| u64::from(splits) * ROWS;
    Command::Step {
        round,
        splits_covered: fresh,
        rows_covered: rows(fresh),
        splits_stale: stale,
        rows_stale: rows(stale),
    }
}

/// Pass 1 is complete with both workers, pass 2 under way.
fn in_pass_2() -> Bench {
    let mut bench = Bench::in_pass_1(approximate());
    for worker in 0..2 {
        bench.update(seat(worker, 0), train(1), node(1, worker));
    }
    bench.give(stepped(false));
    bench
}

#[test]
fn in_the_first_pass_there_is_nothing_to_stand_in() {
    let mut bench = Bench::in_pass_1(approximate());
    bench.update(seat(0, 0), train(1), node(1, 0));
    assert_eq!(bench.lose(seat(1, 0)).last(), Some(&stale_step(train(1), 2, 0)));
}

#[test]
fn the_last_update_stands_in_and_the_step_tells_fresh_and_stale_rows_apart() {
    let mut bench = in_pass_2();
    bench.update(seat(0, 0), train(2), node(1, 0));
    let commands = bench.lose(seat(1, 0));
    assert_eq!(commands[3..], [Command::Reuse(node(1, 1)), stale_step(train(2), 2, 2)]);
}

#[test]
fn a_worker_that_is_not_ready_when_a_pass_begins_is_stood_in_for_and_joins_the_next_one() {
    let mut bench = in_pass_2();
    bench.update(seat(0, 0), train(2), node(1, 0));
    bench.lose(seat(1, 0));
    let call = Command::Broadcast(train(3), vec![(seat(0, 0), vec![node(1, 0)])]);
    assert_eq!(bench.give(stepped(false)), [call, Command::Reuse(node(1, 1))]);
    assert_eq!(bench.arrive(seat(1, 1), 2..4).len(), 1, "the note that it is back");
    assert_eq!(bench.update(seat(1, 1), train(3), node(1, 1)), []);
    let last = bench.update(seat(0, 0), train(3), node(1, 0));
    assert_eq!(last, [Command::Merge(node(1, 0)), stale_step(train(3), 2, 2)]);
}

#[test]
fn a_pass_that_would_stand_on_old_updates_alone_waits() {
    let mut bench = in_pass_2();
    assert_eq!(bench.lose(seat(0, 0))[3..], [Command::Reuse(node(1, 0))]);
    let commands = bench.lose(seat(1, 0));
    assert_eq!(
        commands[3..],
        [Command::Broadcast(train(2), vec![])],
        "what is owed last is not stood in for"
    );
    bench.arrive(seat(0, 1), 0..2);
    let call = Command::Broadcast(train(2), vec![(seat(1, 1), vec![node(1, 1)])]);
    assert_eq!(bench.arrive(seat(1, 1), 2..4).last(), Some(&call));
    let last = bench.update(seat(1, 1), train(2), node(1, 1));
    assert_eq!(last, [Command::Merge(node(1, 1)), stale_step(train(2), 2, 2)]);
}

#[test]
fn a_pass_that_begins_with_nobody_waits_for_all_and_merges_nothing_twice() {
    let mut bench = in_pass_2();
    for worker in 0..2 {
        bench.update(seat(worker, 0), train(2), node(1, worker));
    }
    for worker in 0..2 {
        bench.lose(seat(worker, 0));
    }
    assert_eq!(bench.give(stepped(false)), [Command::Broadcast(train(3), vec![])]);
    for worker in 0..2 {
        bench.arrive(seat(worker, 1), worker * 2..worker * 2 + 2);
    }
    bench.update(seat(0, 1), train(3), node(1, 0));
    let last = bench.update(seat(1, 1), train(3), node(1, 1));
    assert_eq!(last, [Command::Merge(node(1, 1)), stale_step(train(3), 4, 0)]);
}

#[test]
fn what_is_said_of_the_final_model_is_said_of_fresh_updates() {
    let mut bench = Bench::in_pass_1(Rules { passes: 1, ..approximate() });
    for worker in 0..2 {
        bench.update(seat(worker, 0), train(1), node(1, worker));
    }
    bench.give(stepped(false));
    bench.update(seat(0, 0), look(2), node(1, 0));
    assert_eq!(bench.lose(seat(1, 0)), replaced(seat(1, 0), seat(1, 1)), "it waits");
}
