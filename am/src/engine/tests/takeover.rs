//! A second master finds the workers of the first.

use super::*;

const BOTH: [Seat; 2] = [Seat { worker: 0, incarnation: 0 }, Seat { worker: 1, incarnation: 0 }];

fn hello(bench: &mut Bench, worker: u32, records: &[Round]) -> Vec<Command> {
    bench.give(Event::Hello(seat(worker, 0), holding(worker * 2..worker * 2 + 2, records)))
}

fn fetch(worker: u32, round: Round) -> Command {
    Command::Fetch(seat(worker, 0), round)
}

fn fetched(bench: &mut Bench, worker: u32, round: Round) -> Vec<Command> {
    bench.give(Event::Fetched(seat(worker, 0), round))
}

fn restored(bench: &mut Bench, round: Round) -> Vec<Command> {
    bench.give(Event::Restored(round, Summary { splits: 4, rows: 40, columns: 10, stored: 400 }))
}

fn broadcast(round: Round, workers: &[u32]) -> Command {
    Command::Broadcast(
        round,
        workers.iter().map(|&worker| (seat(worker, 0), vec![node(1, worker)])).collect(),
    )
}

#[test]
fn with_all_back_the_job_goes_on_from_the_newest_record_and_nothing_is_loaded() {
    let mut bench = Bench::second(rules(), &BOTH);
    assert_eq!(hello(&mut bench, 0, &[train(1), train(2)]), []);
    assert_eq!(hello(&mut bench, 1, &[train(1)]), [fetch(0, train(2))], "one alone keeps the newest");
    assert_eq!(fetched(&mut bench, 0, train(2)), [Command::Restore]);
    assert_eq!(restored(&mut bench, train(2)), [broadcast(train(2), &[0, 1])]);
    bench.update(seat(0, 0), train(2), node(1, 0));
    assert_eq!(
        bench.update(seat(1, 0), train(2), node(1, 1)),
        [Command::Merge(node(1, 1)), step(train(2), 4)]
    );
}

#[test]
fn those_without_a_container_are_launched_under_numbers_of_this_attempt() {
    let mut bench = Bench::new(Rules { attempt: 2, ..rules() });
    let commands = bench.give(Event::TakeOver(vec![seat(1, 3)]));
    assert_eq!(commands, [Command::Launch(seat(0, 1000))]);
    assert_eq!(bench.lose(seat(1, 3)), replaced(seat(1, 3), seat(1, 1001)), "the first may have launched 4");
}

#[test]
fn one_that_is_missing_is_waited_for_two_seconds_and_may_come_later() {
    let mut bench = Bench::second(rules(), &BOTH);
    assert_eq!(hello(&mut bench, 0, &[train(2)]), []);
    assert_eq!(bench.after(1, Event::Tick), []);
    assert_eq!(bench.after(1, Event::Tick), [fetch(0, train(2))]);
    fetched(&mut bench, 0, train(2));
    assert_eq!(restored(&mut bench, train(2)), [broadcast(train(2), &[0])]);
    assert_eq!(hello(&mut bench, 1, &[train(3)]), [broadcast(train(2), &[1])], "a pass is made again");
}

#[test]
fn one_that_never_comes_is_replaced() {
    let mut bench = Bench::second(rules(), &BOTH);
    bench.after(20, Event::Heard(seat(0, 0)));
    hello(&mut bench, 0, &[]);
    let told = note("worker 1 did not come back to the new master for 31 s; starting another");
    let begin = Command::Initialise(Summary { splits: 4, rows: 40, columns: 10, stored: 400 });
    assert_eq!(
        bench.after(11, Event::Tick),
        [Command::Release(seat(1, 0)), told, Command::Launch(seat(1, 1001))]
    );
    assert_eq!(bench.arrive(seat(1, 1001), 2..4).last(), Some(&begin));
}

#[test]
fn nobody_goes_back_behind_the_commit_rule_for_want_of_patience() {
    let seats = vec![0..2, 2..4, 4..5];
    let survivors = [seat(0, 0), seat(1, 0), seat(2, 0)];
    let mut bench = Bench::second(Rules { seats, ..rules() }, &survivors);
    // This one was slow: its last record is old. That one was not: the record of pass 8 at least must be somewhere.
    hello(&mut bench, 0, &[train(2)]);
    let third = Holding { newest: Some(train(9)), ..holding(4..5, &[]) };
    bench.give(Event::Hello(seat(2, 0), third));
    assert_eq!(bench.after(5, Event::Tick), []);
    assert_eq!(hello(&mut bench, 1, &[train(8)]), [fetch(1, train(8))]);
}

#[test]
fn without_any_record_the_job_begins_anew_with_what_is_loaded_and_says_so() {
    let mut bench = Bench::second(rules(), &BOTH);
    let cut_off =
        |worker: u32| Holding { newest: Some(train(7)), ..holding(worker * 2..worker * 2 + 2, &[]) };
    bench.give(Event::Hello(seat(0, 0), cut_off(0)));
    let told = note("pass 7 was under way, and whoever kept its record is lost with the master");
    let begin = Command::Initialise(Summary { splits: 4, rows: 40, columns: 10, stored: 400 });
    assert_eq!(bench.give(Event::Hello(seat(1, 0), cut_off(1))), [told, begin]);
    assert_eq!(bench.give(Event::Initialised), [broadcast(train(1), &[0, 1])]);
}

#[test]
fn without_any_record_a_checkpoint_is_as_good() {
    let mut bench = Bench::second(rules(), &BOTH);
    hello(&mut bench, 0, &[]);
    hello(&mut bench, 1, &[]);
    assert_eq!(restored(&mut bench, train(3)), [broadcast(train(3), &[0, 1])]);
}

