use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::{ParseError, number};

/// Memory and cores of a container, a node or a queue: `<memory:1024, vCores:1>`.
///
/// Printed as `org.apache.hadoop.yarn.api.records.Resource` does. Further resource types (GPUs) are skipped in reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Memory in MiB (YARN says MB and means MiB).
    pub memory_mb: u64,
    /// Virtual cores: whatever the cluster's administrator takes for a core.
    pub vcores: u32,
}

/// How urgent a request for containers is. **A smaller number is more urgent.**
///
/// As in `org.apache.hadoop.yarn.api.records.Priority`, the more urgent one is the *greater*: `Priority(1) > Priority(2)`.
/// The priority of an application (a larger number is more urgent) is another thing, a plain number in the submission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Priority(pub i32);

impl Resource {
    /// `memory_mb` MiB and `vcores` virtual cores.
    pub const fn new(memory_mb: u64, vcores: u32) -> Self {
        Self { memory_mb, vcores }
    }

    /// Whether both memory and cores are at most those of `room`.
    pub const fn fits_in(self, room: Self) -> bool {
        self.memory_mb <= room.memory_mb && self.vcores <= room.vcores
    }

    /// Both together (at most the largest number there is).
    pub const fn plus(self, other: Self) -> Self {
        Self {
            memory_mb: self.memory_mb.saturating_add(other.memory_mb),
            vcores: self.vcores.saturating_add(other.vcores),
        }
    }

    /// What is left when `other` is taken away (nothing, where it is more).
    pub const fn minus(self, other: Self) -> Self {
        Self {
            memory_mb: self.memory_mb.saturating_sub(other.memory_mb),
            vcores: self.vcores.saturating_sub(other.vcores),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<memory:{}, vCores:{}>", self.memory_mb, self.vcores)
    }
}

impl FromStr for Resource {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        resource(text).ok_or_else(|| ParseError::new("a resource (<memory:1024, vCores:1>)", text))
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Priority {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self).map_err(|_| ParseError::new("a priority (a whole number)", text))
    }
}

impl Ord for Priority {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.cmp(&self.0)
    }
}

impl PartialOrd for Priority {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn resource(text: &str) -> Option<Resource> {
    let mut parts = text.strip_prefix('<')?.strip_suffix('>')?.split(',').map(str::trim);
    let memory_mb = number(parts.next()?.strip_prefix("memory:")?)?;
    let vcores = number(parts.next()?.strip_prefix("vCores:")?)?;
    parts.all(|more| more.contains(':')).then_some(Resource { memory_mb, vcores })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_as_hadoop_does() {
        assert_eq!(Resource::new(1024, 2).to_string(), "<memory:1024, vCores:2>");
        assert_eq!(Priority(5).to_string(), "5");
    }

    #[test]
    fn skips_resources_that_it_does_not_know() {
        assert_eq!("<memory:8, vCores:1, yarn.io/gpu: 2>".parse(), Ok(Resource::new(8, 1)));
        for text in ["", "<memory:8>", "memory:8, vCores:1", "<memory:, vCores:1>", "<memory:-1, vCores:1>"] {
            assert!(text.parse::<Resource>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_smaller_number_is_the_more_urgent() {
        assert!(Priority(1) > Priority(2));
    }

    #[test]
    fn a_resource_fits_only_if_both_do() {
        let room = Resource::new(1024, 4);
        assert!(room.fits_in(room));
        assert!(!Resource::new(1025, 1).fits_in(room) && !Resource::new(1, 5).fits_in(room));
        assert_eq!(room.minus(Resource::new(2000, 1)), Resource::new(0, 3));
        assert_eq!(room.plus(Resource::new(u64::MAX, 1)), Resource::new(u64::MAX, 5));
    }

    proptest! {
        #[test]
        fn text_round_trips(memory: u64, vcores: u32, priority: i32) {
            let resource = Resource::new(memory, vcores);
            prop_assert_eq!(resource.to_string().parse(), Ok(resource));
            prop_assert_eq!(Priority(priority).to_string().parse(), Ok(Priority(priority)));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "<memory:.{0,9}, vCores:.{0,9}>|.{0,40}") {
            let _ = text.parse::<Resource>();
        }
    }
}
