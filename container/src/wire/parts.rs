//! Several encoded values in one buffer, each where it can be read from without a copy. For values that hold others of which no
//! more is known than that they travel.

use super::codec::{Buffer, CodecError};

/// Values begin at multiples of this.
const ALIGNMENT: usize = 16;

/// The number of parts, their lengths, and the parts.
pub(crate) fn pack(parts: &[Buffer]) -> Buffer {
    let lengths = parts.iter().map(|part| part.len() as u64);
    let mut bytes = Buffer::new();
    for number in std::iter::once(parts.len() as u64).chain(lengths) {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for part in parts {
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        bytes.extend_from_slice(part);
    }
    bytes
}

/// How many bytes parts of these lengths take.
pub(crate) fn packed_len(lengths: &[u64]) -> u64 {
    let numbers = (lengths.len() as u64 + 1) * 8;
    lengths.iter().fold(numbers, |bytes, length| bytes.next_multiple_of(ALIGNMENT as u64) + length)
}

/// The parts again. Every length is checked.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Vec<&[u8]>, CodecError> {
    let wrong = || CodecError::refused("parts that do not add up");
    let number = |at: usize| {
        let bytes = bytes.get(at * 8..at * 8 + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u64::from_le_bytes).and_then(|number| usize::try_from(number).ok()).ok_or_else(wrong)
    };
    let count = number(0)?;
    // Each takes eight bytes for its length at least: a larger claim is refused before memory is taken for it.
    let mut start = count.checked_add(1).and_then(|numbers| numbers.checked_mul(8)).ok_or_else(wrong)?;
    if start > bytes.len() {
        return Err(wrong());
    }
    let mut parts = Vec::with_capacity(count);
    for part in 1..=count {
        start = start.next_multiple_of(ALIGNMENT);
        let end = start.checked_add(number(part)?).ok_or_else(wrong)?;
        parts.push(bytes.get(start..end).ok_or_else(wrong)?);
        start = end;
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn buffer(bytes: &[u8]) -> Buffer {
        let mut buffer = Buffer::new();
        buffer.extend_from_slice(bytes);
        buffer
    }

    proptest! {
        #[test]
        fn parts_come_back_and_are_aligned(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..6)) {
            let packed = pack(&parts.iter().map(|part| buffer(part)).collect::<Vec<_>>());
            let back = unpack(&packed).unwrap();
            prop_assert_eq!(back.len(), parts.len());
            for (part, back) in parts.iter().zip(back) {
                prop_assert_eq!(&part[..], back);
                prop_assert!(back.is_empty() || back.as_ptr().addr().is_multiple_of(ALIGNMENT));
            }
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = unpack(&buffer(&bytes));
        }
    }

    #[test]
    fn a_claim_of_many_parts_is_refused() {
        assert!(unpack(&buffer(&u64::MAX.to_le_bytes())).is_err());
        assert!(unpack(&buffer(&(1u64 << 40).to_le_bytes())).is_err());
    }
}
