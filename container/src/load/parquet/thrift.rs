//! The little of Thrift's compact protocol that must be read before the parquet crate may see it: the headers of pages, whose
//! claims decide how much memory is taken, and how deep the schema is, since the crate walks down it by recursion.
//!
//! Source: thrift-compact-protocol.md of Apache Thrift; parquet.thrift of Apache Parquet for the numbers of fields.

/// Bytes that are read from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

/// What the compact protocol knows, by its numbers: 1 and 2 are true and false, 3 to 6 integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind(u8);

const BINARY: Kind = Kind(8);
const LIST: Kind = Kind(9);
const STRUCT: Kind = Kind(12);
/// Nothing in Parquet's metadata is nested deeper.
const DEEPEST: u32 = 16;
/// Groups in groups: real schemas have a handful.
const DEEPEST_SCHEMA: usize = 64;

/// The header of a page. Sizes in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PageHeader {
    pub(super) kind: i64,
    pub(super) unpacked: usize,
    pub(super) packed: usize,
    /// Of whichever of the three kinds it is.
    pub(super) values: u32,
    pub(super) encoding: i64,
    pub(super) definition_encoding: i64,
    pub(super) repetition_encoding: i64,
    pub(super) nulls: u32,
    pub(super) definition_bytes: usize,
    pub(super) repetition_bytes: usize,
    /// Whether the values of a page of the second version are packed.
    pub(super) is_packed: bool,
}

/// The kinds of pages.
pub(super) const DATA: i64 = 0;
pub(super) const INDEX: i64 = 1;
pub(super) const DICTIONARY: i64 = 2;
pub(super) const DATA_2: i64 = 3;

impl PageHeader {
    /// Reads the header at the front of `bytes`; with its length. None if there is none.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut cursor = Cursor { rest: bytes };
        let mut header = PageHeader { kind: -1, is_packed: true, ..PageHeader::default() };
        let mut field = 0;
        while let Some(kind) = cursor.field(&mut field)? {
            match field {
                1 => header.kind = cursor.integer(kind)?,
                2 => header.unpacked = cursor.integer(kind)?.try_into().ok()?,
                3 => header.packed = cursor.integer(kind)?.try_into().ok()?,
                5 | 7 | 8 if kind == STRUCT => header.read_inner(field, &mut cursor)?,
                _ => cursor.skip(kind, DEEPEST)?,
            }
        }
        (header.kind >= 0).then_some((header, bytes.len() - cursor.rest.len()))
    }

    fn read_inner(&mut self, of: i64, cursor: &mut Cursor<'_>) -> Option<()> {
        let mut field = 0;
        while let Some(kind) = cursor.field(&mut field)? {
            match (of, field) {
                (_, 1) => self.values = cursor.integer(kind)?.try_into().ok()?,
                (5 | 7, 2) | (8, 4) => self.encoding = cursor.integer(kind)?,
                (5, 3) => self.definition_encoding = cursor.integer(kind)?,
                (5, 4) => self.repetition_encoding = cursor.integer(kind)?,
                (8, 2) => self.nulls = cursor.integer(kind)?.try_into().ok()?,
                (8, 5) => self.definition_bytes = cursor.integer(kind)?.try_into().ok()?,
                (8, 6) => self.repetition_bytes = cursor.integer(kind)?.try_into().ok()?,
                // A boolean is its own kind.
                (8, 7) => self.is_packed = kind == Kind(1),
                _ => cursor.skip(kind, DEEPEST)?,
            }
        }
        Some(())
    }
}

/// Whether a footer is Thrift at all and its schema not too deep, nor claims more children than there are.
pub(super) fn is_sound(footer: &[u8]) -> bool {
    let mut cursor = Cursor { rest: footer };
    let (mut sound, mut field) = (false, 0);
    loop {
        let read = match cursor.field(&mut field) {
            None => return false,
            Some(None) => return sound,
            Some(Some(LIST)) if field == 2 => schema(&mut cursor).map(|is_tree| sound = is_tree),
            Some(Some(kind)) => cursor.skip(kind, DEEPEST),
        };
        if read.is_none() {
            return false;
        }
    }
}

