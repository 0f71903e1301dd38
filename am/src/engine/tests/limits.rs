//! When too many workers are lost, the job ends.

use super::*;

fn lose(bench: &mut Bench, seat: Seat) -> Vec<Command> {
    bench.give(Event::Lost(seat, "was killed".to_owned()))
}

fn end(text: &str) -> Command {
    Command::End(End::WorkersLost(text.to_owned()))
}

#[test]
fn a_split_that_loses_its_third_worker_ends_the_job() {
    let mut bench = Bench::in_pass_1(rules());
    for incarnation in 0..2 {
        let commands = lose(&mut bench, seat(1, incarnation));
        assert_eq!(commands.last(), Some(&Command::Launch(seat(1, incarnation + 1))));
    }
    lose(&mut bench, seat(0, 0));
    let text = "worker 1 was killed; split 2 has now lost 3 workers";
    assert_eq!(lose(&mut bench, seat(1, 2)), [Command::Release(seat(1, 2)), end(text)]);
}

#[test]
fn more_than_max_failures_end_the_job() {
    let mut bench = Bench::in_pass_1(Rules { max_failures: 2, ..rules() });
    assert_eq!(lose(&mut bench, seat(0, 0)).last(), Some(&Command::Launch(seat(0, 1))));
    assert_eq!(lose(&mut bench, seat(1, 0)).last(), Some(&Command::Launch(seat(1, 1))));
    let text = "worker 0 was killed; 3 workers were lost, --max-failures allows 2";
    assert_eq!(lose(&mut bench, seat(0, 1)), [Command::Release(seat(0, 1)), end(text)]);
}

#[test]
fn max_failures_0_bears_none() {
    let mut bench = Bench::in_pass_1(Rules { max_failures: 0, ..rules() });
    let text = "worker 1 was killed; 1 workers were lost, --max-failures allows 0";
    assert_eq!(lose(&mut bench, seat(1, 0)), [Command::Release(seat(1, 0)), end(text)]);
}

#[test]
fn after_the_end_nothing_follows_from_anything() {
    let mut bench = Bench::in_pass_1(Rules { max_failures: 0, ..rules() });
    lose(&mut bench, seat(1, 0));
    let events = [
        Event::Lost(seat(0, 0), "was killed".to_owned()),
        Event::Hello(seat(0, 0), Holding::default()),
        Event::Updated(seat(0, 0), train(1), node(1, 0), 100),
        Event::UserFailed("no luck".to_owned()),
        Event::Start,
    ];
    for event in events {
        assert_eq!(bench.give(event.clone()), [], "{event:?}");
    }
    assert_eq!(bench.after(1000, Event::Tick), []);
}
