//! Text that was packed: gzip, zstd and bzip2 files, unpacked as they are read.
//!
//! Such a file cannot be cut, so it is in one split whole. What its header claims of its size is never believed: memory is taken
//! for what was unpacked, a piece at a time.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::LoadError;
use crate::source::{self, ReadAt};
use crate::split::Range;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// `.gz`: one or more gzip members.
    Gzip,
    /// `.zst`: one or more Zstandard frames.
    Zstd,
    /// `.bz2`: one or more bzip2 streams.
    Bzip2,
}

impl Packing {
    /// What a file's name says, as for Hadoop's `CompressionCodecFactory`; none if it says nothing.
    pub fn of(path: &str) -> Option<Self> {
        let (_, extension) = path.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstd),
            "bz2" => Some(Self::Bzip2),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
        }
    }
}

/// Opens the packed file of a range as what is in it. The range must be the whole file.
pub(crate) fn open(range: &Range, packing: Packing) -> Result<Box<dyn ReadAt + Send>, LoadError> {
    if range.offset > 0 || range.length < range.file_length {
        let message = format!(
            "expected the whole file, as {} cannot be cut, found {} bytes from {}",
            packing.name(),
            range.length,
            range.offset
        );
        return Err(LoadError::Bad { path: range.path.clone(), line: None, column: None, message });
    }
    let stream = start(range, packing)?;
    Ok(Box::new(Unpacked { range: range.clone(), packing, stream, at: 0 }))
}

/// What was unpacked, and how far the packed file was read for it.
type Stream = (Box<dyn Read + Send>, Arc<Progress>);

/// Reads forward; a place behind what was read begins anew.
struct Unpacked {
    range: Range,
    packing: Packing,
    stream: Stream,
    /// Place of the next byte, of those unpacked.
    at: u64,
}

impl ReadAt for Unpacked {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if offset < self.at {
            self.stream = start(&self.range, self.packing).map_err(io::Error::other)?;
            self.at = 0;
        }
        let mut skipped = [0; 4096];
        while self.at < offset {
            let most = (offset - self.at).min(skipped.len() as u64) as usize;
            if self.read(&mut skipped[..most])? == 0 {
                return Ok(0);
            }
        }
        self.read(into)
    }
}

impl Unpacked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (stream, progress) = &mut self.stream;
        let read = stream.read(into).map_err(|error| {
            if progress.failed.load(Ordering::Relaxed) {
                return error;
            }
            // The source did its part, so it is the data.
            let (name, at) = (self.packing.name(), progress.bytes.load(Ordering::Relaxed));
            let text = match error.kind() {
                io::ErrorKind::UnexpectedEof => format!("the {name} data end too early, at byte {at}"),
                _ => format!("the {name} data are damaged before byte {at}: {error}"),
            };
            io::Error::new(io::ErrorKind::InvalidData, text)
        })?;
        self.at += read as u64;
        Ok(read)
    }
}

/// How far the packed file was read.
#[derive(Default)]
struct Progress {
    bytes: AtomicU64,
    failed: AtomicBool,
}

/// The packed file from its beginning to its end.
struct Packed {
    source: Box<dyn ReadAt + Send>,
    length: u64,
    progress: Arc<Progress>,
}

impl Read for Packed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let at = self.progress.bytes.load(Ordering::Relaxed);
        let most = (self.length - at).min(into.len() as u64) as usize;
        let read = self.source.read_at(at, &mut into[..most]);
        match &read {
            Ok(read) => self.progress.bytes.store(at + *read as u64, Ordering::Relaxed),
            Err(_) => self.progress.failed.store(true, Ordering::Relaxed),
        }
        read
    }
}

fn start(range: &Range, packing: Packing) -> Result<Stream, LoadError> {
    let source = source::open(range)?;
    let progress = Arc::new(Progress::default());
    let packed = Packed { source, length: range.file_length, progress: progress.clone() };
    let packed = BufReader::with_capacity(BUFFER, packed);
    let stream: Box<dyn Read + Send> = match packing {
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
        Packing::Zstd => {
            let decoder = zstd::Decoder::with_buffer(packed);
            Box::new(decoder.map_err(|source| LoadError::Io { path: range.path.clone(), source })?)
        }
        Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
    };
    Ok((stream, progress))
}

