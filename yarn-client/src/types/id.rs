use std::fmt;
use std::str::FromStr;

use super::{ParseError, number};

/// Names an application: `application_1700000000000_0001`.
///
/// Ordered as Hadoop does (`org.apache.hadoop.yarn.api.records.ApplicationId`): by the start of the ResourceManager, then
/// by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplicationId {
    /// When the ResourceManager that gave the id was started, in milliseconds since 1970.
    pub cluster_timestamp: i64,
    /// Counts applications from 1.
    pub id: i32,
}

/// Names one attempt of an application, one life of its master: `appattempt_1700000000000_0001_000002`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplicationAttemptId {
    /// The application.
    pub application: ApplicationId,
    /// Counts attempts from 1.
    pub attempt: i32,
}

/// Names a container: `container_1700000000000_0001_01_000001`, or `container_e17_1700000000000_0001_01_000001` once the
/// ResourceManager was restarted 17 times and kept its applications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId {
    /// The attempt that it was given to.
    pub attempt: ApplicationAttemptId,
    /// Epoch and sequence number as they are on the wire: the number in the low 40 bits, the epoch above.
    pub id: i64,
}

/// The low bits of a container's id that hold its sequence number (`ContainerId.CONTAINER_ID_BITMASK`).
const SEQUENCE_BITS: u32 = 40;
const SEQUENCE_MASK: i64 = (1 << SEQUENCE_BITS) - 1;

impl ApplicationId {
    /// The id of an application by the start of its ResourceManager (milliseconds since 1970) and its number.
    pub const fn new(cluster_timestamp: i64, id: i32) -> Self {
        Self { cluster_timestamp, id }
    }

    /// The id of this application's attempt number `attempt` (the first is 1).
    pub const fn attempt(self, attempt: i32) -> ApplicationAttemptId {
        ApplicationAttemptId { application: self, attempt }
    }
}

impl ApplicationAttemptId {
    /// The id of attempt number `attempt` (the first is 1) of `application`.
    pub const fn new(application: ApplicationId, attempt: i32) -> Self {
        Self { application, attempt }
    }

    /// The id of this attempt's container by the number that the wire carries (epoch included).
    pub const fn container(self, id: i64) -> ContainerId {
        ContainerId { attempt: self, id }
    }
}

impl ContainerId {
    /// The id of a container by the number that the wire carries (epoch included).
    pub const fn new(attempt: ApplicationAttemptId, id: i64) -> Self {
        Self { attempt, id }
    }

    /// How many times the ResourceManager had been restarted when it gave out this container.
    pub const fn epoch(self) -> i64 {
        self.id >> SEQUENCE_BITS
    }

    /// The number within attempt and epoch; the master's own container is 1.
    pub const fn sequence(self) -> i64 {
        self.id & SEQUENCE_MASK
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "application_{}_{:04}", self.cluster_timestamp, self.id)
    }
}

impl fmt::Display for ApplicationAttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ApplicationId { cluster_timestamp, id } = self.application;
        write!(f, "appattempt_{cluster_timestamp}_{id:04}_{:06}", self.attempt)
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ApplicationAttemptId { application: ApplicationId { cluster_timestamp, id }, attempt } =
            self.attempt;
        f.write_str("container_")?;
        if self.epoch() > 0 {
            write!(f, "e{:02}_", self.epoch())?;
        }
        write!(f, "{cluster_timestamp}_{id:04}_{attempt:02}_{:06}", self.sequence())
    }
}

impl FromStr for ApplicationId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text, "application_", application)
            .ok_or_else(|| ParseError::new("an application id (application_1700000000000_0001)", text))
    }
}

impl FromStr for ApplicationAttemptId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text, "appattempt_", attempt)
            .ok_or_else(|| ParseError::new("an attempt id (appattempt_1700000000000_0001_000001)", text))
    }
}

impl FromStr for ContainerId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text, "container_", container).ok_or_else(|| {
            ParseError::new("a container id (container_e17_1700000000000_0001_01_000001)", text)
        })
    }
}

/// The fields of an id, separated by underscores.
type Fields<'a> = std::str::Split<'a, char>;

