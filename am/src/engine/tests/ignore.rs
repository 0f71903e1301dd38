//! `--on-loss ignore`: a pass goes on without the splits of a lost worker, which rejoin at a pass boundary.

use super::*;

fn ignoring() -> Rules {
    Rules { on_loss: OnLoss::Ignore, ..rules() }
}

fn lose(bench: &mut Bench, seat: Seat) -> Vec<Command> {
    bench.give(Event::Lost(seat, "was killed".to_owned()))
}

fn broadcast(round: Round, workers: &[(u32, u32)]) -> Command {
    let call = |&(worker, incarnation)| (seat(worker, incarnation), vec![node(1, worker)]);
    Command::Broadcast(round, workers.iter().map(call).collect())
}

#[test]
fn the_pass_goes_on_without_the_lost_splits_and_says_so() {
    let mut bench = Bench::in_pass_1(ignoring());
    bench.update(seat(0, 0), train(1), node(1, 0));
    let commands = lose(&mut bench, seat(1, 0));
    assert_eq!(commands.last(), Some(&step(train(1), 2)), "two of four splits");
    assert_eq!(bench.give(stepped(false)), [broadcast(train(2), &[(0, 0)])]);
}

#[test]
fn the_replacement_rejoins_at_a_pass_boundary_and_not_before() {
    let mut bench = Bench::in_pass_1(ignoring());
    bench.update(seat(0, 0), train(1), node(1, 0));
    lose(&mut bench, seat(1, 0));
    bench.give(stepped(false));
    let back = note("worker 1 is back, its splits loaded again");
    assert_eq!(bench.arrive(seat(1, 1), 2..4), [back], "pass 2 has begun without it");
    let last = bench.update(seat(0, 0), train(2), node(1, 0));
    assert_eq!(last, [Command::Merge(node(1, 0)), step(train(2), 2)]);
    assert_eq!(bench.give(stepped(false)), [broadcast(train(3), &[(0, 0), (1, 1)])]);
}

#[test]
fn what_a_lost_worker_had_sent_before_still_counts() {
    let mut bench = Bench::in_pass_1(Rules { seats: vec![0..3, 3..4], ..ignoring() });
    bench.update(seat(0, 0), train(1), node(1, 0));
    bench.update(seat(1, 0), train(1), node(0, 3));
    assert_eq!(lose(&mut bench, seat(0, 0)).last(), Some(&step(train(1), 3)));
}

#[test]
fn a_pass_that_would_stand_on_nothing_waits_for_all() {
    let mut bench = Bench::in_pass_1(ignoring());
    lose(&mut bench, seat(0, 0));
    let commands = lose(&mut bench, seat(1, 0));
    assert_eq!(commands.last(), Some(&broadcast(train(1), &[])), "nobody is there, and no step is made");
    for worker in [0, 1] {
        let commands = bench.arrive(seat(worker, 1), worker * 2..worker * 2 + 2);
        assert_eq!(commands.last(), Some(&broadcast(train(1), &[(worker, 1)])));
    }
    bench.update(seat(0, 1), train(1), node(1, 0));
    let last = bench.update(seat(1, 1), train(1), node(1, 1));
    assert_eq!(last, [Command::Merge(node(1, 1)), step(train(1), 4)]);
}

#[test]
fn a_pass_that_begins_with_nobody_waits_for_someone() {
    let mut bench = Bench::in_pass_1(ignoring());
    for worker in [0, 1] {
        bench.update(seat(worker, 0), train(1), node(1, worker));
    }
    for worker in [0, 1] {
        lose(&mut bench, seat(worker, 0));
    }
    assert_eq!(bench.give(stepped(false)), [broadcast(train(2), &[])]);
    let commands = bench.arrive(seat(1, 1), 2..4);
    assert_eq!(commands.last(), Some(&broadcast(train(2), &[(1, 1)])));
}

#[test]
fn what_is_said_of_the_final_model_is_said_of_all_rows() {
    let mut bench = Bench::in_pass_1(Rules { passes: 1, ..ignoring() });
    bench.update(seat(0, 0), train(1), node(1, 0));
    lose(&mut bench, seat(1, 0));
    assert_eq!(bench.give(stepped(false)), [broadcast(look(2), &[(0, 0)])]);
    assert_eq!(bench.update(seat(0, 0), look(2), node(1, 0)), [Command::Merge(node(1, 0))], "it waits");
    assert_eq!(bench.arrive(seat(1, 1), 2..4).last(), Some(&broadcast(look(2), &[(1, 1)])));
    let last = bench.update(seat(1, 1), look(2), node(1, 1));
    assert_eq!(last, [Command::Merge(node(1, 1)), step(look(2), 4)]);
}

#[test]
fn the_load_is_complete_before_the_first_pass_under_ignore_too() {
    let mut bench = Bench::new(ignoring());
    bench.give(Event::Start);
    bench.arrive(seat(0, 0), 0..2);
    lose(&mut bench, seat(1, 0));
    let commands = bench.arrive(seat(1, 1), 2..4);
    assert!(matches!(commands.last(), Some(Command::Initialise(Summary { rows: 40, .. }))), "{commands:?}");
}
