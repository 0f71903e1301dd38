//! Messages that come twice, too late, from the dead, or about what nobody asked for.

use super::*;

#[test]
fn an_update_counts_once() {
    let mut bench = Bench::in_pass_1(rules());
    assert_eq!(bench.update(seat(0, 0), train(1), node(1, 0)), [Command::Merge(node(1, 0))]);
    assert_eq!(bench.update(seat(0, 0), train(1), node(1, 0)), []);
}

#[test]
fn an_update_of_another_round_worker_or_node_is_dropped() {
    let mut bench = Bench::in_pass_1(rules());
    let wrong = [
        (seat(0, 0), train(2), node(1, 0)),
        (seat(0, 0), look(1), node(1, 0)),
        (seat(1, 0), train(1), node(1, 0)),
        (seat(0, 0), train(1), node(0, 0)),
        (seat(0, 0), train(1), node(2, 0)),
        (seat(0, 0), train(1), node(31, u32::MAX)),
        (seat(0, 1), train(1), node(1, 0)),
        (seat(7, 0), train(1), node(1, 0)),
    ];
    for (seat, round, node) in wrong {
        assert_eq!(bench.update(seat, round, node), [], "{seat:?} {round:?} {node:?}");
        assert_eq!(bench.give(Event::Offered(seat, round, node, 1 << 20)), [], "{seat:?} {round:?} {node:?}");
    }
}

#[test]
fn an_update_of_a_worker_already_given_up_is_dropped() {
    let mut bench = Bench::in_pass_1(rules());
    bench.give(Event::Lost(seat(0, 0), "was killed".to_owned()));
    assert_eq!(bench.update(seat(0, 0), train(1), node(1, 0)), []);
    bench.arrive(seat(0, 1), 0..2);
    assert_eq!(bench.update(seat(0, 0), train(1), node(1, 0)), []);
    assert_eq!(bench.update(seat(0, 1), train(1), node(1, 0)), [Command::Merge(node(1, 0))]);
}

#[test]
fn a_process_is_lost_once() {
    let mut bench = Bench::in_pass_1(Rules { max_failures: 1, ..rules() });
    assert_eq!(bench.give(Event::Lost(seat(0, 0), "was killed".to_owned())).len(), 3);
    assert_eq!(bench.give(Event::Lost(seat(0, 0), "is out of reach".to_owned())), []);
    let failed = Event::Failed(seat(0, 0), Fault::User, Some(0), "no luck".to_owned());
    assert_eq!(bench.give(failed), [], "the dead do not end a job");
}

#[test]
fn an_orphan_is_sent_away_and_gets_nothing() {
    let mut bench = Bench::in_pass_1(rules());
    bench.give(Event::Lost(seat(0, 0), "gave no sign of life".to_owned()));
    assert_eq!(bench.give(Event::Hello(seat(0, 0), Holding::default())), [Command::Release(seat(0, 0))]);
    assert_eq!(bench.give(Event::Hello(seat(9, 0), Holding::default())), [Command::Release(seat(9, 0))]);
    assert_eq!(bench.give(Event::Loaded(seat(0, 0), loaded(0))), []);
}

#[test]
fn who_calls_again_is_told_again_what_it_lacks_and_a_second_load_changes_nothing() {
    let mut bench = Bench::new(rules());
    bench.give(Event::Start);
    bench.arrive(seat(1, 0), 2..4);
    for _ in 0..2 {
        let told = [Command::Load(seat(0, 0), 0..2, false)];
        assert_eq!(bench.give(Event::Hello(seat(0, 0), Holding::default())), told);
    }
    assert_eq!(bench.give(Event::Loaded(seat(0, 0), loaded(0))), []);
    assert_eq!(bench.give(Event::Loaded(seat(0, 0), loaded(0))), [], "split 1 is not in memory");
    assert_eq!(bench.give(Event::Loaded(seat(0, 0), loaded(2))), [], "split 2 is not its own");
    assert_eq!(bench.give(Event::Loaded(seat(0, 0), loaded(9))), [], "there is no split 9");
    assert_eq!(bench.give(Event::Loaded(seat(0, 0), loaded(1))).len(), 1);
    assert_eq!(bench.give(Event::Loaded(seat(0, 0), loaded(1))), []);
}

#[test]
fn answers_of_the_master_that_nobody_waits_for_change_nothing() {
    let mut bench = Bench::in_pass_1(rules());
    assert_eq!(bench.give(stepped(false)), []);
    assert_eq!(bench.update(seat(0, 0), train(1), node(1, 0)), [Command::Merge(node(1, 0))]);
}
