//! The cluster says that it will take a container: it is given back at the next pass boundary.

use super::*;

fn doom(bench: &mut Bench, seat: Seat) -> Vec<Command> {
    bench.give(Event::Doomed(seat, "the cluster preempts it".to_owned()))
}

fn given_back(seat: Seat, next: Seat) -> [Command; 3] {
    let told =
        format!("worker {} gives its container back: the cluster preempts it; starting another", seat.worker);
    [Command::Release(seat), note(&told), Command::Launch(next)]
}

#[test]
fn the_pass_is_finished_first_and_it_is_no_failure() {
    let mut bench = Bench::in_pass_1(Rules { max_failures: 0, ..rules() });
    assert_eq!(doom(&mut bench, seat(1, 0)), []);
    for worker in 0..2 {
        bench.update(seat(worker, 0), train(1), node(1, worker));
    }
    let commands = bench.give(stepped(false));
    assert_eq!(commands[..3], given_back(seat(1, 0), seat(1, 1)));
    assert_eq!(commands[3..], [Command::Broadcast(train(2), vec![(seat(0, 0), vec![node(1, 0)])])]);
    let call = Command::Broadcast(train(2), vec![(seat(1, 1), vec![node(1, 1)])]);
    assert_eq!(bench.arrive(seat(1, 1), 2..4).last(), Some(&call));
}

#[test]
fn between_passes_it_goes_at_once() {
    let mut bench = Bench::in_pass_1(rules());
    for worker in 0..2 {
        bench.update(seat(worker, 0), train(1), node(1, worker));
    }
    assert_eq!(doom(&mut bench, seat(1, 0)), given_back(seat(1, 0), seat(1, 1)));
}

#[test]
fn told_twice_or_of_the_dead_it_changes_nothing() {
    let mut bench = Bench::new(rules());
    bench.give(Event::Start);
    assert_eq!(doom(&mut bench, seat(1, 0)), given_back(seat(1, 0), seat(1, 1)));
    assert_eq!(doom(&mut bench, seat(1, 0)), []);
}

#[test]
fn taken_before_the_boundary_it_is_lost_like_any_other() {
    let mut bench = Bench::in_pass_1(rules());
    doom(&mut bench, seat(1, 0));
    assert_eq!(bench.lose(seat(1, 0)), replaced(seat(1, 0), seat(1, 1)));
    bench.arrive(seat(1, 1), 2..4);
    bench.update(seat(0, 0), train(1), node(1, 0));
    bench.update(seat(1, 1), train(1), node(1, 1));
    assert!(
        matches!(bench.give(stepped(false))[..], [Command::Broadcast(..)]),
        "its successor is not doomed"
    );
}

#[test]
fn a_spare_takes_over() {
    let mut bench = Bench::new(Rules { spares: 1, ..rules() });
    bench.give(Event::Start);
    for (worker, splits) in [(0, 0..2), (2, 0..2), (1, 2..4)] {
        bench.arrive(seat(worker, 0), splits);
    }
    bench.give(Event::Initialised);
    doom(&mut bench, seat(0, 0));
    for worker in 0..2 {
        bench.update(seat(worker, 0), train(1), node(1, worker));
    }
    let calls = vec![(seat(1, 0), vec![node(1, 1)]), (seat(2, 0), vec![node(1, 0)])];
    assert_eq!(bench.give(stepped(false)).last(), Some(&Command::Broadcast(train(2), calls)));
}

#[test]
fn a_keeper_that_goes_is_replaced_before_the_next_round_begins() {
    let mut bench = Bench::in_pass_1(Rules { seats: vec![0..1, 1..2, 2..4], ..rules() });
    doom(&mut bench, seat(1, 0));
    for (worker, node) in [(0, node(0, 0)), (1, node(0, 1)), (2, node(1, 1))] {
        bench.update(seat(worker, 0), train(1), node);
    }
    let commands = bench.word(stepped(false));
    assert_eq!(commands[..3], given_back(seat(1, 0), seat(1, 1)));
    assert_eq!(commands[3..], [Command::Keep(seat(2, 0), train(1))]);
    let calls = vec![(seat(0, 0), vec![node(0, 0)]), (seat(2, 0), vec![node(1, 1)])];
    let kept = bench.word(Event::Kept(seat(2, 0), train(1)));
    assert_eq!(kept[0], Command::Broadcast(train(2), calls));
}

#[test]
fn a_survivor_that_is_wanted_back_is_not_waited_for() {
    let mut bench = Bench::second(rules(), &[seat(0, 0), seat(1, 0)]);
    bench.give(Event::Hello(seat(0, 0), holding(0..2, &[train(2)])));
    let commands = doom(&mut bench, seat(1, 0));
    assert_eq!(commands[..3], given_back(seat(1, 0), seat(1, 1001)));
    assert_eq!(commands[3..], [Command::Fetch(seat(0, 0), train(2))]);
}