#[test]
fn a_master_lost_during_the_load_has_the_rest_loaded() {
    let mut bench = Bench::second(rules(), &BOTH);
    let partly = bench.give(Event::Hello(seat(0, 0), holding(0..1, &[])));
    assert_eq!(partly, [Command::Load(seat(0, 0), 1..2, false)]);
    assert_eq!(hello(&mut bench, 1, &[]), []);
    assert!(matches!(bench.give(Event::Loaded(seat(0, 0), loaded(1)))[..], [Command::Initialise(_)]));
}

#[test]
fn a_split_whose_load_the_first_master_ordered_counts() {
    let mut bench = Bench::second(Rules { patient: true, ..rules() }, &BOTH[1..]);
    hello(&mut bench, 1, &[]);
    // Adopted under the first master, still on its way when that was lost.
    bench.give(Event::Loaded(seat(1, 0), loaded(0)));
    bench.give(Event::Loaded(seat(1, 0), loaded(1)));
    bench.after(30, Event::Heard(seat(1, 0)));
    let commands = bench.after(31, Event::Heard(seat(1, 0)));
    assert_eq!(commands, []);
    let told = note("worker 0 got no container within 60 s: worker 1 takes its splits as well");
    let begin = Command::Initialise(Summary { splits: 4, rows: 40, columns: 10, stored: 400 });
    assert_eq!(bench.give(Event::Tick), [told, begin], "there is nothing left to load");
}

#[test]
fn splits_that_a_survivor_holds_for_another_are_served_by_it() {
    let mut bench = Bench::second(rules(), &BOTH[1..]);
    let all = Event::Hello(seat(1, 0), holding(0..4, &[train(2)]));
    assert_eq!(bench.give(all), [fetch(1, train(2))]);
    fetched(&mut bench, 1, train(2));
    let calls = vec![(seat(1, 0), vec![node(1, 0), node(1, 1)])];
    assert_eq!(restored(&mut bench, train(2)), [Command::Broadcast(train(2), calls)]);
}

#[test]
fn a_survivor_of_which_the_cluster_did_not_speak_is_taken_in() {
    let mut bench = Bench::second(rules(), &BOTH[..1]);
    assert_eq!(hello(&mut bench, 0, &[train(2)]), [fetch(0, train(2))]);
    fetched(&mut bench, 0, train(2));
    restored(&mut bench, train(2));
    assert_eq!(hello(&mut bench, 1, &[]), [Command::Release(seat(1, 1000)), broadcast(train(2), &[1])]);
    assert_eq!(bench.lose(seat(1, 0)), replaced(seat(1, 0), seat(1, 1001)), "1000 has been sent away");
}

#[test]
fn a_survivor_that_comes_before_anything_is_begun_anew_brings_its_record() {
    let mut bench = Bench::second(rules(), &[]);
    bench.arrive(seat(0, 1000), 0..2);
    let late = Event::Hello(seat(1, 0), holding(2..4, &[train(2)]));
    assert_eq!(bench.give(late), [Command::Release(seat(1, 1000)), fetch(1, train(2))]);
}

#[test]
fn an_orphan_is_sent_away() {
    let mut bench = Bench::second(rules(), &[seat(0, 1), seat(0, 0), seat(1, 0)]);
    assert_eq!(hello(&mut bench, 0, &[train(2)]), [Command::Release(seat(0, 0))], "of two the older");
    bench.arrive(seat(1, 0), 2..4);
    assert_eq!(bench.give(Event::Hello(seat(1, 7), Holding::default())), [Command::Release(seat(1, 7))]);
}

#[test]
fn a_keeper_lost_before_it_has_sent_the_record_is_not_waited_for() {
    let mut bench = Bench::second(rules(), &BOTH);
    hello(&mut bench, 0, &[train(2)]);
    assert_eq!(hello(&mut bench, 1, &[train(2)]), [fetch(1, train(2))]);
    assert_eq!(bench.lose(seat(1, 0)).last(), Some(&fetch(0, train(2))));
    assert_eq!(fetched(&mut bench, 1, train(2)), [], "it comes late");
    assert_eq!(fetched(&mut bench, 0, train(2)), [Command::Restore]);
    assert_eq!(bench.lose(seat(0, 0)).len(), 3, "the record is here");
    let calls = Command::Broadcast(train(2), vec![]);
    assert_eq!(restored(&mut bench, train(2)), [calls]);
    assert_eq!(restored(&mut bench, train(2)), []);
}

#[test]
fn a_keeper_that_calls_again_or_gives_its_container_back_is_asked_again_or_no_more() {
    let mut bench = Bench::second(rules(), &BOTH);
    hello(&mut bench, 0, &[train(2)]);
    assert_eq!(hello(&mut bench, 1, &[train(2)]), [fetch(1, train(2))]);
    assert_eq!(hello(&mut bench, 1, &[train(2)]), [fetch(1, train(2))]);
    let commands = bench.give(Event::Doomed(seat(1, 0), "preemption".to_owned()));
    assert_eq!(commands.last(), Some(&fetch(0, train(2))));
}

#[test]
fn a_keeper_that_keeps_nothing_after_all_is_lost() {
    let mut bench = Bench::second(rules(), &BOTH);
    hello(&mut bench, 0, &[train(2)]);
    hello(&mut bench, 1, &[train(3)]);
    let failed = Event::Failed(seat(1, 0), Fault::System, None, "it keeps nothing of pass 3".to_owned());
    assert_eq!(bench.give(failed).last(), Some(&fetch(0, train(2))));
}
