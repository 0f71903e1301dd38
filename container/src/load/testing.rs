//! Files for tests, cut into ranges.

use std::io::Write;
use std::time::UNIX_EPOCH;

use crate::split::{Range, Split};

/// A file that is gone when dropped.
pub(crate) struct TestFile {
    file: tempfile::NamedTempFile,
    length: u64,
}

impl TestFile {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self::named("", bytes)
    }

    /// With this end of its name.
    pub(crate) fn named(extension: &str, bytes: &[u8]) -> Self {
        let mut file = tempfile::Builder::new().suffix(extension).tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.flush().unwrap();
        TestFile { file, length: bytes.len() as u64 }
    }

    pub(crate) fn path(&self) -> String {
        self.file.path().display().to_string()
    }

    pub(crate) fn range(&self, offset: u64, length: u64) -> Range {
        let modified = self.file.as_file().metadata().unwrap().modified().unwrap();
        Range {
            path: self.path(),
            offset,
            length,
            file_length: self.length,
            modified_ms: modified.duration_since(UNIX_EPOCH).unwrap().as_millis() as u64,
            hosts: Vec::new(),
        }
    }

    /// The whole file, cut at these places (of which those past its end do not count).
    pub(crate) fn cut(&self, places: &[u64]) -> Vec<Range> {
        let mut places: Vec<u64> = places.iter().map(|place| (*place).min(self.length)).collect();
        places.extend([0, self.length]);
        places.sort_unstable();
        places.windows(2).map(|pair| self.range(pair[0], pair[1] - pair[0])).collect()
    }

    pub(crate) fn split(&self, places: &[u64]) -> Split {
        Split { number: 0, ranges: self.cut(places) }
    }
}
