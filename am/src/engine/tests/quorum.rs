//! `--quorum` and `--pass-deadline`: who is late is not waited for, who is stuck is replaced.

use super::*;

fn ignoring() -> Rules {
    Rules { on_loss: OnLoss::Ignore, ..rules() }
}

fn wait(bench: &mut Bench, millis: u64) -> Vec<Command> {
    bench.now += Duration::from_millis(millis);
    bench.give(Event::Tick)
}

fn deadline(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn after_the_quorum_the_rest_has_as_long_again() {
    let mut bench = Bench::in_pass_1(Rules { quorum: Some(0.5), ..ignoring() });
    bench.now += Duration::from_secs(1);
    bench.update(seat(0, 0), train(1), node(1, 0));
    assert_eq!(wait(&mut bench, 0), []);
    assert_eq!(wait(&mut bench, 1000), []);
    assert_eq!(wait(&mut bench, 1), [step(train(1), 2)]);
    assert_eq!(bench.update(seat(1, 0), train(1), node(1, 1)), [], "too late, and nobody is lost");
    let calls = vec![(seat(0, 0), vec![node(1, 0)]), (seat(1, 0), vec![node(1, 1)])];
    assert_eq!(bench.give(stepped(false)), [Command::Broadcast(train(2), calls)]);
    assert_eq!(bench.update(seat(1, 0), train(1), node(1, 1)), [], "of another pass");
}

#[test]
fn below_the_quorum_everyone_is_waited_for() {
    let mut bench = Bench::in_pass_1(Rules { quorum: Some(0.6), ..ignoring() });
    bench.update(seat(0, 0), train(1), node(1, 0));
    assert_eq!(wait(&mut bench, 20_000), []);
}

#[test]
fn nobody_is_late_within_a_tenth_of_a_second() {
    let mut bench = Bench::in_pass_1(Rules { quorum: Some(0.5), ..ignoring() });
    bench.update(seat(0, 0), train(1), node(1, 0));
    assert_eq!(wait(&mut bench, 0), []);
    assert_eq!(wait(&mut bench, 100), []);
    assert_eq!(wait(&mut bench, 1), [step(train(1), 2)]);
}

#[test]
fn under_restart_a_quorum_changes_nothing() {
    let mut bench = Bench::in_pass_1(Rules { quorum: Some(0.5), ..rules() });
    bench.update(seat(0, 0), train(1), node(1, 0));
    assert_eq!(wait(&mut bench, 20_000), []);
}

#[test]
fn under_approximate_what_is_late_is_stood_in_for() {
    let mut bench = Bench::in_pass_1(Rules { quorum: Some(0.5), on_loss: OnLoss::Approximate, ..rules() });
    for worker in 0..2 {
        bench.update(seat(worker, 0), train(1), node(1, worker));
    }
    bench.give(stepped(false));
    bench.update(seat(0, 0), train(2), node(1, 0));
    wait(&mut bench, 0);
    assert_eq!(wait(&mut bench, 101)[0], Command::Reuse(node(1, 1)));
}

#[test]
fn at_the_deadline_the_pass_goes_on_and_who_misses_three_is_stuck() {
    let mut bench = Bench::in_pass_1(Rules { pass_deadline: deadline(5), passes: 9, ..ignoring() });
    for pass in 1..3 {
        bench.update(seat(0, 0), train(pass), node(1, 0));
        assert_eq!(wait(&mut bench, 5000), []);
        assert_eq!(wait(&mut bench, 1), [step(train(pass), 2)]);
        bench.give(Event::Heard(seat(1, 0)));
        bench.give(stepped(false));
    }
    bench.update(seat(0, 0), train(3), node(1, 0));
    let told = note("worker 1 did not finish pass 3 within 5 s; starting another");
    let lost = [Command::Release(seat(1, 0)), told, Command::Launch(seat(1, 1)), step(train(3), 2)];
    assert_eq!(wait(&mut bench, 5001), lost);
}

#[test]
fn who_replies_in_between_is_not_stuck() {
    let mut bench = Bench::in_pass_1(Rules { pass_deadline: deadline(5), passes: 9, ..ignoring() });
    for pass in 1..9 {
        bench.update(seat(0, 0), train(pass), node(1, 0));
        bench.give(Event::Heard(seat(1, 0)));
        if pass % 3 == 0 {
            bench.update(seat(1, 0), train(pass), node(1, 1));
        } else {
            assert_eq!(wait(&mut bench, 5001), [step(train(pass), 2)]);
        }
        bench.give(stepped(false));
    }
}

#[test]
fn under_restart_who_misses_the_deadline_is_replaced_and_the_next_one_has_its_own_time() {
    let mut bench = Bench::in_pass_1(Rules { pass_deadline: deadline(5), ..rules() });
    bench.update(seat(0, 0), train(1), node(1, 0));
    let told = note("worker 1 did not finish pass 1 within 5 s; starting another");
    let expected = [Command::Release(seat(1, 0)), told, Command::Launch(seat(1, 1))];
    assert_eq!(wait(&mut bench, 5001), expected);
    bench.now += Duration::from_secs(9);
    bench.arrive(seat(1, 1), 2..4);
    assert_eq!(wait(&mut bench, 5000), [], "it has only been asked 5 s ago");
    let last = bench.update(seat(1, 1), train(1), node(1, 1));
    assert_eq!(last, [Command::Merge(node(1, 1)), step(train(1), 4)]);
}

#[test]
fn a_deadline_that_nobody_meets_is_waited_for_three_times_over() {
    let mut bench = Bench::in_pass_1(Rules { pass_deadline: deadline(5), ..ignoring() });
    assert_eq!(wait(&mut bench, 15_000), [], "there is nothing to go on with");
    let commands = wait(&mut bench, 1);
    let lost = commands.iter().filter(|command| matches!(command, Command::Launch(_))).count();
    assert_eq!(lost, 2, "{commands:?}");
}
