use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a property got its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Hadoop's default, as its `*-default.xml` files have it.
    Default,
    /// [`Configuration::set`](super::Configuration::set).
    Program,
    /// A configuration file; the line is that of `<property>` and counts from 1.
    File(Arc<Path>, u32),
}

/// Why a configuration could not be read or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The environment names no configuration directory.
    #[error("no Hadoop configuration: set HADOOP_CONF_DIR (or YARN_CONF_DIR, or HADOOP_HOME)")]
    NoDirectory,
    /// A file or the directory could not be read.
    #[error("Hadoop configuration {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is malformed, includes itself, includes what is not there, or is too large.
    #[error("{}:{line}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u32,
        /// What is wrong there.
        message: String,
    },
    /// Variables in a value refer to each other in a circle, or there are more than Hadoop follows.
    #[error("{place}: {name}: its variables lead to more than {} others", super::expand::MAX_SUBSTITUTIONS)]
    TooManyVariables {
        /// The property.
        name: String,
        /// Where it was set.
        place: Place,
    },
    /// A property has a value of the wrong form.
    #[error("{place}: {name} is {value:?}; expected {expected}")]
    BadValue {
        /// The property.
        name: String,
        /// Its value, with variables replaced.
        value: String,
        /// What it should have been, with an example.
        expected: &'static str,
        /// Where it was set.
        place: Place,
    },
    /// A property that is needed because of another one is not set.
    #[error("{name} is not set; it is needed because {reason}")]
    Missing {
        /// The property.
        name: String,
        /// Why it is needed.
        reason: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("Hadoop's default"),
            Self::Program => f.write_str("set by the program"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
        }
    }
}
