//! Lines of a range, owned exactly as Hadoop's `LineRecordReader` (the reader of `TextInputFormat`) owns them.
//!
//! A range that starts at s > 0 skips everything up to and including the first `\n` at or after s, and owns
//! each line whose first byte lies at a place p <= its end e. So the line that begins exactly at e belongs to
//! the range that ends there and not to the one that starts there, and wherever a file is cut, each line is in
//! exactly one range. Lines end with `\n`; the `\r` of `\r\n` is left to the parser. Unlike Hadoop we do not
//! take a lone `\r` for a line end: no format of ours has one. A UTF-8 byte order mark at the file's start is
//! skipped, as there.
//!
//! A [packed] file is one range whole, and its lines are those of what is in it.

use std::io;

use memchr::{memchr, memchr_iter, memrchr};

use crate::error::LoadError;
use crate::load::packed::{self, Packing};
use crate::load::window;
use crate::source::{self, ReadAt, STDIN};
use crate::split::Range;

/// Bytes before a block's lines that mean nothing, so that a parser may load those before any place of a line.
pub const LEAD: usize = window::LEAD;
/// Bytes after a block's lines that mean nothing, so that a parser may see every line as part of a piece of
/// fixed size and need not check each place.
pub const PADDING: usize = window::REACH - LEAD;

/// Reads the lines of ranges, one range after the other, in blocks of whole lines through one buffer.
pub struct LineReader {
    piece: usize,
    max_line: usize,
    /// [`LEAD`] bytes, the text, and at least [`PADDING`].
    buffer: Vec<u8>,
    /// The bytes of the text that have been read and not yet handed out: `start .. filled`.
    start: usize,
    filled: usize,
    /// Place in the file of the text's first byte.
    base: u64,
    range: Option<(Range, Box<dyn ReadAt + Send>)>,
    packing: Option<Packing>,
    /// Of what is packed it is not known before it is reached.
    file_length: u64,
    end: u64,
    /// Lines come from a pipe: where they end is not known before either.
    piped: bool,
    in_head: bool,
    done: bool,
    tail_piece: usize,
    bytes_read: u64,
}

/// Some whole lines of a file.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    framed: &'a [u8],
    offset: u64,
}

/// What a parser found wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The first byte of the line, counted from the block's start.
    pub line: usize,
    /// The wrong byte, counted from the line's start, from 0.
    pub column: usize,
    /// What was expected and what was found.
    pub message: String,
}

