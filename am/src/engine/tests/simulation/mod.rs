//! Random histories from a seed: workers lost, silent, doomed, late, slow, cut off and back again; masters lost at any moment,
//! several in a row and together with workers; messages late, twice, from the dead. After every event the promises are
//! checked; at the end everything heals and the job must come to its end.

pub(in crate::engine) mod bugs;
mod checks;
mod content;
mod history;
mod worker;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use lapwing_container::rng::Rng;

use super::*;
use content::LARGE;
use world::World;

/// Histories in all, if `LAPWING_HISTORIES` does not say otherwise.
const HISTORIES: u64 = 100_000;

/// The seeds of one of four tests, which run beside each other. `LAPWING_SEED` plays that one history, and tells all of it.
fn seeds(quarter: u64) -> Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse::<u64>().ok());
    let each = number("LAPWING_HISTORIES").unwrap_or(HISTORIES).div_ceil(4);
    number("LAPWING_SEED").map_or(quarter * each..(quarter + 1) * each, |seed| seed..seed + 1)
}

/// What is wrong with the history of this seed, if anything.
fn violation(seed: u64) -> Option<String> {
    let panic = std::panic::catch_unwind(|| history::play(seed)).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
}

fn promises_hold(quarter: u64) {
    for seed in seeds(quarter) {
        if let Some(text) = violation(seed) {
            panic!("history {seed}: {text}; LAPWING_SEED={seed} tells all of it");
        }
    }
}

#[test]
fn whatever_happens_the_promises_hold_and_the_job_ends_1() {
    promises_hold(0);
}

#[test]
fn whatever_happens_the_promises_hold_and_the_job_ends_2() {
    promises_hold(1);
}

#[test]
fn whatever_happens_the_promises_hold_and_the_job_ends_3() {
    promises_hold(2);
}

#[test]
fn whatever_happens_the_promises_hold_and_the_job_ends_4() {
    promises_hold(3);
}

#[test]
fn a_seed_is_one_history() {
    let told = |seed| {
        let world = history::play(seed);
        (world.now, world.end, world.workers.into_keys().collect::<Vec<_>>(), world.master.lines)
    };
    assert!((0..100).all(|seed| told(seed) == told(seed)));
}

/// A simulation that does not get somewhere finds nothing there.
#[test]
fn histories_get_everywhere() {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..2_000 {
        let world = history::play(seed);
        for what in world.checks.seen() {
            *seen.entry(what).or_default() += 1;
        }
        *seen.entry(if world.end == Some(End::Done) { "done" } else { "ended" }).or_default() += 1;
    }
    let everywhere = [
        "adopted",
        "begun anew",
        "called again",
        "credit",
        "done",
        "ended",
        "fetched",
        "gone on from a checkpoint",
        "handed back",
        "master lost",
        "master lost while it writes",
        "reused",
        "spare",
        "drained",
        "several masters lost",
    ];
    let rare: Vec<_> = everywhere
        .iter()
        .map(|what| (what, seen.get(what).copied().unwrap_or(0)))
        .filter(|(_, n)| *n < 5)
        .collect();
    assert!(rare.is_empty(), "{rare:?} of {seen:?}");
    assert!(seen["done"] > 1_500, "{seen:?}");
}
