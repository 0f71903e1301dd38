//! The LibSVM format: `label column:value column:value …`, one row per line.
//!
//! Columns count from 1 in the file and ascend, each at most once; in memory they count from 0. Numbers are
//! decimal, with the bits that Rust's own parser gives them, and finite. Blank lines are skipped, and so is
//! everything after a `#`. Tabs and any number of blanks may stand between tokens; lines may end with `\r\n`.

use memchr::memchr2;

use crate::load::rows::Builder;
use crate::load::text::{Block, Fault};

/// Parses blocks of lines into sparse rows.
#[derive(Debug)]
pub struct Parser {
    max_column: u32,
    fixed: bool,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl Parser {
    /// A parser that takes columns up to `columns` only, if that is given.
    pub fn new(columns: Option<u32>) -> Self {
        Parser {
            max_column: columns.unwrap_or(u32::MAX),
            fixed: columns.is_some(),
            columns: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Appends the rows of a block. After a fault the rows are not to be used.
    pub(crate) fn parse(&mut self, block: &Block<'_>, rows: &mut Builder) -> Result<(), Fault> {
        let lines = block.lines();
        let mut line = 0;
        while line < lines.len() {
            let length = memchr::memchr(b'\n', &lines[line..]).unwrap_or(lines.len() - line);
            self.parse_line(&lines[line..line + length], rows)
                .map_err(|Wrong { column, message }| Fault { line, column, message })?;
            line += length + 1;
        }
        Ok(())
    }

    /// One line without its `\n`.
    fn parse_line(&mut self, line: &[u8], rows: &mut Builder) -> Result<(), Wrong> {
        let mut tokens = Tokens { line: content(line)?, at: 0 };
        let Some((at, label)) = tokens.next() else { return Ok(()) };
        let label = number(label, at, "a label")?;
        self.columns.clear();
        self.values.clear();
        let mut last = 0;
        for (at, token) in tokens {
            let (column, value) = self.pair(at, token, last)?;
            last = column;
            self.columns.push(column - 1);
            self.values.push(value);
        }
        rows.extend(&self.columns, &self.values);
        rows.end_row(label, rows.stored() as u64);
        rows.widen(last);
        Ok(())
    }

    /// `column:value`, the column above `last` (which is 0 before a row's first).
    fn pair(&self, at: usize, token: &[u8], last: u32) -> Result<(u32, f32), Wrong> {
        let wrong = |message| Err(Wrong { column: at, message });
        let Some(colon) = memchr::memchr(b':', token) else {
            return wrong(format!("expected column:value, found {}", quoted(token)));
        };
        let (index, value) = (&token[..colon], &token[colon + 1..]);
        if index == b"qid" {
            return wrong(format!(
                "expected column:value, found {}: ranking is not supported",
                quoted(token)
            ));
        }
        if index.is_empty() || !index.iter().all(u8::is_ascii_digit) {
            return wrong(format!("expected a column number before ':', found {}", quoted(index)));
        }
        let column = std::str::from_utf8(index).ok().and_then(|index| index.parse::<u32>().ok());
        match column {
            Some(0) => wrong("expected columns counted from 1, found column 0".into()),
            Some(column) if column == last => {
                wrong(format!("expected each column once, found column {column} twice"))
            }
            Some(column) if column < last => {
                wrong(format!("expected ascending columns, found column {column} after column {last}"))
            }
            Some(column) if column <= self.max_column => {
                Ok((column, number(value, at + colon + 1, "a number after ':'")?))
            }
            _ => {
                let why = if self.fixed { " (the fixed number of columns)" } else { "" };
                let index = String::from_utf8_lossy(&index[..index.len().min(LONGEST_QUOTE)]);
                wrong(format!("expected a column up to {}{why}, found {index}", self.max_column))
            }
        }
    }
}

/// Something wrong at a byte of the line.
#[derive(Debug)]
struct Wrong {
    column: usize,
    message: String,
}

/// The blank-separated tokens of a line, each with its place.
struct Tokens<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.line[self.at..];
        let from = self.at + rest.iter().position(|byte| !is_blank(*byte))?;
        let rest = &self.line[from..];
        let length = rest.iter().position(|byte| is_blank(*byte)).unwrap_or(rest.len());
        self.at = from + length;
        Some((from, &rest[..length]))
    }
}

const LONGEST_QUOTE: usize = 32;

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// The line without its comment and line end.
fn content(line: &[u8]) -> Result<&[u8], Wrong> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if let Some(column) = memchr2(b'\r', 0, line) {
        let message = match line[column] {
            0 => "expected text, found a zero byte: looks like a binary file",
            _ => "expected the line to end after a carriage return, found a carriage return inside a line",
        };
        return Err(Wrong { column, message: message.into() });
    }
    Ok(memchr::memchr(b'#', line).map_or(line, |comment| &line[..comment]))
}

/// A finite f32 with the bits of Rust's own parser.
fn number(token: &[u8], column: usize, expected: &str) -> Result<f32, Wrong> {
    let parsed = std::str::from_utf8(token).ok().and_then(|token| token.parse::<f32>().ok());
    let message = match parsed {
        Some(value) if value.is_finite() => return Ok(value),
        Some(_) if token.iter().any(u8::is_ascii_digit) => {
            format!("expected {expected} below 3.4028236e38, found {}", quoted(token))
        }
        Some(_) => format!("expected {expected} that is finite, found {}", quoted(token)),
        None => format!("expected {expected}, found {}", quoted(token)),
    };
    Err(Wrong { column, message })
}

/// A token as it may stand in a message: quoted, escaped, not too long.
fn quoted(token: &[u8]) -> String {
    match token.len() {
        0 => "nothing".into(),
        1..=LONGEST_QUOTE => format!("{:?}", String::from_utf8_lossy(token)),
        _ => format!("{:?}…", String::from_utf8_lossy(&token[..LONGEST_QUOTE])),
    }
}
