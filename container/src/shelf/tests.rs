use super::*;
use crate::wire::message::{RoundKind, Summary};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const NODE: Node = Node { level: 0, index: 0 };
const TAG: Tag = Tag { job: 7, attempt: 1, lane: 0, pass: 0 };

fn round(pass: u32) -> Round {
    Round { pass, kind: RoundKind::Train }
}

fn buffer(bytes: usize) -> Buffer {
    let mut buffer = Buffer::new();
    buffer.resize(bytes, 1);
    buffer
}

fn connect(shelf: &Shelf) -> UnboundedReceiver<Outgoing> {
    let (queue, mut sent) = unbounded_channel();
    let hello = Message::Hello { worker: 0, incarnation: 0, host: String::new(), pid: 1 };
    shelf.connect(queue, TAG, hello);
    assert!(matches!(sent.try_recv().unwrap().message, Message::Hello { .. }));
    sent
}

fn said(sent: &mut UnboundedReceiver<Outgoing>) -> Vec<&'static str> {
    let mut words = Vec::new();
    while let Ok(Outgoing { message, .. }) = sent.try_recv() {
        words.push(match message {
            Message::Update { .. } => "update",
            Message::Offer { .. } => "offer",
            Message::Kept { .. } => "kept",
            Message::Holding { .. } => "holding",
            Message::Loaded { .. } => "loaded",
            Message::Failed { .. } => "failed",
            _ => "else",
        });
    }
    words
}

fn record(pass: u32, known_lines: u32, lines: &[&str]) -> (Record, Patch) {
    let lines = lines.iter().map(|&line| line.to_owned()).collect();
    let (kind, summary, last) = (RoundKind::Train, Summary::default(), None);
    let notes = String::new();
    let record = Record { pass, kind, summary, memory: Vec::new(), last, known_lines, lines, notes };
    (record, Pieces::cut(&[pass as u8], &Pieces::default()).since(None))
}

fn keep(shelf: &Shelf, digest: u128, (record, memory): (Record, Patch)) {
    shelf.keep(digest, record, memory);
}

#[test]
fn a_large_update_and_its_credit_meet_in_either_order() {
    let (shelf, large) = (Shelf::default(), CREDIT_BYTES as usize + 1);
    let mut sent = connect(&shelf);
    shelf.begin(round(1), 1, 0, buffer(4), &[NODE]);
    shelf.ready(round(1), 1, NODE, 5, buffer(large));
    assert_eq!(said(&mut sent), ["holding", "offer"]);
    shelf.grant(round(1), NODE);
    shelf.grant(round(1), NODE);
    assert_eq!(said(&mut sent), ["update"], "a credit is for one update");
    for early in [false, true] {
        let round = round(if early { 4 } else { 2 });
        if early {
            // Small messages overtake large ones, and a state is large.
            shelf.grant(round, NODE);
        }
        shelf.begin(round, 2, 0, buffer(4), &[NODE]);
        if !early {
            shelf.grant(round, NODE);
        }
        shelf.ready(round, 2, NODE, 5, buffer(large));
        assert_eq!(said(&mut sent), ["update"], "{early}");
    }
    shelf.begin(round(5), 3, 0, buffer(4), &[NODE]);
    shelf.ready(round(5), 3, NODE, 5, buffer(4));
    shelf.grant(round(5), NODE);
    assert_eq!(said(&mut sent), ["update"], "small this time, it needed none");
}

#[test]
fn what_was_made_from_the_same_state_is_sent_to_the_next_master_at_once() {
    let shelf = Shelf::default();
    let mut first = connect(&shelf);
    let other = Node { level: 0, index: 1 };
    assert_eq!(shelf.begin(round(3), 9, 2, buffer(4), &[NODE, other]).1, [NODE, other]);
    shelf.ready(round(3), 9, NODE, 5, buffer(8));
    shelf.disconnect();
    assert_eq!(said(&mut first), ["holding", "update"]);
    let mut second = connect(&shelf);
    assert_eq!(said(&mut second), ["holding"], "unasked it sends nothing");
    assert_eq!(shelf.begin(round(3), 9, 2, buffer(4), &[NODE, other]).1, [], "one is here, one on its way");
    assert_eq!(said(&mut second), ["update"]);
    shelf.ready(round(3), 9, other, 5, buffer(8));
    assert_eq!(said(&mut second), ["update"]);
    assert_eq!(shelf.begin(round(3), 8, 2, buffer(4), &[NODE]).1, [NODE], "another state, another update");
    shelf.ready(round(3), 9, NODE, 5, buffer(8));
    assert_eq!(said(&mut second), [""; 0], "late, and of the state before");
    shelf.ready(round(3), 8, NODE, 5, buffer(8));
    assert_eq!(said(&mut second), ["update"]);
}

