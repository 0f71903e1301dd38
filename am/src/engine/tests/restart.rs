//! `--on-loss restart`: a pass waits for the replacement of a lost worker and covers everything.

use super::*;

fn lose(bench: &mut Bench, seat: Seat) -> Vec<Command> {
    bench.give(Event::Lost(seat, "was killed".to_owned()))
}

fn replaced(worker: u32, incarnation: u32) -> [Command; 3] {
    [
        Command::Release(seat(worker, incarnation)),
        note(&format!("worker {worker} was killed; starting another")),
        Command::Launch(seat(worker, incarnation + 1)),
    ]
}

fn back(worker: u32) -> Command {
    note(&format!("worker {worker} is back, its splits loaded again"))
}

#[test]
fn the_replacement_is_asked_for_what_the_lost_worker_owed() {
    let mut bench = Bench::in_pass_1(rules());
    assert_eq!(lose(&mut bench, seat(1, 0)), replaced(1, 0));
    assert_eq!(bench.update(seat(0, 0), train(1), node(1, 0)), [Command::Merge(node(1, 0))], "no step yet");
    let call = Command::Broadcast(train(1), vec![(seat(1, 1), vec![node(1, 1)])]);
    assert_eq!(bench.arrive(seat(1, 1), 2..4), [back(1), call]);
    let last = bench.update(seat(1, 1), train(1), node(1, 1));
    assert_eq!(last, [Command::Merge(node(1, 1)), step(train(1), 4)]);
}

#[test]
fn an_update_that_came_before_the_loss_counts_and_is_not_asked_for_again() {
    let mut bench = Bench::in_pass_1(Rules { seats: vec![0..3, 3..4], ..rules() });
    bench.update(seat(0, 0), train(1), node(1, 0));
    lose(&mut bench, seat(0, 0));
    let call = Command::Broadcast(train(1), vec![(seat(0, 1), vec![node(0, 2)])]);
    assert_eq!(bench.arrive(seat(0, 1), 0..3), [back(0), call]);
}

#[test]
fn a_worker_that_had_replied_is_missed_only_in_the_next_pass() {
    let mut bench = Bench::in_pass_1(rules());
    bench.update(seat(0, 0), train(1), node(1, 0));
    lose(&mut bench, seat(0, 0));
    let last = bench.update(seat(1, 0), train(1), node(1, 1));
    assert_eq!(last, [Command::Merge(node(1, 1)), step(train(1), 4)]);
    let next = Command::Broadcast(train(2), vec![(seat(1, 0), vec![node(1, 1)])]);
    assert_eq!(bench.give(stepped(false)), [next], "the pass begins without waiting");
    assert_eq!(bench.update(seat(1, 0), train(2), node(1, 1)), [Command::Merge(node(1, 1))]);
    let call = Command::Broadcast(train(2), vec![(seat(0, 1), vec![node(1, 0)])]);
    assert_eq!(bench.arrive(seat(0, 1), 0..2), [back(0), call]);
}

#[test]
fn a_worker_lost_during_the_step_and_back_before_its_end_takes_part_in_the_next_pass() {
    let mut bench = Bench::in_pass_1(rules());
    bench.update(seat(0, 0), train(1), node(1, 0));
    bench.update(seat(1, 0), train(1), node(1, 1));
    assert_eq!(lose(&mut bench, seat(1, 0)), replaced(1, 0));
    assert_eq!(bench.arrive(seat(1, 1), 2..4), [back(1)]);
    let calls = vec![(seat(0, 0), vec![node(1, 0)]), (seat(1, 1), vec![node(1, 1)])];
    assert_eq!(bench.give(stepped(false)), [Command::Broadcast(train(2), calls)]);
}

#[test]
fn all_workers_may_be_lost_at_once() {
    let mut bench = Bench::in_pass_1(rules());
    assert_eq!(lose(&mut bench, seat(0, 0)), replaced(0, 0));
    assert_eq!(lose(&mut bench, seat(1, 0)), replaced(1, 0));
    for worker in [1, 0] {
        let nodes = vec![node(1, worker)];
        let call = Command::Broadcast(train(1), vec![(seat(worker, 1), nodes)]);
        assert_eq!(bench.arrive(seat(worker, 1), worker * 2..worker * 2 + 2), [back(worker), call]);
    }
}

#[test]
fn a_fault_of_the_workers_machine_is_a_loss() {
    let mut bench = Bench::in_pass_1(rules());
    let failed = Event::Failed(seat(1, 0), Fault::System, Some(2), "disk on fire".to_owned());
    let told = note("worker 1 could not go on in split 2: disk on fire; starting another");
    assert_eq!(bench.give(failed), [Command::Release(seat(1, 0)), told, Command::Launch(seat(1, 1))]);
}

#[test]
fn a_worker_lost_while_the_model_is_written_changes_nothing() {
    let mut bench = Bench::in_pass_1(Rules { passes: 1, ..rules() });
    bench.update(seat(0, 0), train(1), node(1, 0));
    bench.update(seat(1, 0), train(1), node(1, 1));
    assert_eq!(bench.give(Event::Stepped { done: false, objective: false }), [Command::Write]);
    lose(&mut bench, seat(1, 0));
    assert_eq!(bench.give(Event::Written), [Command::End(End::Done)]);
}
