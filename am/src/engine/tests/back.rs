//! A worker whose connection broke calls again: what was on its way either way is lost, what it holds is not.

use super::*;

const MIB: u64 = 1 << 20;

fn back(worker: u32) -> Event {
    let held = holding(worker * 2..worker * 2 + 2, &[]);
    Event::Hello(seat(worker, 0), Holding { newest: Some(train(1)), ..held })
}

fn broadcast(worker: u32) -> Command {
    Command::Broadcast(train(1), vec![(seat(worker, 0), vec![node(1, worker)])])
}

#[test]
fn it_is_asked_again_for_what_it_owes_and_loads_nothing() {
    let mut bench = Bench::in_pass_1(rules());
    assert_eq!(bench.give(back(1)), [broadcast(1)]);
    assert_eq!(bench.update(seat(1, 0), train(1), node(1, 1)), [Command::Merge(node(1, 1))]);
    assert_eq!(bench.give(back(1)), [], "it owes nothing any more");
}

#[test]
fn it_gets_a_new_credit() {
    let mut bench = Bench::in_pass_1(rules());
    let offer = Event::Offered(seat(1, 0), train(1), node(1, 1), MIB);
    let credit = Command::Credit(seat(1, 0), train(1), node(1, 1));
    for _ in 0..2 {
        assert_eq!(bench.give(offer.clone()), std::slice::from_ref(&credit));
        assert_eq!(bench.give(back(1)), [broadcast(1)]);
    }
}

#[test]
fn it_is_sent_what_it_had_not_loaded_yet() {
    let mut bench = Bench::new(rules());
    bench.give(Event::Start);
    bench.give(Event::Hello(seat(0, 0), Holding::default()));
    bench.give(Event::Loaded(seat(0, 0), loaded(0)));
    let again = bench.give(Event::Hello(seat(0, 0), holding(0..1, &[])));
    assert_eq!(again, [Command::Load(seat(0, 0), 1..2, false)]);
}

#[test]
fn between_rounds_nothing_is_asked_of_it() {
    let mut bench = Bench::in_pass_1(rules());
    for worker in 0..2 {
        bench.update(seat(worker, 0), train(1), node(1, worker));
    }
    assert_eq!(bench.give(back(0)), []);
    assert!(matches!(bench.give(stepped(false))[..], [Command::Broadcast(..)]));
}

#[test]
fn under_ignore_too_it_is_still_waited_for() {
    let mut bench = Bench::in_pass_1(Rules { on_loss: OnLoss::Ignore, ..rules() });
    bench.update(seat(0, 0), train(1), node(1, 0));
    assert_eq!(bench.give(back(1)), [broadcast(1)]);
    let last = bench.update(seat(1, 0), train(1), node(1, 1));
    assert_eq!(last, [Command::Merge(node(1, 1)), step(train(1), 4)]);
}
