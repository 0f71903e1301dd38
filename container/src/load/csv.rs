//! CSV: lines of fields between commas, or between other bytes (`--delimiter`; tabs in `.tsv` files).
//!
//! - The first line may hold names ([`Header`]); each file has its own. Blank lines are skipped. All lines have as many fields.
//! - A field may stand in double quotes, with `""` for a quote in it. It ends on the line where it began: a line end inside
//!   quotes is bad input wherever the file is cut, never half a row (Spark's `multiLine=false`, but for the error).
//! - Fields that are wanted hold decimal numbers, finite, with the bits that Rust's own parser gives them, blanks around them or
//!   not. An empty one, `NA`, `NaN`, `nan`, `null`, `NULL` or `\N` is missing: see [`Missing`].
//! - Fields that are not wanted may hold anything.
//!
//! Splits are cut at line ends, as [`text`](super::text) says, so a split in mid-file reads the file's head for the names.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::{memchr, memchr2, memrchr};

use crate::error::LoadError;
use crate::load::number;
use crate::load::select::{Role, Selection, Table};
use crate::load::sink::Sink;
use crate::load::text::{Block, Fault, LineReader};
use crate::load::window::{LONGEST, REACH, Window};
use crate::load::{Header, LoadOptions, Missing, select};
use crate::split::{Range, Split};

/// Loads a split into `sink`; how many bytes were read.
pub(crate) fn load(split: &Split, options: &LoadOptions, sink: &mut impl Sink) -> Result<u64, LoadError> {
    let mut reader = LineReader::new();
    let mut bytes_read = 0;
    let mut options = options.clone();
    for range in &split.ranges {
        let Some((head, bytes)) = Head::read(range, &options)? else { continue };
        let bad = |message| LoadError::Bad { path: range.path.clone(), line: None, column: None, message };
        options = head.table.settle(&options).map_err(bad)?;
        let selection = head.table.select(&options).map_err(bad)?;
        sink.widen(selection.features).map_err(|room| room.of(range))?;
        let mut parser = Parser::new(&head, selection, &options);
        reader.start(range)?;
        while let Some(block) = reader.next_block()? {
            if let Err(stop) = parser.parse(&block, sink) {
                return Err(match stop {
                    Stop::Fault(fault) => {
                        let at = block.offset();
                        reader.blame(at, fault)
                    }
                    Stop::NoRoom(room) => room.of(range),
                });
            }
        }
        bytes_read += reader.bytes_read() + if range.offset > 0 { bytes } else { 0 };
    }
    Ok(bytes_read)
}

/// The columns of a file; none if it holds no lines.
pub(crate) fn table(range: &Range, options: &LoadOptions) -> Result<Option<Table>, LoadError> {
    Ok(Head::read(range, options)?.map(|(head, _)| head.table))
}

/// What a file's first line says.
struct Head {
    table: Table,
    delimiter: u8,
    fields: usize,
    /// Where the names are; none if they are not there.
    names_at: Option<u64>,
}

impl Head {
    /// Reads the first line that is not blank, wherever the range is; with the bytes that were read for it.
    fn read(range: &Range, options: &LoadOptions) -> Result<Option<(Self, u64)>, LoadError> {
        let mut reader = LineReader::new();
        let packed = super::packed::Packing::of(&range.path).is_some();
        // Just beyond the first line, unless that is blank.
        let mut length = range.file_length.min(1);
        loop {
            let all = packed || length == range.file_length;
            let head =
                Range { offset: 0, length: if all { range.file_length } else { length }, ..range.clone() };
            reader.start(&head)?;
            while let Some(block) = reader.next_block()? {
                let (lines, at) = (block.lines(), block.offset());
                let mut start = 0;
                while let Some(end) = memchr(b'\n', &lines[start..]) {
                    let line = &lines[start..start + end];
                    let line = line.strip_suffix(b"\r").unwrap_or(line);
                    if !line.is_empty() {
                        let head = Head::of(line, at + start as u64, range, options);
                        let fault = |fault: Fault| reader.blame(at, Fault { line: start, ..fault });
                        return Ok(Some((head.map_err(fault)?, at + (start + end + 1) as u64)));
                    }
                    start += end + 1;
                }
            }
            if all {
                return Ok(None);
            }
            length = (length * 16).min(range.file_length);
        }
    }

