//! One line at a time, slowly: this says what a row is, and what is wrong with a line that is none.

use memchr::{memchr, memchr2};

/// A line's label and numbers.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) label: f32,
    /// Counted from 0.
    pub(super) columns: Vec<u32>,
    pub(super) values: Vec<f32>,
}

/// Something wrong at a byte of the line, counted from 0.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) column: usize,
    pub(super) message: String,
}

/// The largest column allowed, counted from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) column: u32,
    /// Whether the user fixed it.
    pub(super) fixed: bool,
}

/// Parses a line without its `\n`; `None` if there is nothing on it.
pub(super) fn parse(line: &[u8], limit: Limit) -> Result<Option<Row>, Wrong> {
    let mut tokens = Tokens { line: content(line)?, at: 0 };
    let Some((at, label)) = tokens.next() else { return Ok(None) };
    let mut row = Row { label: number(label, at, "a label")?, ..Row::default() };
    let mut last = 0;
    for (at, token) in tokens {
        let (column, value) = pair(at, token, last, limit)?;
        last = column;
        row.columns.push(column - 1);
        row.values.push(value);
    }
    Ok(Some(row))
}

/// `column:value`, the column above `last` (which is 0 before a row's first).
fn pair(at: usize, token: &[u8], last: u32, limit: Limit) -> Result<(u32, f32), Wrong> {
    let wrong = |message| Err(Wrong { column: at, message });
    let Some(colon) = memchr(b':', token) else {
        return wrong(format!("expected column:value, found {}", quoted(token)));
    };
    let (index, value) = (&token[..colon], &token[colon + 1..]);
    if index == b"qid" {
        return wrong(format!("expected column:value, found {}: ranking is not supported", quoted(token)));
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
        Some(column) if column <= limit.column => {
            Ok((column, number(value, at + colon + 1, "a number after ':'")?))
        }
        _ => {
            let why = if limit.fixed { " (the fixed number of columns)" } else { "" };
            let index = String::from_utf8_lossy(&index[..index.len().min(LONGEST_QUOTE)]);
            wrong(format!("expected a column up to {}{why}, found {index}", limit.column))
        }
    }
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
    Ok(memchr(b'#', line).map_or(line, |comment| &line[..comment]))
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
