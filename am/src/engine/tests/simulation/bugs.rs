//! Mistakes that the engine can be told to make, each at the place where it would be made, to see that a simulation finds them.

use std::cell::Cell;

use super::*;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine) enum Bug {
    /// An update of a process that was given up counts as its successor's.
    OldIncarnation,
    /// A round begins before the record of the one before it is kept.
    Unsecured,
    /// A new master goes on from the oldest record that it is told of.
    OldestRecord,
    /// What was asked of a lost worker is not asked of the next one.
    LostSplit,
    /// A credit that went out on a broken connection is not granted anew.
    LostCredit,
    /// A worker that called again is waited for, though what it was asked to send went to the connection before.
    LostFetch,
    /// A new master numbers processes as the one before it may have.
    SameNumber,
    /// Under `approximate` an earlier update stands in for one that is waited for as well.
    Twice,
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Whether the engine is to make this mistake.
pub(in crate::engine) fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// The first history of so many in which the mistake shows, and how.
fn found(bug: Bug, histories: u64) -> Option<(u64, String)> {
    PLANTED.set(Some(bug));
    let found = (0..histories).find_map(|seed| violation(seed).map(|text| (seed, text)));
    PLANTED.set(None);
    found
}

/// How it shows, in a word of the violation.
fn shows(bug: Bug, histories: u64, word: &str) {
    let (seed, text) = found(bug, histories).unwrap_or_else(|| panic!("{bug:?} was not found"));
    assert!(text.contains(word), "{bug:?} shows otherwise in history {seed}: {text}");
}

#[test]
fn an_update_of_a_process_given_up_is_found() {
    shows(Bug::OldIncarnation, 20_000, "a process that was not asked");
}

#[test]
fn a_round_that_begins_before_the_record_is_kept_is_found() {
    shows(Bug::Unsecured, 500, "keep Round");
}

#[test]
fn a_master_that_goes_on_from_an_old_record_is_found() {
    shows(Bug::OldestRecord, 5_000, "has a newer one");
}

#[test]
fn a_split_that_nobody_is_asked_for_is_found() {
    shows(Bug::LostSplit, 500, "stuck in Round");
}

#[test]
fn a_credit_that_was_lost_is_found() {
    shows(Bug::LostCredit, 5_000, "stuck in Round");
}

#[test]
fn a_wait_for_what_was_asked_for_on_a_broken_connection_is_found() {
    shows(Bug::LostFetch, 20_000, "stuck in Fetching");
}

#[test]
fn two_processes_of_one_number_are_found() {
    shows(Bug::SameNumber, 20_000, "launched twice");
}

#[test]
fn an_update_merged_twice_is_found() {
    shows(Bug::Twice, 20_000, "is here already");
}