#[test]
fn a_credit_may_overtake_the_state_of_the_round_before_too() {
    let (shelf, large) = (Shelf::default(), CREDIT_BYTES as usize + 1);
    let mut sent = connect(&shelf);
    shelf.grant(round(2), NODE);
    for pass in 1..=2 {
        shelf.begin(round(pass), 1, 0, buffer(4), &[NODE]);
        shelf.ready(round(pass), 1, NODE, 5, buffer(large));
    }
    assert_eq!(said(&mut sent), ["holding", "offer", "update"]);
    assert!(shelf.lock().early.is_empty());
}

#[test]
fn a_failure_is_told_to_every_master() {
    let shelf = Shelf::default();
    shelf.fail(Fault::NoRoom, Some(1), "no room for what nobody may ask for any more".to_owned());
    assert_eq!(said(&mut connect(&shelf)), ["holding"]);
    shelf.fail(Fault::User, Some(1), "said while there was none".to_owned());
    for _ in 0..2 {
        assert_eq!(said(&mut connect(&shelf)), ["holding", "failed"]);
    }
}

#[test]
fn what_is_not_yet_safe_is_kept_and_the_rest_goes() {
    let shelf = Shelf::default();
    let mut sent = connect(&shelf);
    for (pass, safe) in [(1, 0), (2, 1), (3, 2)] {
        shelf.begin(round(pass), u128::from(pass), safe, buffer(4), &[NODE]);
        shelf.ready(round(pass), u128::from(pass), NODE, 5, buffer(8));
    }
    assert_eq!(shelf.lock().rounds.keys().copied().collect::<Vec<_>>(), [round(2), round(3)]);
    shelf.begin(round(2), 2, 2, buffer(4), &[NODE]);
    assert_eq!(
        shelf.lock().rounds.keys().copied().collect::<Vec<_>>(),
        [round(2)],
        "it begins again from there"
    );
    assert_eq!(said(&mut sent), ["holding", "update", "update", "update", "update"]);
}

#[test]
fn a_snapshot_has_the_lines_of_all_passes_behind_it() {
    let shelf = Shelf::default();
    let mut sent = connect(&shelf);
    keep(&shelf, 1, record(1, 0, &[]));
    assert_eq!(said(&mut sent), ["holding"], "no state, no use");
    for pass in 1..=3 {
        shelf.begin(round(pass), 1, 1, buffer(4), &[]);
    }
    keep(&shelf, 1, record(2, 1, &["b"]));
    assert_eq!(said(&mut sent), [""; 0], "a keeper that lacks lines keeps nothing");
    keep(&shelf, 9, record(2, 0, &["z"]));
    assert_eq!(said(&mut sent), [""; 0], "a record that belongs to another state");
    keep(&shelf, 1, record(2, 0, &["a"]));
    keep(&shelf, 1, record(3, 1, &["b"]));
    assert_eq!(said(&mut sent), ["kept", "kept"]);
    let lines = |pass| shelf.snapshot(round(pass)).map(|snapshot| snapshot.record.lines);
    assert_eq!(lines(2), Some(vec!["a".to_owned()]));
    assert_eq!(lines(3), Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(lines(1), None);
}

#[test]
fn a_memory_is_patched_as_long_as_the_one_before_is_kept() {
    let shelf = Shelf::default();
    let mut sent = connect(&shelf);
    let old = Pieces::cut(&[1; 100_000], &Pieces::default());
    let mut bytes = [1; 100_000];
    bytes[50_000] = 2;
    let new = Pieces::cut(&bytes, &old);
    for (pass, memory) in [(1, old.since(None)), (2, new.since(Some((round(1), &old))))] {
        shelf.begin(round(pass), 1, 1, buffer(4), &[]);
        let lines: &[&str] = if pass == 1 { &[] } else { &["a"] };
        keep(&shelf, 1, (record(pass, 0, lines).0, memory));
    }
    assert_eq!(said(&mut sent), ["holding", "kept", "kept"]);
    assert_eq!(shelf.snapshot(round(2)).unwrap().record.memory, bytes);
    shelf.begin(round(4), 1, 3, buffer(4), &[]);
    keep(&shelf, 1, (record(4, 0, &["a", "b", "c"]).0, new.since(Some((round(2), &new)))));
    assert_eq!(said(&mut sent), ["failed"], "it says that it cannot");
}