/// Whether the schema is a tree of bounded depth.
fn schema(cursor: &mut Cursor<'_>) -> Option<bool> {
    let (element, count) = cursor.list()?;
    if element != STRUCT {
        return Some(false);
    }
    // How many children each group that is open still has.
    let mut open: Vec<u64> = Vec::new();
    let mut sound = true;
    for number in 0..count {
        let (mut children, mut field) = (0u64, 0);
        while let Some(kind) = cursor.field(&mut field)? {
            match field {
                5 => children = cursor.integer(kind)?.try_into().ok()?,
                _ => cursor.skip(kind, DEEPEST)?,
            }
        }
        match open.last_mut() {
            Some(left) => *left -= 1,
            None => sound &= number == 0,
        }
        if children > 0 {
            open.push(children);
            sound &= open.len() <= DEEPEST_SCHEMA && children < count;
        }
        while open.last() == Some(&0) {
            open.pop();
        }
        if !sound {
            return Some(false);
        }
    }
    Some(count > 0 && open.is_empty())
}

impl<'a> Cursor<'a> {
    /// The kind of the next field, whose number is counted up in `field`; `Some(None)` at the struct's end.
    #[expect(clippy::option_option, reason = "no bytes left is another thing than the end of the struct")]
    fn field(&mut self, field: &mut i64) -> Option<Option<Kind>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        *field = match byte >> 4 {
            0 => self.zigzag()?,
            step => field.checked_add(i64::from(step))?,
        };
        Some(Some(Kind(byte & 15)))
    }

    fn integer(&mut self, kind: Kind) -> Option<i64> {
        match kind.0 {
            3 => self.byte().map(|byte| i64::from(byte as i8)),
            4..=6 => self.zigzag(),
            _ => None,
        }
    }

    /// What a list holds, and how often; never more than there are bytes.
    fn list(&mut self) -> Option<(Kind, u64)> {
        let byte = self.byte()?;
        let count = match byte >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        (count <= self.rest.len() as u64).then_some((Kind(byte & 15), count))
    }

    fn skip(&mut self, kind: Kind, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            Kind(1 | 2) => {}
            Kind(3) => drop(self.byte()?),
            Kind(4..=6) => drop(self.varint()?),
            Kind(7) => drop(self.take(8)?),
            BINARY => {
                let length = self.varint()?;
                self.take(length)?;
            }
            LIST | Kind(10) => {
                let (element, count) = self.list()?;
                for _ in 0..count {
                    match element {
                        // In a list a boolean takes a byte.
                        Kind(1 | 2) => drop(self.byte()?),
                        element => self.skip(element, depth)?,
                    }
                }
            }
            STRUCT => {
                let mut field = 0;
                while let Some(kind) = self.field(&mut field)? {
                    self.skip(kind, depth)?;
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn zigzag(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length.try_into().ok()?)?;
        self.rest = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_the_second_version() {
        // kind 3, unpacked 300, packed 200, crc 9, data_page_header_v2 {10 values, 2 nulls, 10 rows, encoding 8, 4, 0, false}.
        let bytes = [
            0x15, 6, 0x15, 0xd8, 4, 0x15, 0x90, 3, 0x15, 18, 0x4c, 0x15, 20, 0x15, 4, 0x15, 20, 0x15, 16,
            0x15, 8, 0x15, 0, 0x12, 0, 0,
        ];
        let (header, length) = PageHeader::read(&bytes).unwrap();
        assert_eq!(length, bytes.len());
        assert_eq!((header.kind, header.unpacked, header.packed), (DATA_2, 300, 200));
        assert_eq!((header.values, header.nulls, header.encoding), (10, 2, 8));
        assert_eq!((header.definition_bytes, header.repetition_bytes, header.is_packed), (4, 0, false));
        for cut in 0..bytes.len() {
            assert_eq!(PageHeader::read(&bytes[..cut]), None, "{cut}");
        }
    }

    /// A footer with nothing but a schema, whose elements have so many children.
    fn footer(children: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x29, 0xf0 | 12, children.len() as u8];
        for count in children {
            bytes.extend(if *count > 0 { vec![0x55, 2 * count, 0] } else { vec![0] });
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn a_schema_is_a_tree_of_bounded_depth() {
        assert!(is_sound(&footer(&[2, 0, 1, 0])));
        assert!(!is_sound(&footer(&[3, 0, 0])), "a child is missing");
        assert!(!is_sound(&footer(&[1, 0, 0])), "a child too many");
        assert!(!is_sound(&footer(&[100, 0])));
        assert!(!is_sound(&footer(&[])) && !is_sound(&[]) && !is_sound(&[0]));
        let deep = |depth| [vec![1; depth], vec![0]].concat();
        assert!(is_sound(&footer(&deep(64))) && !is_sound(&footer(&deep(65))));
        // A list that claims 2^31 elements.
        assert!(!is_sound(&[0x29, 0xf0 | 12, 0xff, 0xff, 0xff, 0xff, 7, 0]));
    }
}
