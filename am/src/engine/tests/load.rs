//! From the launch to the first round.

use super::*;

#[test]
fn every_seat_is_launched_loads_its_own_splits_and_the_last_of_them_begins_the_job() {
    let mut bench = Bench::new(rules());
    let launches = [Command::Launch(seat(0, 0)), Command::Launch(seat(1, 0))];
    assert_eq!(bench.give(Event::Start), launches);
    assert_eq!(
        bench.give(Event::Hello(seat(1, 0), Holding::default())),
        [Command::Load(seat(1, 0), 2..4, false)]
    );
    assert_eq!(
        bench.give(Event::Hello(seat(0, 0), Holding::default())),
        [Command::Load(seat(0, 0), 0..2, false)]
    );
    for split in [3, 0, 2] {
        assert_eq!(bench.give(Event::Loaded(seat(split / 2, 0), loaded(split))), []);
    }
    let summary = Summary { splits: 4, rows: 40, columns: 10, stored: 400 };
    assert_eq!(bench.give(Event::Loaded(seat(0, 0), loaded(1))), [Command::Initialise(summary)]);
    let calls = vec![(seat(0, 0), vec![node(1, 0)]), (seat(1, 0), vec![node(1, 1)])];
    assert_eq!(bench.give(Event::Initialised), [Command::Broadcast(train(1), calls)]);
}

#[test]
fn a_fixed_number_of_columns_overrules_what_the_splits_hold() {
    let mut bench = Bench::new(Rules { columns: Some(99), ..rules() });
    bench.give(Event::Start);
    bench.arrive(seat(0, 0), 0..2);
    let commands = bench.arrive(seat(1, 0), 2..4);
    assert_eq!(commands, [Command::Initialise(Summary { splits: 4, rows: 40, columns: 99, stored: 400 })]);
}

#[test]
fn an_input_without_rows_is_bad_input() {
    let mut bench = Bench::new(Rules { seats: vec![0..1], ..rules() });
    bench.give(Event::Start);
    bench.give(Event::Hello(seat(0, 0), Holding::default()));
    let empty = Loaded { rows: 0, ..loaded(0) };
    let end = End::BadInput("the input holds no rows".to_owned());
    assert_eq!(bench.give(Event::Loaded(seat(0, 0), empty)), [Command::End(end)]);
}

#[test]
fn bad_input_ends_the_job_at_once_in_the_loaders_own_words() {
    let mut bench = Bench::new(rules());
    bench.give(Event::Start);
    bench.give(Event::Hello(seat(0, 0), Holding::default()));
    let failed = Event::Failed(seat(0, 0), Fault::BadInput, Some(1), "x.libsvm:17:5: no".to_owned());
    assert_eq!(bench.give(failed), [Command::End(End::BadInput("x.libsvm:17:5: no".to_owned()))]);
}

#[test]
fn a_worker_lost_during_the_load_is_replaced_and_the_job_begins_when_the_new_one_is_ready() {
    let mut bench = Bench::new(rules());
    bench.give(Event::Start);
    bench.arrive(seat(0, 0), 0..2);
    bench.give(Event::Hello(seat(1, 0), Holding::default()));
    bench.give(Event::Loaded(seat(1, 0), loaded(2)));
    let commands = bench.give(Event::Lost(seat(1, 0), "was killed".to_owned()));
    let told = note("worker 1 was killed; starting another");
    assert_eq!(commands, [Command::Release(seat(1, 0)), told, Command::Launch(seat(1, 1))]);
    assert_eq!(
        bench.give(Event::Hello(seat(1, 1), Holding::default())),
        [Command::Load(seat(1, 1), 2..4, false)]
    );
    assert_eq!(bench.give(Event::Loaded(seat(1, 1), loaded(2))), []);
    let back = note("worker 1 is back, its splits loaded again");
    let summary = Summary { splits: 4, rows: 40, columns: 10, stored: 400 };
    assert_eq!(
        bench.give(Event::Loaded(seat(1, 1), loaded(3))),
        [back, Command::Initialise(summary)],
        "no split is counted twice"
    );
}

#[test]
fn a_worker_lost_after_its_load_keeps_the_others_waiting() {
    let mut bench = Bench::new(rules());
    bench.give(Event::Start);
    bench.arrive(seat(0, 0), 0..2);
    bench.give(Event::Lost(seat(0, 0), "was killed".to_owned()));
    assert_eq!(bench.arrive(seat(1, 0), 2..4), []);
    assert!(bench.arrive(seat(0, 1), 0..2).iter().any(|command| matches!(command, Command::Initialise(_))));
}
