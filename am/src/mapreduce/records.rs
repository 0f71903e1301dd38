//! Records as Hadoop Streaming's raw bytes have them (`RawBytesOutputReader`, `RawBytesInputWriter`): key and value, each
//! behind its length in four bytes, big end first. A key is a split's number in the same four bytes, so that Hadoop's own sort
//! (`BytesWritable`) is the order of the merge tree.

use std::io::{self, Read, Write};

use lapwing_container::rkyv::{self, Archive, Deserialize, Serialize};
use lapwing_container::wire::Buffer;
use lapwing_container::wire::message::{Loaded, PAYLOAD_CAP};

/// What a map task says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Archive, Serialize, Deserialize)]
#[rkyv(crate = rkyv)]
pub(crate) struct Note {
    /// What it has loaded.
    pub(crate) loaded: Loaded,
    /// Which attempt at its split it is, from 0.
    pub(crate) attempt: u32,
    /// Nanoseconds of its pass.
    pub(crate) pass_nanos: u64,
}

/// What a map task emits: its note and its update, encoded; no bytes when it was only to load.
pub(crate) type Emitted = (Note, Vec<u8>);

/// What the reduce task leaves in HDFS: all notes in the order of the splits, and the merged update, encoded.
pub(crate) type Harvest = (Vec<Note>, Vec<u8>);

/// No value is longer: an update and its note. Bytes.
const VALUE_CAP: u64 = PAYLOAD_CAP + 4096;

/// Writes one record.
pub(crate) fn write(out: &mut impl Write, split: u32, value: &[u8]) -> io::Result<()> {
    let length = u32::try_from(value.len()).ok().filter(|&length| u64::from(length) <= VALUE_CAP);
    let length =
        length.ok_or_else(|| io::Error::other("an update is longer than 1 GiB; keep it O(model)"))?;
    out.write_all(&4u32.to_be_bytes())?;
    out.write_all(&split.to_be_bytes())?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(value)?;
    out.flush()
}

/// Reads the next record; none at the end.
pub(crate) fn read(input: &mut impl Read) -> io::Result<Option<(u32, Buffer)>> {
    let mut word = [0; 4];
    if input.read(&mut word[..1])? == 0 {
        return Ok(None);
    }
    input.read_exact(&mut word[1..])?;
    if word != 4u32.to_be_bytes() {
        return Err(io::Error::other("a record's key is no split's number"));
    }
    input.read_exact(&mut word)?;
    let split = u32::from_be_bytes(word);
    input.read_exact(&mut word)?;
    let length = u64::from(u32::from_be_bytes(word));
    if length > VALUE_CAP {
        return Err(io::Error::other(format!(
            "a record claims {length} bytes, more than an update may have"
        )));
    }
    // In pieces: what a length claims takes no memory before the bytes are there.
    let (mut value, mut left) = (Buffer::new(), length as usize);
    while left > 0 {
        let (from, piece) = (value.len(), left.min(1 << 20));
        value.resize(from + piece, 0);
        input.read_exact(&mut value[from..])?;
        left -= piece;
    }
    Ok(Some((split, value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_container::wire::Wire;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_come_back(records in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..50)), 0..5)) {
            let mut bytes = Vec::new();
            records.iter().for_each(|(split, value)| write(&mut bytes, *split, value).unwrap());
            let mut input = bytes.as_slice();
            for (split, value) in &records {
                let (key, back) = read(&mut input).unwrap().unwrap();
                prop_assert_eq!((key, back.as_slice()), (*split, value.as_slice()));
            }
            prop_assert!(read(&mut input).unwrap().is_none());
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_read_but_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut input = bytes.as_slice();
            while let Ok(Some((_, value))) = read(&mut input) {
                let _ = Emitted::decode(&value);
                let _ = Harvest::decode(&value);
            }
        }
    }

    #[test]
    fn a_length_that_no_update_has_is_refused() {
        let bytes = [0, 0, 0, 4, 0, 0, 0, 0, 255, 255, 255, 255];
        assert!(read(&mut bytes.as_slice()).unwrap_err().to_string().contains("claims 4294967295 bytes"));
        assert!(read(&mut [0, 0, 0, 9, 1].as_slice()).is_err());
    }
}
