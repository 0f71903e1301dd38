//! What can go wrong between a file and the data in memory.

use std::io;

/// Why a split could not be loaded.
///
/// [`is_bad_input`](LoadError::is_bad_input) tells whose fault it is: the user's input (exit code 3) or the
/// system's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file holds something else than its format allows.
    #[error("{}", place(path, *line, *column, message))]
    Bad {
        /// The file, as the plan names it.
        path: String,
        /// Line of the file, from 1, also when the split starts in its middle.
        line: Option<u64>,
        /// Byte of the line, from 1.
        column: Option<u64>,
        /// What was expected and what was found.
        message: String,
    },
    /// The file is not what it was when the job was planned, so its splits no longer fit it.
    #[error("{path}: changed since the job was planned: {message}")]
    Changed {
        /// The file, as the plan names it.
        path: String,
        /// What differs, and what it was.
        message: String,
    },
    /// The file cannot be opened or read.
    #[error("{path}: {source}")]
    Io {
        /// The file, as the plan names it.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
}

impl LoadError {
    /// Whether the user must change the input (or its name) for the load to succeed. The other errors are the
    /// system's, and may pass on another machine.
    pub fn is_bad_input(&self) -> bool {
        match self {
            LoadError::Bad { .. } | LoadError::Changed { .. } => true,
            LoadError::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::IsADirectory
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::Unsupported
            ),
        }
    }
}

/// The compiler's fashion, which editors and terminals turn into a link: `path:line:column: message`.
fn place(path: &str, line: Option<u64>, column: Option<u64>, message: &str) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!("{path}:{line}:{column}: {message}"),
        (Some(line), None) => format!("{path}:{line}: {message}"),
        _ => format!("{path}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(line: Option<u64>, column: Option<u64>) -> String {
        LoadError::Bad { path: "x.libsvm".into(), line, column, message: "no".into() }.to_string()
    }

    #[test]
    fn places_print_as_a_compiler_prints_them() {
        assert_eq!(bad(Some(17), Some(5)), "x.libsvm:17:5: no");
        assert_eq!(bad(Some(17), None), "x.libsvm:17: no");
        assert_eq!(bad(None, None), "x.libsvm: no");
    }

    #[test]
    fn a_missing_file_is_the_input_s_fault_and_a_broken_disk_is_not() {
        let io = |kind| LoadError::Io { path: "x".into(), source: io::Error::from(kind) };
        assert!(io(io::ErrorKind::NotFound).is_bad_input());
        assert!(!io(io::ErrorKind::TimedOut).is_bad_input());
        assert!(LoadError::Changed { path: "x".into(), message: String::new() }.is_bad_input());
    }
}
