//! Everything that waits has a deadline.

use super::*;

#[test]
fn a_process_that_does_not_report_is_replaced() {
    let mut bench = Bench::new(rules());
    bench.give(Event::Start);
    bench.give(Event::Hello(seat(0, 0), Holding::default()));
    let heard = Event::Heard(seat(0, 0));
    bench.after(40, heard);
    assert_eq!(bench.after(20, Event::Tick), [], "60 s are not more than 60 s");
    let commands = bench.after(1, Event::Tick);
    let told = note("worker 1 did not report for 61 s; starting another");
    assert_eq!(commands, [Command::Release(seat(1, 0)), told, Command::Launch(seat(1, 1))]);
    assert_eq!(bench.after(1, Event::Tick), [], "the new one has its own time");
}

#[test]
fn a_silent_worker_is_replaced_and_one_that_gives_signs_of_life_is_not() {
    let mut bench = Bench::in_pass_1(rules());
    bench.after(20, Event::Heard(seat(0, 0)));
    let commands = bench.after(11, Event::Tick);
    let told = note("worker 1 gave no sign of life for 31 s; starting another");
    assert_eq!(commands, [Command::Release(seat(1, 0)), told, Command::Launch(seat(1, 1))]);
}

#[test]
fn whatever_a_worker_says_is_a_sign_of_life() {
    let signs = [
        Event::Heard(seat(1, 0)),
        Event::Updated(seat(1, 0), train(1), node(1, 1), 100),
        Event::Offered(seat(1, 0), train(1), node(1, 1), 1 << 20),
        Event::Updated(seat(1, 0), train(9), node(1, 1), 100),
    ];
    for sign in signs {
        let mut bench = Bench::in_pass_1(rules());
        bench.after(29, Event::Heard(seat(0, 0)));
        bench.give(sign.clone());
        assert_eq!(bench.after(29, Event::Tick), [], "{sign:?}");
    }
}

#[test]
fn a_load_that_gets_on_is_no_silence() {
    let mut bench = Bench::new(Rules { seats: vec![0..3], ..rules() });
    bench.give(Event::Start);
    bench.after(50, Event::Hello(seat(0, 0), Holding::default()));
    for split in 0..2 {
        assert_eq!(bench.after(29, Event::Loaded(seat(0, 0), loaded(split))), []);
        assert_eq!(bench.give(Event::Tick), []);
    }
    assert_eq!(bench.after(31, Event::Tick).first(), Some(&Command::Release(seat(0, 0))));
}

#[test]
fn silent_workers_count_as_failures() {
    let mut bench = Bench::in_pass_1(Rules { max_failures: 1, ..rules() });
    let commands = bench.after(31, Event::Tick);
    let text = "worker 1 gave no sign of life for 31 s; 2 workers were lost, --max-failures allows 1";
    assert_eq!(commands.last(), Some(&Command::End(End::WorkersLost(text.to_owned()))));
}

#[test]
fn the_first_silent_worker_too_many_ends_the_job_and_nothing_follows_from_the_others() {
    let mut bench = Bench::in_pass_1(Rules { max_failures: 0, ..rules() });
    let text = "worker 0 gave no sign of life for 31 s; 1 workers were lost, --max-failures allows 0";
    let end = Command::End(End::WorkersLost(text.to_owned()));
    assert_eq!(bench.after(31, Event::Tick), [Command::Release(seat(0, 0)), end]);
}