/// Reads the fields after the prefix; fields that are left over make the text something else.
fn parse<T>(text: &str, prefix: &str, read: fn(&mut Fields<'_>) -> Option<T>) -> Option<T> {
    let mut fields = text.strip_prefix(prefix)?.split('_');
    let value = read(&mut fields)?;
    fields.next().is_none().then_some(value)
}

fn application(fields: &mut Fields<'_>) -> Option<ApplicationId> {
    Some(ApplicationId::new(number(fields.next()?)?, number(fields.next()?)?))
}

fn attempt(fields: &mut Fields<'_>) -> Option<ApplicationAttemptId> {
    Some(application(fields)?.attempt(number(fields.next()?)?))
}

fn container(fields: &mut Fields<'_>) -> Option<ContainerId> {
    let mut epoch = 0;
    if let Some(digits) = fields.clone().next()?.strip_prefix('e') {
        // An epoch that does not fit above the sequence number would silently become another one.
        epoch = number::<i64>(digits).filter(|epoch| *epoch <= i64::MAX >> SEQUENCE_BITS)?;
        fields.next();
    }
    let attempt = attempt(fields)?;
    let sequence: i64 = number(fields.next()?)?;
    // Without an epoch Hadoop takes the whole number; with one the two must not overlap.
    (epoch == 0 || sequence <= SEQUENCE_MASK).then(|| attempt.container(epoch << SEQUENCE_BITS | sequence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ATTEMPT: ApplicationAttemptId = ApplicationId::new(1_700_000_000_000, 7).attempt(2);

    /// Every right-hand side is what Hadoop 3.4.2's own classes print.
    #[test]
    fn prints_as_hadoop_does() {
        assert_eq!(ATTEMPT.application.to_string(), "application_1700000000000_0007");
        assert_eq!(ApplicationId::new(1, 123_456).to_string(), "application_1_123456");
        assert_eq!(ATTEMPT.to_string(), "appattempt_1700000000000_0007_000002");
        assert_eq!(ATTEMPT.container(3).to_string(), "container_1700000000000_0007_02_000003");
        assert_eq!(ATTEMPT.container(17 << 40 | 3).to_string(), "container_e17_1700000000000_0007_02_000003");
        assert_eq!(
            ATTEMPT.container(123 << 40 | 12_345_678).to_string(),
            "container_e123_1700000000000_0007_02_12345678"
        );
        assert_eq!(ATTEMPT.container(-1).to_string(), "container_1700000000000_0007_02_1099511627775");
    }

    #[test]
    fn reads_what_hadoop_reads() {
        let one = ApplicationId::new(1, 1).attempt(1);
        assert_eq!("container_1_1_1_1".parse(), Ok(one.container(1)));
        assert_eq!("container_e17_1_0001_01_000001".parse(), Ok(one.container(18_691_697_672_193)));
        assert_eq!("container_1_0001_01_1099511627776".parse(), Ok(one.container(1 << 40)));
        assert_eq!("application_1_1".parse(), Ok(one.application));
        assert_eq!("appattempt_1_1_1".parse(), Ok(one));
    }

    #[test]
    fn refuses_what_is_no_id() {
        for text in [
            "",
            "application",
            "application_1",
            "application_1_0001_2",
            "Application_1_1",
            "application_1_ 1",
        ] {
            assert!(text.parse::<ApplicationId>().is_err(), "{text}");
        }
        for text in ["application_1_4294967296", "application_-1_1", "application_+1_1", "application__"] {
            assert!(text.parse::<ApplicationId>().is_err(), "{text}");
        }
        for text in ["appattempt_1_1", "appattempt_1_1_1_1", "application_1_1"] {
            assert!(text.parse::<ApplicationAttemptId>().is_err(), "{text}");
        }
        for text in
            ["container_e1_1_0001_01_000001_02", "container_1_0001_01", "container_e_1_0001_01_000001"]
        {
            assert!(text.parse::<ContainerId>().is_err(), "{text}");
        }
        for text in ["container_e99999999_1_0001_01_000001", "container_e1_1_0001_01_1099511627776"] {
            assert!(text.parse::<ContainerId>().is_err(), "{text}");
        }
        let error = "a".repeat(5000).parse::<ContainerId>().unwrap_err();
        assert_eq!(error.text.len(), 200);
    }

    #[test]
    fn orders_by_application_then_attempt_then_number() {
        let older = ApplicationId::new(1, 9).attempt(9).container(9);
        let newer = ApplicationId::new(2, 1).attempt(1).container(1);
        assert!(older < newer);
        assert!(ATTEMPT.container(9) < ATTEMPT.application.attempt(3).container(1));
    }

    proptest! {
        #[test]
        fn text_round_trips(timestamp in 0..=i64::MAX, app in 0..=i32::MAX, attempt in 0..=i32::MAX, id in 0..=i64::MAX) {
            let attempt = ApplicationId::new(timestamp, app).attempt(attempt);
            let container = attempt.container(id);
            prop_assert_eq!(attempt.application.to_string().parse(), Ok(attempt.application));
            prop_assert_eq!(attempt.to_string().parse(), Ok(attempt));
            prop_assert_eq!(container.to_string().parse(), Ok(container));
            prop_assert_eq!(container.epoch() << 40 | container.sequence(), id);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "(container_|appattempt_|application_)?[e0-9_]{0,60}|.{0,40}") {
            let _ = text.parse::<ApplicationId>();
            let _ = text.parse::<ApplicationAttemptId>();
            if let Ok(id) = text.parse::<ContainerId>() {
                prop_assert_eq!(id.to_string().parse(), Ok(id));
            }
        }
    }
}
