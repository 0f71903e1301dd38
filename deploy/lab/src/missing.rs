//! Machines without Java or Maven.

use crate::java::Java;
use crate::{Lab, Options, artifacts, guard};

/// What this machine lacks for a lab with these options, in one line.
pub fn missing(options: &Options) -> Option<String> {
    let maven = || if artifacts::present(&options.hadoop_version) { Ok(()) } else { artifacts::maven() };
    Java::find()
        .map(|_| ())
        .and_then(|()| maven())
        .and_then(|()| guard::possible())
        .err()
        .map(|error| format!("{error:#}"))
}

impl Lab {
    /// [`Lab::shared`] for a test: `None`, and a printed line, on a machine without Java or Maven. There the test is to
    /// return at once. With `CI=true` a test fails rather than be skipped unseen.
    ///
    /// # Panics
    /// If the lab does not start, or `CI` is `true` and something is missing.
    pub fn shared_for_test(options: Options) -> Option<&'static Self> {
        available(&options).then(|| Self::shared(options).unwrap_or_else(|error| panic!("{error:#}")))
    }

    /// [`Lab::start`] for a test, with the rules of [`Lab::shared_for_test`].
    ///
    /// # Panics
    /// If the lab does not start, or `CI` is `true` and something is missing.
    pub fn start_for_test(options: Options) -> Option<Self> {
        available(&options).then(|| Self::start(options).unwrap_or_else(|error| panic!("{error:#}")))
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn available(options: &Options) -> bool {
    let Some(reason) = missing(options) else { return true };
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
    eprintln!("skipped: {reason}");
    false
}