    fn of(line: &[u8], at: u64, range: &Range, options: &LoadOptions) -> Result<Self, Fault> {
        let delimiter = options.delimiter.unwrap_or_else(|| usual_delimiter(&range.path));
        let fault = |column, message| Fault { line: 0, column, message };
        let mut splitter = Splitter::new(delimiter);
        splitter.split(line).map_err(|wrong| fault(wrong.0, wrong.1))?;
        let fields = splitter.fields();
        let has_names = match options.header {
            Header::True => true,
            Header::False => false,
            Header::Auto => {
                let numbers = (0..fields).filter(|field| is_number(splitter.field(*field))).count();
                let blank =
                    (0..fields).filter(|field| splitter.field(*field).trim_ascii().is_empty()).count();
                if blank == fields || numbers > 0 && numbers + blank < fields {
                    let message = "expected either names or numbers: say --header true if these are names, else --header false";
                    return Err(fault(0, message.into()));
                }
                numbers == 0
            }
        };
        let mut names = Vec::new();
        for field in (0..fields).filter(|_| has_names) {
            let name = std::str::from_utf8(splitter.field(field).trim_ascii()).map_err(|_| {
                fault(splitter.place(line, field), "expected names in UTF-8, found other bytes".into())
            })?;
            names.push(name.to_owned());
        }
        let table = Table::new(fields, names, &range.path);
        Ok(Head { table, delimiter, fields, names_at: has_names.then_some(at) })
    }
}

/// Parses blocks of lines into rows.
///
/// The quick way splits a line at its delimiters and takes the usual decimals only. A line with a quote, a field that is no such
/// number and a line with too few or too many fields go the careful way, by the csv crate's own state machine.
struct Parser<'a> {
    head: &'a Head,
    selection: Selection,
    missing: Missing,
    splitter: Splitter,
    labels: Vec<f32>,
    values: Vec<f32>,
    /// What each row is before its fields are read.
    empty: Vec<f32>,
    label: f32,
}

/// Why a block was not parsed to its end.
enum Stop {
    Fault(Fault),
    NoRoom(super::dense::NoRoom),
}

impl<'a> Parser<'a> {
    fn new(head: &'a Head, selection: Selection, options: &LoadOptions) -> Self {
        let (label, empty) = selection.empty_row();
        let (splitter, missing) = (Splitter::new(head.delimiter), options.missing);
        Parser { head, selection, missing, splitter, labels: Vec::new(), values: Vec::new(), empty, label }
    }

    fn parse(&mut self, block: &Block<'_>, sink: &mut impl Sink) -> Result<(), Stop> {
        let lines = block.lines();
        let mut start = 0;
        while start < lines.len() {
            let length = window(&lines[start..]);
            let text =
                block.framed()[start..].first_chunk::<REACH>().filter(|_| length <= LONGEST).map(Window);
            let mut line = 0;
            while line < length {
                let rest = &lines[start + line..start + length];
                let is_names = self.head.names_at == Some(block.offset() + (start + line) as u64);
                let quick = text.filter(|_| !is_names).and_then(|text| self.quick_row(text, line, length));
                if let Some(read) = quick {
                    line += read;
                    continue;
                }
                let end = memchr(b'\n', rest).unwrap_or(rest.len());
                if !is_names {
                    self.careful_row(&rest[..end]).map_err(|(column, message)| {
                        Stop::Fault(Fault { line: start + line, column, message })
                    })?;
                }
                line += end + 1;
            }
            sink.push_dense(length, &self.labels, &self.values).map_err(Stop::NoRoom)?;
            self.labels.clear();
            self.values.clear();
            start += length;
        }
        Ok(())
    }

    /// Reads the row at `start` and returns its length; none, and nothing has changed, if it needs care.
    #[inline(always)]
    fn quick_row(&mut self, text: Window<'_>, start: usize, length: usize) -> Option<usize> {
        let before = self.values.len();
        self.values.extend_from_slice(&self.empty);
        let read = self.quick_fields(text, start, length, before);
        if read.is_none() {
            self.values.truncate(before);
        }
        read
    }

    #[inline(always)]
    fn quick_fields(&mut self, text: Window<'_>, start: usize, length: usize, row: usize) -> Option<usize> {
        let delimiter = self.head.delimiter;
        let row = &mut self.values[row..];
        let (mut at, mut label) = (start, self.label);
        let mut roles = self.selection.roles.iter();
        loop {
            let role = roles.next()?;
            let quoted = usize::from(text.byte(at) == b'"');
            let (from, stop) = (at + quoted, if quoted == 1 { b'"' } else { delimiter });
            let end = field_end(text, from, stop).min(length);
            match role {
                Role::Feature(feature) => *row.get_mut(*feature)? = number::label(text, from, end as u16)?,
                Role::Label => label = number::label(text, from, end as u16)?,
                // What has a quote inside may end elsewhere.
                Role::Ignored => memchr(b'"', text.get(from, end)?).is_none().then_some(())?,
            }
            if quoted == 1 && text.byte(end) != b'"' {
                return None;
            }
            let end = end + quoted;
            if end < length && text.byte(end) == delimiter {
                at = end + 1;
                continue;
            }
            let carriage = usize::from(text.byte(end) == b'\r');
            if roles.next().is_some() || text.byte(end + carriage) != b'\n' {
                return None;
            }
            self.labels.push(label);
            return Some(end + carriage + 1 - start);
        }
    }