impl Block<'_> {
    /// The lines, each ended by `\n` (also the last of a file that ends without one).
    pub fn lines(&self) -> &[u8] {
        &self.framed[LEAD..self.framed.len() - PADDING]
    }

    /// The lines and [`PADDING`] bytes that mean nothing.
    pub fn padded(&self) -> &[u8] {
        &self.framed[LEAD..]
    }

    /// [`LEAD`] bytes that mean nothing, the lines, and [`PADDING`] bytes that mean nothing.
    pub fn framed(&self) -> &[u8] {
        self.framed
    }

    /// Place in the file of the first byte.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl LineReader {
    /// A reader without a range yet.
    pub fn new() -> Self {
        LineReader::with_sizes(PIECE, MAX_LINE)
    }

    fn with_sizes(piece: usize, max_line: usize) -> Self {
        LineReader {
            piece,
            max_line,
            buffer: vec![0; LEAD],
            start: 0,
            filled: 0,
            base: 0,
            range: None,
            packing: None,
            file_length: 0,
            end: 0,
            piped: false,
            in_head: false,
            done: true,
            tail_piece: 0,
            bytes_read: 0,
        }
    }

    /// Turns to a range, forgetting the one before. Fails if the file is not that of the plan. A range of [`STDIN`] owns all
    /// lines that come: who writes them there has cut them out already.
    pub fn start(&mut self, range: &Range) -> Result<(), LoadError> {
        if range.path == STDIN {
            self.start_piped(Box::new(source::Stdin::default()));
            return Ok(());
        }
        let Some(end) = range.end() else {
            let message = format!(
                "expected a range inside its {} bytes, found {} bytes from {}",
                range.file_length, range.length, range.offset
            );
            return Err(LoadError::Bad { path: range.path.clone(), line: None, column: None, message });
        };
        self.packing = Packing::of(&range.path).filter(|_| range.length > 0);
        let source = match self.packing {
            Some(packing) => packed::open(range, packing)?,
            None => source::open(range)?,
        };
        self.range = Some((range.clone(), source));
        self.piped = false;
        (self.start, self.filled, self.base) = (0, 0, range.offset);
        let unknown = self.packing.is_some().then_some(u64::MAX);
        (self.end, self.file_length) = (unknown.unwrap_or(end), unknown.unwrap_or(range.file_length));
        self.in_head = range.offset > 0;
        self.done = range.length == 0;
        self.tail_piece = TAIL_PIECE.min(self.piece);
        self.bytes_read = 0;
        if range.offset == 0 && !self.done {
            self.skip_byte_order_mark()?;
        }
        Ok(())
    }

    fn start_piped(&mut self, source: Box<dyn ReadAt + Send>) {
        let (path, hosts) = (STDIN.to_owned(), Vec::new());
        let range = Range { path, offset: 0, length: u64::MAX, file_length: u64::MAX, modified_ms: 0, hosts };
        self.range = Some((range, source));
        (self.start, self.filled, self.base) = (0, 0, 0);
        (self.end, self.file_length, self.packing) = (u64::MAX, u64::MAX, None);
        (self.piped, self.in_head, self.done) = (true, false, false);
        (self.tail_piece, self.bytes_read) = (TAIL_PIECE.min(self.piece), 0);
    }

    /// The next lines of the range, about 256 KiB of them unless a line is longer; `None` after the last.
    pub fn next_block(&mut self) -> Result<Option<Block<'_>>, LoadError> {
        while !self.done {
            self.drop_handed_out();
            let block_end = if self.position() < self.end { self.read_inside()? } else { self.read_tail()? };
            if let Some(block_end) = block_end {
                let block = self.start..LEAD + block_end + PADDING;
                let offset = self.base + self.start as u64;
                self.start = block_end.min(self.filled);
                return Ok(Some(Block { framed: &self.buffer[block], offset }));
            }
            if self.filled - self.start > self.max_line {
                let message = format!("expected a line end within {} bytes, found none", self.max_line);
                return Err(self.blame(self.base, Fault { line: self.start, column: 0, message }));
            }
        }
        Ok(None)
    }

    /// Bytes of the current range that were read for the parser: once all blocks are out, exactly the range
    /// and, past its end, the rest of its last line. A line that crosses from one range into the next is thus
    /// counted by both: it is read by both. (Up to 4 KiB more, or as much more as that rest is long, may have
    /// come from the file in looking for the line's end.) Of a packed file, its own length.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The error for a fault in a block that began at `offset` of the file.
    ///
    /// Counts the lines before it from the file's start, so that the number is right also when the range starts
    /// in mid-file: slow, and only ever done once.
    pub fn blame(&mut self, offset: u64, fault: Fault) -> LoadError {
        let Some((range, source)) = &mut self.range else {
            return LoadError::Bad { path: String::new(), line: None, column: None, message: fault.message };
        };
        let path = range.path.clone();
        let line_start = offset + fault.line as u64;
        match count_lines(source.as_mut(), line_start) {
            Some(Before::Binary(at)) => {
                let message =
                    format!("looks like a binary file: expected text, found a zero byte at byte {at}");
                LoadError::Bad { path, line: None, column: None, message }
            }
            Some(Before::Lines(lines)) => LoadError::Bad {
                path,
                line: Some(lines + 1),
                column: Some(fault.column as u64 + 1),
                message: fault.message,
            },
            None => {
                let message = format!("byte {}: {}", line_start + fault.column as u64, fault.message);
                LoadError::Bad { path, line: None, column: None, message }
            }
        }
    }

    /// Reads a piece of the range itself. Every line that starts in it is owned, so all whole lines may go.
    fn read_inside(&mut self) -> Result<Option<usize>, LoadError> {
        let fresh = self.filled;
        self.fill((self.end - self.position()).min(self.piece as u64) as usize)?;
        let mut from = fresh;
        if self.in_head {
            let Some(head) = memchr(b'\n', &self.buffer[LEAD..LEAD + self.filled]) else {
                self.start = self.filled;
                // The first line that starts after the head starts past the end: this range owns none.
                self.done = self.position() == self.end;
                return Ok(None);
            };
            self.in_head = false;
            self.start = head + 1;
            from = self.start;
        }
        Ok(memrchr(b'\n', &self.buffer[LEAD + from..LEAD + self.filled]).map(|last| from + last + 1))
    }

    /// Reads past the range's end for the rest of its last line; a line that starts exactly at the end is
    /// owned, too.
    fn read_tail(&mut self) -> Result<Option<usize>, LoadError> {
        let fresh = self.filled;
        if self.position() >= self.file_length {
            self.done = true;
            if self.start == self.filled {
                return Ok(None);
            }
            self.buffer[LEAD + self.filled] = b'\n';
            return Ok(Some(self.filled + 1));
        }
        let counted = self.bytes_read;
        self.fill((self.file_length - self.position()).min(self.tail_piece as u64) as usize)?;
        self.tail_piece = (self.tail_piece * 2).min(self.piece);
        let Some(last) = memchr(b'\n', &self.buffer[LEAD + fresh..LEAD + self.filled]) else {
            return Ok(None);
        };
        self.bytes_read = counted + last as u64 + 1;
        self.done = true;
        Ok(Some(fresh + last + 1))
    }

    /// Reads exactly `count` bytes of the file behind those in the buffer; of a packed one or a pipe, what there is.
    fn fill(&mut self, count: usize) -> Result<(), LoadError> {
        let Some((range, source)) = &mut self.range else { return Ok(()) };
        // One more for the line end that the file's last line may lack.
        let needed = LEAD + self.filled + count + 1 + PADDING;
        if self.buffer.len() < needed {
            self.buffer.resize(needed, 0);
        }
        let into = &mut self.buffer[LEAD + self.filled..][..count];
        let at = self.base + self.filled as u64;
        if self.packing.is_none() && !self.piped {
            read_exactly(source.as_mut(), range, at, into)?;
            self.filled += count;
            self.bytes_read += count as u64;
            return Ok(());
        }
        let read = read_up_to(source.as_mut(), range, at, into)?;
        self.filled += read;
        if self.piped {
            self.bytes_read += read as u64;
        }
        if read < count {
            (self.end, self.file_length) = (at + read as u64, at + read as u64);
            if self.packing.is_some() {
                self.bytes_read = range.file_length;
            }
        }
        Ok(())
    }

    fn drop_handed_out(&mut self) {
        self.buffer.copy_within(LEAD + self.start..LEAD + self.filled, LEAD);
        self.base += self.start as u64;
        self.filled -= self.start;
        self.start = 0;
    }

    /// Place in the file of the next byte to read.
    fn position(&self) -> u64 {
        self.base + self.filled as u64
    }

    fn skip_byte_order_mark(&mut self) -> Result<(), LoadError> {
        let Some((range, source)) = &mut self.range else { return Ok(()) };
        let mut first = [0; BYTE_ORDER_MARK.len()];
        let there = self.file_length.min(first.len() as u64) as usize;
        read_up_to(source.as_mut(), range, 0, &mut first[..there])?;
        if first == BYTE_ORDER_MARK {
            self.base = first.len() as u64;
            self.bytes_read = self.base;
        }
        Ok(())
    }
}

