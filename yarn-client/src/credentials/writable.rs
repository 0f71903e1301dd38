//! Hadoop's own encoding ("writable"): numbers of variable length, and bytes and texts after their length.

use super::{Credentials, MalformedCredentials, Token};

/// Reads credentials that begin at `offset`.
pub(super) fn read(bytes: &[u8], offset: usize) -> Result<Credentials, MalformedCredentials> {
    let mut reader = Reader { bytes, offset };
    let mut credentials = Credentials::default();
    // Counts are only counted down: nothing is allocated for entries that have not been seen.
    for _ in 0..reader.length("number of tokens")? {
        let alias = reader.text("alias of a token")?;
        credentials.tokens.insert(alias, reader.token()?);
    }
    for _ in 0..reader.length("number of secrets")? {
        let alias = reader.text("alias of a secret")?;
        credentials.secrets.insert(alias, reader.bytes("secret")?.to_vec());
    }
    Ok(credentials)
}

/// Appends credentials (without magic and version).
pub(super) fn write(credentials: &Credentials, out: &mut Vec<u8>) {
    write_number(credentials.tokens.len() as i64, out);
    for (alias, token) in &credentials.tokens {
        write_bytes(alias.as_bytes(), out);
        write_token(token, out);
    }
    write_number(credentials.secrets.len() as i64, out);
    for (alias, secret) in &credentials.secrets {
        write_bytes(alias.as_bytes(), out);
        write_bytes(secret, out);
    }
}

/// Reads one token that fills the bytes or is followed by something else.
pub(super) fn read_token(bytes: &[u8]) -> Result<Token, MalformedCredentials> {
    Reader { bytes, offset: 0 }.token()
}

/// Appends one token.
pub(super) fn write_token(token: &Token, out: &mut Vec<u8>) {
    write_bytes(&token.identifier, out);
    write_bytes(&token.password, out);
    write_bytes(token.kind.as_bytes(), out);
    write_bytes(token.service.as_bytes(), out);
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn token(&mut self) -> Result<Token, MalformedCredentials> {
        Ok(Token {
            identifier: self.bytes("identifier of a token")?.to_vec(),
            password: self.bytes("password of a token")?.to_vec(),
            kind: self.text("kind of a token")?,
            service: self.text("service of a token")?,
        })
    }

    fn text(&mut self, field: &'static str) -> Result<String, MalformedCredentials> {
        let offset = self.offset;
        let bytes = self.bytes(field)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| MalformedCredentials::NotText { field, offset })
    }

    fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], MalformedCredentials> {
        let offset = self.offset;
        let length = self.length(field)?;
        self.take(length).ok_or(MalformedCredentials::Truncated { field, offset })
    }

    fn length(&mut self, field: &'static str) -> Result<usize, MalformedCredentials> {
        let offset = self.offset;
        // Hadoop holds lengths in 32 bits and refuses larger ones.
        let length = self.number().and_then(|number| i32::try_from(number).ok());
        length.and_then(|n| usize::try_from(n).ok()).ok_or(MalformedCredentials::Truncated { field, offset })
    }

    /// A number as `WritableUtils.writeVLong` writes it: small ones are one byte; otherwise the first byte gives sign and
    /// number of the big-endian bytes that follow, which hold the complement if it is negative.
    fn number(&mut self) -> Option<i64> {
        let first = self.take(1)?[0] as i8;
        let (negative, count) = match first {
            -112.. => return Some(first.into()),
            -120..-112 => (false, (-112 - first) as usize),
            _ => (true, (-120 - i16::from(first)) as usize),
        };
        let value = self.take(count)?.iter().fold(0, |value: i64, byte| value << 8 | i64::from(*byte));
        Some(if negative { !value } else { value })
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.offset..)?.get(..count)?;
        self.offset += count;
        Some(taken)
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_number(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

fn write_number(number: i64, out: &mut Vec<u8>) {
    if let -112..=127 = number {
        return out.push(number as u8);
    }
    let (base, magnitude) = if number < 0 { (-120_i8, !number) } else { (-112, number) };
    let bytes = magnitude.to_be_bytes();
    let skipped = (magnitude.leading_zeros() / 8) as usize;
    out.push(base.wrapping_sub((bytes.len() - skipped) as i8) as u8);
    out.extend_from_slice(&bytes[skipped..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The right-hand side is what `WritableUtils.writeVLong` of Hadoop 3.4.2 writes.
    #[test]
    fn numbers_are_written_as_hadoop_does() {
        let cases: &[(i64, &[u8])] = &[
            (0, &[0]),
            (127, &[0x7f]),
            (128, &[0x8f, 0x80]),
            (-1, &[0xff]),
            (-112, &[0x90]),
            (-113, &[0x87, 0x70]),
            (256, &[0x8e, 1, 0]),
            (65536, &[0x8d, 1, 0, 0]),
            (i32::MAX.into(), &[0x8c, 0x7f, 0xff, 0xff, 0xff]),
            (i32::MIN.into(), &[0x84, 0x7f, 0xff, 0xff, 0xff]),
            (i64::MAX, &[0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            (i64::MIN, &[0x80, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ];
        for (number, bytes) in cases {
            let mut out = Vec::new();
            write_number(*number, &mut out);
            assert_eq!(&out, bytes, "{number}");
        }
    }

    proptest! {
        #[test]
        fn numbers_round_trip(number: i64, shift in 0u32..64) {
            let number = number >> shift;
            let mut bytes = Vec::new();
            write_number(number, &mut bytes);
            let mut reader = Reader { bytes: &bytes, offset: 0 };
            prop_assert_eq!(reader.number(), Some(number));
            prop_assert_eq!(reader.offset, bytes.len());
        }
    }
}
