//! Bytes of a file, wherever it lies.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use hdfs_native::sync::FileReader;

use crate::error::LoadError;
use crate::files::{Files, hdfs};
use crate::split::Range;

/// A file that can be read at any place.
pub trait ReadAt {
    /// Reads up to `into.len()` bytes that start at byte `offset` of the file and returns how many there
    /// were; 0 only at the file's end or for an empty `into`. Fewer than asked for is no error.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
}

/// The path that stands for what another program writes to this one's standard input: as many bytes as come, in order, once.
pub const STDIN: &str = "stdin:";

/// Opens the file of a range and checks that it is still the file of the plan: of the same length and
/// modification time. See [`Files`] for the paths that are known.
pub fn open(range: &Range) -> Result<Box<dyn ReadAt + Send>, LoadError> {
    let io = |source| LoadError::Io { path: range.path.clone(), source };
    let (files, path) = Files::of(&range.path).map_err(io)?;
    let status = files.status(path).map_err(io)?.ok_or_else(|| io(io::ErrorKind::NotFound.into()))?;
    if status.directory {
        return Err(io(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    check_unchanged(range, status.length, status.modified_ms)?;
    Ok(match files {
        Files::Local => Box::new(LocalFile(File::open(path).map_err(io)?)),
        Files::Hdfs(client, _) => Box::new(HdfsFile(client.read(path).map_err(hdfs).map_err(io)?)),
    })
}

/// Standard input, read once from its beginning to its end.
#[derive(Debug, Default)]
pub(crate) struct Stdin {
    position: u64,
}

impl ReadAt for Stdin {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if offset != self.position {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "standard input is read only once"));
        }
        let read = io::stdin().lock().read(into)?;
        self.position += read as u64;
        Ok(read)
    }
}

struct HdfsFile(FileReader);

impl ReadAt for HdfsFile {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let length = self.0.file_length() as u64;
        let wanted = length.saturating_sub(offset).min(into.len() as u64) as usize;
        if wanted > 0 {
            self.0.read_range_buf(&mut into[..wanted], offset as usize).map_err(hdfs)?;
        }
        Ok(wanted)
    }
}

struct LocalFile(File);

impl ReadAt for LocalFile {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match FileExt::read_at(&self.0, into, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

fn check_unchanged(range: &Range, length: u64, modified_ms: u64) -> Result<(), LoadError> {
    let message = if length != range.file_length {
        format!("it has {length} bytes and had {}", range.file_length)
    } else if modified_ms != range.modified_ms {
        format!("it was modified {modified_ms} ms after 1970 and not {} ms", range.modified_ms)
    } else {
        return Ok(());
    };
    Err(LoadError::Changed { path: range.path.clone(), message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::time::UNIX_EPOCH;

    fn file(text: &[u8]) -> (tempfile::NamedTempFile, Range) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        file.flush().unwrap();
        let modified = file.as_file().metadata().unwrap().modified().unwrap();
        let range = Range {
            path: format!("file://{}", file.path().display()),
            offset: 0,
            length: text.len() as u64,
            file_length: text.len() as u64,
            modified_ms: modified.duration_since(UNIX_EPOCH).unwrap().as_millis() as u64,
            hosts: Vec::new(),
        };
        (file, range)
    }

    #[test]
    fn reads_at_any_place_and_ends_with_zero() {
        let (_file, range) = file(b"lapwing");
        let mut source = open(&range).unwrap();
        let mut bytes = [0; 4];
        assert_eq!(source.read_at(3, &mut bytes).unwrap(), 4);
        assert_eq!(&bytes, b"wing");
        assert_eq!(source.read_at(7, &mut bytes).unwrap(), 0);
    }

    #[test]
    fn another_length_or_time_than_planned_is_bad_input() {
        let (_file, range) = file(b"lapwing");
        let longer = open(&Range { file_length: 8, ..range.clone() }).err().unwrap();
        assert!(longer.is_bad_input());
        assert!(longer.to_string().ends_with("it has 7 bytes and had 8"), "{longer}");
        let older = open(&Range { modified_ms: 5, ..range }).err().unwrap();
        assert!(older.to_string().contains("changed since the job was planned: it was modified"), "{older}");
    }

    #[test]
    fn missing_files_and_directories_are_bad_input() {
        let (_file, range) = file(b"");
        for path in ["/no/such/file", "/", "s3://bucket/x"] {
            let error = open(&Range { path: path.into(), ..range.clone() }).err().unwrap();
            assert!(error.is_bad_input(), "{error}");
            assert!(error.to_string().starts_with(path));
        }
    }
}
