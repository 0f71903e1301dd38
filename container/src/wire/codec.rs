//! States and updates to bytes and back: the zero-copy format of the `rkyv` crate, checked before it is trusted.
//!
//! It writes a vector of numbers with one copy and checks a message without building it first, which is what keeps the
//! cost of a pass near that of the copies themselves. The same value always gives the same bytes (little-endian, padding
//! zeroed), so a digest of the bytes is a digest of the value.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::ser::{Positional, Writer};
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

/// A buffer whose start is aligned for any archived type.
pub type Buffer = AlignedVec<16>;

/// What can travel between master and workers: anything with the `#[lapwing::wire]` attribute, numbers, strings, and
/// vectors, options and tuples of them. Implemented for all of them; never by hand.
pub trait Wire: Sized {
    /// The bytes of this value; at least one, so that every payload can be announced.
    fn encode(&self) -> Result<Buffer, CodecError>;
    /// How many bytes [`encode`](Self::encode) gives, without writing them.
    fn encoded_len(&self) -> Result<u64, CodecError>;
    /// The value of these bytes, every length and discriminant checked. `bytes` must start at an address that is a
    /// multiple of 16, as a [`Buffer`] does.
    fn decode(bytes: &[u8]) -> Result<Self, CodecError>;
}

/// A value that could not be encoded, or bytes that are no such value.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct CodecError {
    what: &'static str,
    source: Error,
}

impl CodecError {
    /// Bytes that are not what they should be, in words.
    pub(crate) fn refused(why: &'static str) -> Self {
        let what = "a message does not hold what its kind says";
        Self { what, source: rkyv::rancor::Source::new(Refused(why)) }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(&'static str);

impl<T> Wire for T
where
    T: Archive
        + for<'a> Serialize<HighSerializer<Buffer, ArenaHandle<'a>, Error>>
        + for<'a> Serialize<HighSerializer<Count, ArenaHandle<'a>, Error>>,
    T::Archived: for<'a> CheckBytes<HighValidator<'a, Error>> + Deserialize<T, HighDeserializer<Error>>,
{
    fn encode(&self) -> Result<Buffer, CodecError> {
        let length = self.encoded_len()? as usize;
        let mut buffer = buffer(length);
        buffer.clear();
        let mut bytes = rkyv::api::high::to_bytes_in(self, buffer).map_err(not_encoded)?;
        if bytes.is_empty() {
            bytes.push(0);
        }
        Ok(bytes)
    }

    fn encoded_len(&self) -> Result<u64, CodecError> {
        let Count(bytes) = rkyv::api::high::to_bytes_in(self, Count(0)).map_err(not_encoded)?;
        Ok(bytes.max(1) as u64)
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        rkyv::from_bytes::<T, Error>(bytes)
            .map_err(|source| CodecError { what: "a message does not hold what its kind says", source })
    }
}

/// Buffers that were sent or read, the oldest first, for the next message of about the same length: their memory need not be asked of
/// the system, and cleared, again.
static SPARE: Mutex<VecDeque<Buffer>> = Mutex::new(VecDeque::new());
/// Bytes of all of them at most.
const SPARE_BYTES: usize = 64 << 20;
/// Shorter ones are not worth it.
const WORTH_KEEPING: usize = 64 << 10;

/// Gives back the buffer of a message that has been sent or read.
pub fn recycle(buffer: Buffer) {
    if !(WORTH_KEEPING..=SPARE_BYTES).contains(&buffer.capacity()) {
        return;
    }
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    spare.push_back(buffer);
    while spare.iter().map(Buffer::capacity).sum::<usize>() > SPARE_BYTES {
        // Perhaps of a length that no longer comes.
        spare.pop_front();
    }
}

/// A buffer with room for so many bytes, with whatever is in it.
pub(super) fn buffer(length: usize) -> Buffer {
    if length < WORTH_KEEPING {
        return Buffer::with_capacity(length);
    }
    // Somewhat more than is needed, for messages that grow from pass to pass.
    let room = length.next_multiple_of(length.next_power_of_two() / 8);
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = |buffer: &Buffer| (length..=room + room / 4).contains(&buffer.capacity());
    let at = spare.iter().rposition(fits);
    at.and_then(|at| spare.remove(at)).unwrap_or_else(|| Buffer::with_capacity(room))
}

/// A writer that only counts.
#[derive(Debug)]
pub struct Count(usize);

impl Positional for Count {
    fn pos(&self) -> usize {
        self.0
    }
}

impl Writer<Error> for Count {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.0 += bytes.len();
        Ok(())
    }
}

fn not_encoded(source: Error) -> CodecError {
    CodecError { what: "a value could not be encoded", source }
}

/// 128 bits that tell two states apart (XXH3; not a signature); people see them in hexadecimal.
pub fn digest(bytes: &[u8]) -> u128 {
    xxhash_rust::xxh3::xxh3_128(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, PartialEq, Archive, Serialize, Deserialize)]
    enum Phase {
        Warm { rate: f32, flag: bool, count: u64 },
        Run(Vec<f32>, Option<String>),
    }

    fn phase() -> impl Strategy<Value = Phase> {
        prop_oneof![
            (-1e9f32..1e9, any::<bool>(), any::<u64>()).prop_map(|(rate, flag, count)| Phase::Warm {
                rate,
                flag,
                count
            }),
            (prop::collection::vec(-1e9f32..1e9, 0..40), prop::option::of(".{0,9}"))
                .prop_map(|(values, name)| Phase::Run(values, name)),
        ]
    }

    proptest! {
        #[test]
        fn a_value_comes_back_and_encodes_to_the_same_bytes(value in phase()) {
            let bytes = value.encode().unwrap();
            let back = Phase::decode(&bytes).unwrap();
            prop_assert_eq!(&back, &value);
            prop_assert_eq!(value.encoded_len().unwrap(), bytes.len() as u64);
            let again = back.encode().unwrap();
            prop_assert_eq!(again.as_slice(), bytes.as_slice());
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_read_but_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut buffer = Buffer::new();
            buffer.extend_from_slice(&bytes);
            let _ = Phase::decode(&buffer);
            let _ = <(Vec<f32>, f64, u64)>::decode(&buffer);
        }
    }

    #[test]
    fn nothing_is_a_value_too() {
        assert!(<()>::decode(&().encode().unwrap()).is_ok());
    }
}