const BUFFER: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::load::testing::TestFile;
    use crate::load::{Format, Load, LoadOptions, SparseRows};

    const ALL: [Packing; 3] = [Packing::Gzip, Packing::Zstd, Packing::Bzip2];

    fn pack(packing: Packing, text: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zstd => zstd::encode_all(text, 1).unwrap(),
            Packing::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    fn file(packing: Packing, bytes: &[u8]) -> TestFile {
        let extension = match packing {
            Packing::Gzip => ".libsvm.gz",
            Packing::Zstd => ".zst",
            Packing::Bzip2 => ".BZ2",
        };
        TestFile::named(extension, bytes)
    }

    fn load(file: &TestFile) -> Result<(SparseRows, u64), String> {
        let loaded = SparseRows::load(&file.split(&[]), &LoadOptions::new(Format::Libsvm));
        let (rows, shape) = loaded.map_err(|error| {
            assert!(error.is_bad_input(), "{error}");
            error.to_string()
        })?;
        Ok((rows, shape.bytes_read))
    }

    fn text() -> Vec<u8> {
        (0..30_000)
            .flat_map(|row| format!("1 {}:{}.5\n", row % 9 + 1, row * row % 977).into_bytes())
            .collect()
    }

    #[test]
    fn packed_text_gives_the_rows_of_plain_text() {
        let expected = load(&TestFile::new(&text())).unwrap().0;
        for packing in ALL {
            let bytes = pack(packing, &text());
            let (rows, read) = load(&file(packing, &bytes)).unwrap();
            assert_eq!(rows, expected, "{packing:?}");
            assert_eq!(read, bytes.len() as u64);
            // Several archives one after the other are one, as for the tools.
            let two = [pack(packing, &text()[..5_003]), pack(packing, &text()[5_003..])].concat();
            assert_eq!(load(&file(packing, &two)).unwrap().0, expected, "{packing:?}");
            assert_eq!(load(&file(packing, &pack(packing, b""))).unwrap().0.rows(), 0);
            let open = pack(packing, b"\xef\xbb\xbf1 1:2\n1 1:3");
            assert_eq!(load(&file(packing, &open)).unwrap().0.rows(), 2);
        }
    }

    #[test]
    fn an_archive_cut_short_is_bad_input() {
        for packing in ALL {
            let bytes = pack(packing, &text());
            for keep in [1, 10, bytes.len() / 2, bytes.len() - 1] {
                let file = file(packing, &bytes[..keep]);
                let told = load(&file).unwrap_err();
                assert!(
                    told.starts_with(&format!("{}: the {} data ", file.path(), packing.name())),
                    "{told}"
                );
                assert!(told.contains(" at byte ") || told.contains(" before byte "), "{told}");
            }
            let told = load(&file(packing, &[&bytes[..], b"more"].concat())).unwrap_err();
            assert!(told.contains("data "), "{told}");
        }
    }

    #[test]
    fn what_is_wrong_inside_is_told_with_its_line() {
        for packing in ALL {
            let file = file(packing, &pack(packing, &[&text()[..], b"1 x\n"].concat()));
            let told = load(&file).unwrap_err();
            assert_eq!(told, format!("{}:30001:3: expected column:value, found \"x\"", file.path()));
        }
    }

    #[test]
    fn a_part_of_an_archive_is_refused() {
        let file = file(Packing::Gzip, &pack(Packing::Gzip, b"1 1:1\n"));
        let told =
            SparseRows::load(&file.split(&[3]), &LoadOptions::new(Format::Libsvm)).unwrap_err().to_string();
        assert!(
            told.contains("expected the whole file, as gzip cannot be cut, found 3 bytes from 0"),
            "{told}"
        );
    }

    #[test]
    fn a_bomb_is_not_unpacked_whole() {
        let bomb = pack(Packing::Zstd, &vec![b'1'; 500 << 20]);
        assert!(bomb.len() < 100 << 10);
        let told = load(&file(Packing::Zstd, &bomb)).unwrap_err();
        assert!(told.contains("expected a line end within 67108864 bytes, found none"), "{told}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn damaged_archives_load_or_fail_as_bad_input(
            which in 0usize..3,
            at in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
            noise in proptest::collection::vec(any::<u8>(), 1..100),
        ) {
            let mut bytes = pack(ALL[which], &text()[..3_000]);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = load(&file(ALL[which], &bytes));
            prop_assert!(load(&file(ALL[which], &noise)).is_err());
        }
    }
}
