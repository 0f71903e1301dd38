//! Workers beyond the places: they load one of them and take over when its worker is lost.

use super::*;

/// Two workers and one spare, which has the splits of the first; all are ready, pass 1 is under way.
fn with_spare() -> Bench {
    let mut bench = Bench::new(Rules { spares: 1, ..rules() });
    let launches: Vec<_> = (0..3).map(|worker| Command::Launch(seat(worker, 0))).collect();
    assert_eq!(bench.give(Event::Start), launches);
    bench.arrive(seat(0, 0), 0..2);
    bench.arrive(seat(1, 0), 2..4);
    bench.give(Event::Initialised);
    bench.arrive(seat(2, 0), 0..2);
    bench
}

#[test]
fn the_job_does_not_wait_for_spares_and_asks_nothing_of_them() {
    let mut bench = Bench::new(Rules { spares: 1, ..rules() });
    bench.give(Event::Start);
    bench.arrive(seat(0, 0), 0..2);
    assert!(matches!(bench.arrive(seat(1, 0), 2..4)[..], [Command::Initialise(_)]));
    let calls = vec![(seat(0, 0), vec![node(1, 0)]), (seat(1, 0), vec![node(1, 1)])];
    assert_eq!(bench.give(Event::Initialised), [Command::Broadcast(train(1), calls)]);
    let load = Command::Load(seat(2, 0), 0..2, false);
    assert_eq!(bench.give(Event::Hello(seat(2, 0), Holding::default())), [load]);
}

#[test]
fn a_spare_takes_over_at_once_and_the_replacement_becomes_the_spare() {
    let mut bench = with_spare();
    let told = note("worker 0 was killed; the spare worker 2 takes over; starting another");
    let call = Command::Broadcast(train(1), vec![(seat(2, 0), vec![node(1, 0)])]);
    let expected = [Command::Release(seat(0, 0)), told, Command::Launch(seat(0, 1)), call];
    assert_eq!(bench.lose(seat(0, 0)), expected);
    bench.update(seat(1, 0), train(1), node(1, 1));
    let last = bench.update(seat(2, 0), train(1), node(1, 0));
    assert_eq!(last, [Command::Merge(node(1, 0)), step(train(1), 4)]);
    bench.arrive(seat(0, 1), 0..2);
    let calls = vec![(seat(1, 0), vec![node(1, 1)]), (seat(2, 0), vec![node(1, 0)])];
    assert_eq!(bench.give(stepped(false)), [Command::Broadcast(train(2), calls)]);
    let told = note("worker 2 was killed; the spare worker 0 takes over; starting another");
    assert_eq!(bench.lose(seat(2, 0))[1], told);
}

#[test]
fn a_spare_of_other_splits_or_one_that_still_loads_is_no_help() {
    let mut bench = with_spare();
    assert_eq!(bench.lose(seat(1, 0)), replaced(seat(1, 0), seat(1, 1)));
    bench.lose(seat(2, 0));
    bench.give(Event::Hello(seat(2, 1), Holding::default()));
    bench.give(Event::Loaded(seat(2, 1), loaded(0)));
    assert_eq!(bench.lose(seat(0, 0)), replaced(seat(0, 0), seat(0, 1)));
}

#[test]
fn a_lost_spare_is_launched_again_and_disturbs_nobody() {
    let mut bench = with_spare();
    assert_eq!(bench.lose(seat(2, 0)), replaced(seat(2, 0), seat(2, 1)));
    bench.update(seat(0, 0), train(1), node(1, 0));
    let last = bench.update(seat(1, 0), train(1), node(1, 1));
    assert_eq!(last, [Command::Merge(node(1, 1)), step(train(1), 4)]);
}

#[test]
fn under_ignore_a_spare_comes_before_going_on_without() {
    let mut bench = Bench::new(Rules { spares: 1, on_loss: OnLoss::Ignore, ..rules() });
    bench.give(Event::Start);
    for (worker, splits) in [(0, 0..2), (2, 0..2), (1, 2..4)] {
        bench.arrive(seat(worker, 0), splits);
    }
    bench.give(Event::Initialised);
    bench.update(seat(1, 0), train(1), node(1, 1));
    let call = Command::Broadcast(train(1), vec![(seat(2, 0), vec![node(1, 0)])]);
    assert_eq!(bench.lose(seat(0, 0)).last(), Some(&call));
}

#[test]
fn a_spare_serves_a_place_whose_worker_never_came() {
    let mut bench = Bench::new(Rules { spares: 1, patient: true, on_loss: OnLoss::Restart, ..rules() });
    bench.give(Event::Start);
    bench.arrive(seat(1, 0), 2..4);
    bench.arrive(seat(2, 0), 0..2);
    bench.now += Duration::from_secs(61);
    for worker in 1..3 {
        bench.give(Event::Heard(seat(worker, 0)));
    }
    let told = note("worker 0 got no container within 60 s: the spare worker 2 takes over");
    let begin = Command::Initialise(Summary { splits: 4, rows: 40, columns: 10, stored: 400 });
    assert_eq!(bench.give(Event::Tick), [told, begin]);
}
