//! One lab for the tests of a run.

use lapwing_lab::{Lab, Options};

#[test]
fn one() {
    same();
}

#[test]
fn two() {
    same();
}

fn same() {
    let Some(lab) = Lab::shared_for_test(Options::default().quick()) else { return };
    let again = Lab::shared(Options::default().quick()).unwrap();
    assert!(std::ptr::eq(lab, again));
}