    /// Reads one line without its `\n`; a fault is a place in it and a message.
    #[cold]
    fn careful_row(&mut self, line: &[u8]) -> Result<(), (usize, String)> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Ok(());
        }
        self.splitter.split(line)?;
        let (found, fields) = (self.splitter.fields(), self.head.fields);
        if found != fields {
            return Err((0, format!("expected {fields} fields as in the first line, found {found}")));
        }
        let before = self.values.len();
        self.values.extend_from_slice(&self.empty);
        let mut label = self.label;
        for (field, role) in self.selection.roles.iter().enumerate() {
            let slot = match role {
                Role::Ignored => continue,
                Role::Label => &mut label,
                Role::Feature(feature) => &mut self.values[before + feature],
            };
            *slot = select::number(self.splitter.field(field), *role, self.missing).map_err(|wrong| {
                let name = self.head.table.called(field);
                (self.splitter.place(line, field), format!("{wrong} in {name}"))
            })?;
        }
        self.labels.push(label);
        Ok(())
    }
}

/// The first place from `from` on that has this byte, or one up to a carriage return: eight bytes at a time.
#[inline(always)]
fn field_end(text: Window<'_>, from: usize, stop: u8) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut at = from;
    while let Some(word) = text.get(at, at + 8).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        let other = word ^ (u64::from(stop) * ONES);
        // The usual test for a zero byte, and for one below 14; the lowest bit set is exact.
        let stops = other.wrapping_sub(ONES) & !other;
        let ends = word.wrapping_sub(14 * ONES) & !word;
        let found = (stops | ends) & (0x80 * ONES);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    LONGEST
}

/// Splits one line at a time by the csv crate's state machine.
struct Splitter {
    reader: Reader,
    delimiter: u8,
    /// The fields without quotes, one after the other.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    found: usize,
}

impl Splitter {
    fn new(delimiter: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        Splitter { reader, delimiter, bytes: Vec::new(), ends: Vec::new(), found: 0 }
    }

    fn split(&mut self, line: &[u8]) -> Result<(), (usize, String)> {
        if let Some(at) = memchr2(b'\r', 0, line) {
            let found = match line[at] {
                0 => "a zero byte: looks like a binary file",
                _ => "a carriage return inside a line",
            };
            return Err((at, format!("expected text, found {found}")));
        }
        self.reader.reset();
        self.bytes.resize(line.len() + 1, 0);
        self.ends.resize(line.len() + 2, 0);
        let (mut ends, mut written) = (0, 0);
        for input in [line, b"\n"] {
            let (result, _, bytes, found) =
                self.reader.read_record(input, &mut self.bytes[written..], &mut self.ends[ends..]);
            (written, ends) = (written + bytes, ends + found);
            if result == ReadRecordResult::Record {
                self.found = ends;
                return Ok(());
            }
        }
        let quote = memrchr(b'"', line).unwrap_or(0);
        Err((quote, "expected the quotes to end on the line where they begin, found the line's end".into()))
    }

    fn fields(&self) -> usize {
        self.found
    }

    fn field(&self, field: usize) -> &[u8] {
        let start = if field == 0 { 0 } else { self.ends[field - 1] };
        &self.bytes[start..self.ends[field]]
    }

    /// Where a field begins in its line.
    fn place(&self, line: &[u8], field: usize) -> usize {
        let (mut inside, mut before) = (false, 0);
        for (at, byte) in line.iter().enumerate() {
            if before == field {
                return at;
            }
            inside ^= *byte == b'"';
            before += usize::from(!inside && *byte == self.delimiter);
        }
        line.len()
    }
}

fn usual_delimiter(path: &str) -> u8 {
    let name = path.to_ascii_lowercase();
    let name = name
        .rsplit_once('.')
        .filter(|_| super::packed::Packing::of(path).is_some())
        .map_or(name.as_str(), |(n, _)| n);
    if name.ends_with(".tsv") { b'\t' } else { b',' }
}

fn is_number(field: &[u8]) -> bool {
    std::str::from_utf8(field.trim_ascii())
        .is_ok_and(|text| text.parse::<f64>().is_ok() && text.bytes().any(|byte| byte.is_ascii_digit()))
}

/// Bytes parsed at a time, so that they and their numbers stay in the nearest caches.
const WINDOW: usize = 16 << 10;

/// The length of some whole lines: as many as fit into a window, or one.
fn window(lines: &[u8]) -> usize {
    if lines.len() <= WINDOW {
        return lines.len();
    }
    match memrchr(b'\n', &lines[..WINDOW]) {
        Some(last) => last + 1,
        None => memchr(b'\n', lines).map_or(lines.len(), |end| end + 1),
    }
}

#[cfg(test)]
mod tests;
