use super::*;
use crate::types::{ApplicationId, NodeId};

fn small(key: i64) -> Ask {
    Ask::new(key, Resource::new(256, 1))
}

fn container(key: i64, number: i64) -> Container {
    Container {
        key,
        id: id(number),
        node: NodeId::new("a", 1),
        http_address: String::new(),
        resource: Resource::new(256, 1),
        priority: Priority(0),
        token: Default::default(),
    }
}

fn id(number: i64) -> ContainerId {
    ApplicationId::new(1, 1).attempt(1).container(number)
}

/// (key, place, containers, relax) of each ask.
fn told(asks: &mut Asks) -> Vec<(i64, String, i32, bool)> {
    let row = |ask: ResourceRequest| {
        (ask.allocation_request_id(), ask.resource_name().into(), ask.containers(), ask.relax_locality())
    };
    asks.take_news().asks.into_iter().map(row).collect()
}

#[test]
fn an_ask_is_told_once() {
    let mut asks = Asks::default();
    asks.ask(small(7));
    assert_eq!(told(&mut asks), [(7, "*".into(), 1, true)]);
    assert_eq!(asks.take_news(), News::default());
    assert!(asks.is_waiting());
}

#[test]
fn locality_is_three_entries() {
    let mut asks = Asks::default();
    let near = Ask { hosts: vec!["a".into(), "b".into()], ..small(1) };
    asks.ask(near.clone());
    let entry = |place: &str, relax| (1, place.to_owned(), 1, relax);
    assert_eq!(
        told(&mut asks),
        [entry("*", true), entry("/default-rack", true), entry("a", true), entry("b", true)]
    );
    asks.ask(Ask { relax: false, racks: vec!["/r".into()], ..near });
    let strict = [
        entry("*", false),
        (1, "/default-rack".into(), 0, true),
        entry("/r", false),
        entry("a", true),
        entry("b", true),
    ];
    assert_eq!(told(&mut asks), strict);
    asks.ask(Ask { relax: false, racks: vec!["/r".into()], ..small(2) });
    assert_eq!(told(&mut asks), [(2, "*".into(), 1, false), (2, "/r".into(), 1, true)]);
    // Without a place there is nothing to be strict about.
    asks.ask(Ask { relax: false, ..small(3) });
    assert_eq!(told(&mut asks), [(3, "*".into(), 1, true)]);
}

#[test]
fn a_label_stands_beside_any_place_only() {
    let mut asks = Asks::default();
    asks.ask(Ask { hosts: vec!["a".into()], label: Some("gpu".into()), ..small(1) });
    let labels: Vec<_> = asks.take_news().asks.into_iter().map(|ask| ask.node_label).collect();
    assert_eq!(labels, [Some("gpu".into()), None, None]);
}

#[test]
fn a_grant_is_taken_once_and_clears_its_places() {
    let mut asks = Asks::default();
    asks.ask(Ask { hosts: vec!["a".into()], ..small(1) });
    told(&mut asks);
    assert!(asks.accept(&container(1, 10)));
    assert!(!asks.is_waiting());
    assert_eq!(told(&mut asks).iter().map(|entry| entry.2).collect::<Vec<_>>(), [0, 0, 0]);
    // The second is a surplus.
    assert!(!asks.accept(&container(1, 11)));
    assert_eq!(asks.take_news().releases, [id(11)]);
}

#[test]
fn a_grant_for_what_was_cancelled_or_is_too_small_is_given_back() {
    let mut asks = Asks::default();
    asks.ask(small(1));
    told(&mut asks);
    asks.cancel(1);
    assert_eq!(told(&mut asks), [(1, "*".into(), 0, true)]);
    assert!(!asks.accept(&container(1, 10)));
    asks.ask(Ask { resource: Resource::new(512, 1), ..small(1) });
    assert!(!asks.accept(&container(1, 11)), "granted for the earlier, smaller ask");
    assert!(asks.is_waiting());
    assert_eq!(asks.take_news().releases, [id(10), id(11)]);
}

#[test]
fn after_a_restart_everything_is_told_again() {
    let mut asks = Asks::default();
    asks.ask(small(1));
    asks.ask(small(2));
    asks.release(id(5));
    asks.release(id(6));
    asks.avoid("bad");
    asks.avoid("worse");
    asks.take_news();
    asks.accept(&container(1, 10));
    asks.completed(id(5));
    asks.allow("worse");
    asks.take_news();
    asks.tell_again();
    let news = asks.take_news();
    assert_eq!(news.asks.len(), 1);
    assert_eq!(news.asks[0].allocation_request_id, Some(2));
    assert_eq!(news.releases, [id(6)]);
    assert_eq!(news.blacklist, Some(Blacklist { additions: vec!["bad".into()], removals: vec![] }));
    assert_eq!(asks.take_news(), News::default());
}

#[test]
fn the_blacklist_is_told_in_changes() {
    let mut asks = Asks::default();
    asks.avoid("a");
    asks.avoid("a");
    asks.allow("unknown");
    let list = |additions: &[&str], removals: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Some(Blacklist { additions: owned(additions), removals: owned(removals) })
    };
    assert_eq!(asks.take_news().blacklist, list(&["a"], &[]));
    asks.allow("a");
    asks.avoid("a");
    assert_eq!(asks.take_news().blacklist, list(&["a"], &[]));
    asks.allow("a");
    assert_eq!(asks.take_news().blacklist, list(&[], &["a"]));
}

#[test]
fn a_refused_heartbeat_is_told_again_but_for_what_was_cancelled() {
    let mut asks = Asks::default();
    asks.ask(small(1));
    asks.avoid("a");
    asks.avoid("b");
    asks.take_news();
    asks.cancel(1);
    asks.allow("a");
    asks.ask(Ask { resource: Resource::new(1 << 40, 1), ..small(2) });
    asks.release(id(5));
    let refused = asks.take_news();
    asks.avoid("c");
    asks.take_back(refused.clone());
    asks.cancel(2);
    let news = asks.take_news();
    assert_eq!(
        news.asks.iter().map(|ask| (ask.allocation_request_id(), ask.containers())).collect::<Vec<_>>(),
        [(1, 0)]
    );
    assert_eq!(news.releases, [id(5)]);
    assert_eq!(news.blacklist, Some(Blacklist { additions: vec!["c".into()], removals: vec!["a".into()] }));
}
