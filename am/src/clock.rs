//! Time as a process lives it. While it stands still (stopped by a signal, swapped out, its machine moved) nobody can be blamed
//! for a silence: what the others said meanwhile waits to be heard.

use std::time::{Duration, Instant};

/// Who looks at the clock many times a second, and then not for so long, has stood still.
const STANDSTILL: Duration = Duration::from_secs(2);

/// A clock that stops while this process stands still; to be looked at many times a second.
#[derive(Debug)]
pub(crate) struct Clock {
    looked: Instant,
    lived: Duration,
}

impl Clock {
    /// A clock that has run since then.
    pub(crate) fn since(start: Instant) -> Self {
        let looked = Instant::now();
        Self { looked, lived: looked - start }
    }

    /// Time lived until now.
    pub(crate) fn now(&mut self) -> Duration {
        self.at(Instant::now())
    }

    fn at(&mut self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.looked);
        self.looked = now;
        if passed < STANDSTILL {
            self.lived += passed;
        }
        self.lived
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standstill_is_no_time() {
        let start = Instant::now();
        let mut clock = Clock { looked: start, lived: Duration::ZERO };
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert_eq!(clock.at(at(1_900)), Duration::from_millis(1_900));
        assert_eq!(clock.at(at(60_000)), Duration::from_millis(1_900));
        assert_eq!(clock.at(at(60_100)), Duration::from_millis(2_000));
    }
}
