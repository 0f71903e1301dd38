//! Who keeps the record of a round, and what waits for it.

use super::*;

/// Three workers, two of them on one machine, in pass 1; nothing is kept yet.
fn three() -> Bench {
    let seats = vec![0..1, 1..2, 2..4];
    let mut bench = Bench::new(Rules { seats: seats.clone(), ..rules() });
    bench.word(Event::Start);
    for (worker, host) in (0..).zip(["a", "a", "b"]) {
        bench.word(Event::Hello(seat(worker, 0), Holding { host: host.to_owned(), ..Holding::default() }));
        for split in seats[worker as usize].clone() {
            bench.word(Event::Loaded(seat(worker, 0), loaded(split)));
        }
    }
    let keep = |worker| Command::Keep(seat(worker, 0), train(1));
    assert_eq!(bench.word(Event::Initialised)[1..], [keep(0), keep(2)], "two, on different machines");
    bench
}

fn own(worker: u32) -> Node {
    [node(0, 0), node(0, 1), node(1, 1)][worker as usize]
}

fn call(worker: u32) -> (Seat, Vec<Node>) {
    (seat(worker, 0), vec![own(worker)])
}

fn kept(bench: &mut Bench, worker: u32) -> Vec<Command> {
    bench.word(Event::Kept(seat(worker, 0), train(1)))
}

/// All updates have come and the step is made.
fn stepped_pass_1(bench: &mut Bench) -> Vec<Command> {
    for worker in 0..3 {
        bench.word(Event::Updated(seat(worker, 0), train(1), own(worker), 100));
    }
    bench.word(stepped(false))
}

#[test]
fn a_round_does_not_begin_before_two_have_the_record_of_the_one_before() {
    let mut bench = three();
    assert_eq!(stepped_pass_1(&mut bench), []);
    assert_eq!(kept(&mut bench, 0), []);
    assert_eq!(bench.engine.safe(), 0);
    let calls = vec![call(0), call(1), call(2)];
    assert_eq!(kept(&mut bench, 2)[0], Command::Broadcast(train(2), calls));
    assert_eq!(bench.engine.safe(), 1);
}

#[test]
fn a_record_kept_while_the_pass_runs_keeps_nobody_waiting() {
    let mut bench = three();
    assert_eq!(kept(&mut bench, 2), []);
    assert_eq!(kept(&mut bench, 0), []);
    assert!(matches!(stepped_pass_1(&mut bench)[0], Command::Broadcast(Round { pass: 2, .. }, _)));
}

#[test]
fn what_another_keeps_or_of_another_round_is_not_waited_for() {
    let mut bench = three();
    stepped_pass_1(&mut bench);
    kept(&mut bench, 0);
    assert_eq!(kept(&mut bench, 1), [], "nobody asked it");
    assert_eq!(bench.word(Event::Kept(seat(2, 0), look(1))), []);
    assert_eq!(bench.word(Event::Kept(seat(2, 0), train(2))), []);
    assert!(!kept(&mut bench, 2).is_empty());
}

#[test]
fn a_keeper_lost_before_or_after_it_kept_is_replaced_by_one_that_has_the_state() {
    for first in [None, Some(2)] {
        let mut bench = three();
        stepped_pass_1(&mut bench);
        kept(&mut bench, 0);
        if let Some(worker) = first {
            // Were it the last one to keep, the next round would have begun.
            bench.engine.keepers.kept(seat(worker, 0), train(1));
        }
        let commands = bench.word(Event::Lost(seat(2, 0), "was killed".to_owned()));
        assert_eq!(commands.last(), Some(&Command::Keep(seat(1, 0), train(1))));
        assert!(matches!(kept(&mut bench, 1)[0], Command::Broadcast(Round { pass: 2, .. }, _)));
    }
}

#[test]
fn one_worker_alone_keeps_alone() {
    let mut bench = Bench::new(Rules { seats: vec![0..1], ..rules() });
    bench.word(Event::Start);
    bench.word(Event::Hello(seat(0, 0), Holding::default()));
    bench.word(Event::Loaded(seat(0, 0), loaded(0)));
    let commands = bench.word(Event::Initialised);
    assert_eq!(commands[1..], [Command::Keep(seat(0, 0), train(1))]);
    bench.word(Event::Updated(seat(0, 0), train(1), node(0, 0), 100));
    assert_eq!(bench.word(stepped(false)), []);
    assert!(!bench.word(Event::Kept(seat(0, 0), train(1))).is_empty());
}

#[test]
fn when_all_that_have_the_state_are_gone_there_is_nothing_to_wait_for() {
    let mut bench = three();
    stepped_pass_1(&mut bench);
    for worker in 0..2 {
        bench.word(Event::Lost(seat(worker, 0), "was killed".to_owned()));
    }
    let commands = bench.word(Event::Lost(seat(2, 0), "was killed".to_owned()));
    assert_eq!(commands.last(), Some(&Command::Broadcast(train(2), vec![])), "it waits for the new ones");
}

#[test]
fn a_keeper_that_calls_again_gets_the_record_again() {
    let mut bench = three();
    stepped_pass_1(&mut bench);
    let back = Event::Hello(seat(2, 0), Holding { newest: Some(train(1)), ..holding(2..4, &[]) });
    assert_eq!(bench.word(back.clone()), [Command::Keep(seat(2, 0), train(1))]);
    kept(&mut bench, 2);
    assert_eq!(bench.word(back), [], "it has told that it keeps it");
}

#[test]
fn a_keeper_that_calls_again_and_never_got_the_state_cannot_keep_it() {
    let mut bench = three();
    stepped_pass_1(&mut bench);
    kept(&mut bench, 0);
    let back = Event::Hello(seat(2, 0), holding(2..4, &[]));
    assert_eq!(bench.word(back), [Command::Keep(seat(1, 0), train(1))]);
    assert!(matches!(kept(&mut bench, 1)[0], Command::Broadcast(Round { pass: 2, .. }, _)));
}
