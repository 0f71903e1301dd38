//! Containers come when there is room for them: after `--start-timeout` those that are there take the splits of those that are not.

use super::*;

fn patient() -> Rules {
    Rules { patient: true, ..rules() }
}

fn heard(bench: &mut Bench, seats: &[Seat], seconds: u64) {
    for _ in 0..seconds {
        bench.now += Duration::from_secs(1);
        seats.iter().for_each(|&seat| drop(bench.give(Event::Heard(seat))));
    }
}

/// Worker 1 has no container for 61 s, so worker 0 is told to load its splits.
fn adopting() -> Bench {
    let mut bench = Bench::new(patient());
    bench.give(Event::Start);
    bench.arrive(seat(0, 0), 0..2);
    heard(&mut bench, &[seat(0, 0)], 60);
    assert_eq!(bench.give(Event::Tick), [], "60 s are not more than 60 s");
    heard(&mut bench, &[seat(0, 0)], 1);
    let told = note("worker 1 got no container within 60 s: worker 0 takes its splits as well");
    assert_eq!(bench.give(Event::Tick), [told, Command::Load(seat(0, 0), 2..4, true)]);
    assert_eq!(bench.give(Event::Tick), [], "once");
    bench
}

#[test]
fn the_job_begins_with_those_that_came() {
    let mut bench = adopting();
    bench.give(Event::Loaded(seat(0, 0), loaded(2)));
    let begin = Command::Initialise(Summary { splits: 4, rows: 40, columns: 10, stored: 400 });
    assert_eq!(bench.give(Event::Loaded(seat(0, 0), loaded(3))), [begin]);
    let calls = vec![(seat(0, 0), vec![node(1, 0), node(1, 1)])];
    assert_eq!(bench.give(Event::Initialised), [Command::Broadcast(train(1), calls)]);
}

#[test]
fn a_container_that_comes_later_takes_its_splits_back_at_a_pass_boundary() {
    let mut bench = adopting();
    for split in 2..4 {
        bench.give(Event::Loaded(seat(0, 0), loaded(split)));
    }
    bench.give(Event::Initialised);
    bench.give(Event::Started(seat(1, 0)));
    assert_eq!(bench.arrive(seat(1, 0), 2..4), [], "in the middle of a pass nothing changes hands");
    bench.update(seat(0, 0), train(1), node(1, 0));
    let last = bench.update(seat(0, 0), train(1), node(1, 1));
    assert_eq!(last, [Command::Merge(node(1, 1)), step(train(1), 4)]);
    let calls = vec![(seat(0, 0), vec![node(1, 0)]), (seat(1, 0), vec![node(1, 1)])];
    let back = note("worker 1 has come and takes over its splits");
    let expected = [Command::Unload(seat(0, 0), 2..4), back, Command::Broadcast(train(2), calls)];
    assert_eq!(bench.give(stepped(false)), expected);
}

#[test]
fn what_was_handed_back_is_not_counted_upon_even_if_it_is_still_told_of() {
    let mut bench = adopting();
    bench.give(Event::Loaded(seat(0, 0), loaded(2)));
    bench.arrive(seat(1, 0), 2..4);
    bench.give(Event::Loaded(seat(0, 0), loaded(3)));
    bench.give(Event::Initialised);
    // The message to unload them was lost with the connection.
    let commands = bench.give(Event::Hello(seat(0, 0), holding(0..4, &[])));
    assert_eq!(commands[0], Command::Unload(seat(0, 0), 2..4));
    bench.lose(seat(1, 0));
    heard(&mut bench, &[seat(0, 0)], 61);
    let commands = bench.give(Event::Tick);
    assert_eq!(commands.last(), Some(&Command::Load(seat(0, 0), 2..4, true)));
}

#[test]
fn without_room_the_job_ends_and_says_what_to_do() {
    let mut bench = adopting();
    let failed =
        Event::Failed(seat(0, 0), Fault::NoRoom, Some(2), "2 more splits need about 9 MiB".to_owned());
    let commands = bench.give(failed);
    let [Command::End(End::NoRoom(text))] = &commands[..] else { panic!("{commands:?}") };
    assert!(
        text.contains("worker 0 refuses splits: 2 more splits need about 9 MiB; see --workers"),
        "{text}"
    );
}

#[test]
fn without_room_for_splits_whose_worker_has_come_meanwhile_nothing_is_lost() {
    let mut bench = Bench::new(Rules { seats: vec![0..2, 2..4], on_loss: OnLoss::Ignore, ..patient() });
    bench.give(Event::Start);
    for worker in 0..2 {
        bench.give(Event::Started(seat(worker, 0)));
        bench.arrive(seat(worker, 0), worker * 2..worker * 2 + 2);
    }
    bench.give(Event::Initialised);
    bench.update(seat(0, 0), train(1), node(1, 0));
    bench.lose(seat(1, 0));
    bench.give(stepped(false));
    heard(&mut bench, &[seat(0, 0)], 61);
    assert_eq!(bench.give(Event::Tick).last(), Some(&Command::Load(seat(0, 0), 2..4, true)));
    bench.arrive(seat(1, 1), 2..4);
    bench.update(seat(0, 0), train(2), node(1, 0));
    let commands = bench.give(stepped(false));
    assert_eq!(commands[0], Command::Unload(seat(0, 0), 2..4));
    let failed = Event::Failed(seat(0, 0), Fault::NoRoom, Some(2), "2 more splits".to_owned());
    assert_eq!(bench.give(failed), []);
}

#[test]
fn the_nearest_takes_them_and_a_spare_that_has_them_before_anyone() {
    let seats = vec![0..1, 1..2, 2..3, 3..4];
    let mut bench = Bench::new(Rules { seats, spares: 1, ..patient() });
    bench.give(Event::Start);
    let there = [seat(1, 0), seat(2, 0), seat(4, 0)];
    bench.arrive(seat(1, 0), 1..2);
    bench.arrive(seat(2, 0), 2..3);
    bench.arrive(seat(4, 0), 0..1);
    heard(&mut bench, &there, 61);
    let spare = note("worker 0 got no container within 60 s: the spare worker 4 takes over");
    let nearest = note("worker 3 got no container within 60 s: worker 2 takes its splits as well");
    assert_eq!(bench.give(Event::Tick), [spare, nearest, Command::Load(seat(2, 0), 3..4, true)]);
}

#[test]
fn a_process_that_has_a_container_and_does_not_report_is_replaced() {
    let mut bench = Bench::new(patient());
    bench.give(Event::Start);
    bench.arrive(seat(0, 0), 0..2);
    bench.give(Event::Started(seat(1, 0)));
    heard(&mut bench, &[seat(0, 0)], 61);
    let told = note("worker 1 did not report for 61 s; starting another");
    let expected = [Command::Release(seat(1, 0)), told, Command::Launch(seat(1, 1))];
    assert_eq!(bench.give(Event::Tick), expected);
}

#[test]
fn with_nobody_there_the_cluster_is_waited_for() {
    let mut bench = Bench::new(patient());
    bench.give(Event::Start);
    assert_eq!(bench.after(600, Event::Tick), []);
}