impl Default for LineReader {
    fn default() -> Self {
        LineReader::new()
    }
}

/// Small enough to stay in the second cache between the system's copy and the parser.
const PIECE: usize = 256 << 10;
const TAIL_PIECE: usize = 4 << 10;
const MAX_LINE: usize = 64 << 20;
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
/// A zero byte among so many first bytes makes a file binary (git's rule).
const BINARY_PREFIX: usize = 8_000;
/// Lines are not counted through more than this: an error is not worth minutes of reading.
const MAX_COUNTED: u64 = 16 << 30;

pub(crate) fn read_exactly(
    source: &mut dyn ReadAt,
    range: &Range,
    offset: u64,
    into: &mut [u8],
) -> Result<(), LoadError> {
    let read = read_up_to(source, range, offset, into)?;
    if read < into.len() {
        let end = offset + read as u64;
        let message = format!("it ends at byte {end} and had {} bytes", range.file_length);
        return Err(LoadError::Changed { path: range.path.clone(), message });
    }
    Ok(())
}

/// Reads to the end of `into` or of the file.
fn read_up_to(
    source: &mut dyn ReadAt,
    range: &Range,
    offset: u64,
    into: &mut [u8],
) -> Result<usize, LoadError> {
    let mut filled = 0;
    while filled < into.len() {
        let path = || range.path.clone();
        match source.read_at(offset + filled as u64, &mut into[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            // Packed data that are wrong.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let message = error.to_string();
                return Err(LoadError::Bad { path: path(), line: None, column: None, message });
            }
            Err(source) => return Err(LoadError::Io { path: path(), source }),
        }
    }
    Ok(filled)
}

enum Before {
    Lines(u64),
    Binary(usize),
}

/// Counts the line ends before byte `end`, or finds that the file is no text. `None` if that cannot be told.
fn count_lines(source: &mut dyn ReadAt, end: u64) -> Option<Before> {
    let mut buffer = vec![0; PIECE];
    let read = source.read_at(0, &mut buffer[..BINARY_PREFIX]).ok()?;
    if let Some(zero) = memchr(0, &buffer[..read]) {
        return Some(Before::Binary(zero));
    }
    if end > MAX_COUNTED {
        return None;
    }
    let (mut lines, mut offset) = (0, 0);
    while offset < end {
        let want = (end - offset).min(PIECE as u64) as usize;
        let read = source.read_at(offset, &mut buffer[..want]).ok().filter(|read| *read > 0)?;
        lines += memchr_iter(b'\n', &buffer[..read]).count() as u64;
        offset += read as u64;
    }
    Some(Before::Lines(lines))
}

#[cfg(test)]
mod tests;
