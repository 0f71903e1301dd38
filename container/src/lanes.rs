//! Several configurations side by side over the same data: states, updates and memories of all of them travel as one.

use crate::wire::parts::{pack, packed_len, unpack};
use crate::wire::{Buffer, CodecError, Wire};

/// One value for each lane, or none where a lane has nothing to say; and notes of whoever made it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lanes<T, N = Vec<f64>> {
    /// What there is beside the values.
    pub notes: N,
    /// The values.
    pub values: Vec<Option<T>>,
}

impl<T, N: Default> Lanes<T, N> {
    /// These values, and no notes.
    pub fn new(values: Vec<Option<T>>) -> Self {
        Self { notes: N::default(), values }
    }
}

/// Which lanes have a value, the notes, and the values.
impl<T: Wire, N: Wire> Wire for Lanes<T, N> {
    fn encode(&self) -> Result<Buffer, CodecError> {
        let mut parts = vec![self.present().encode()?, self.notes.encode()?];
        for value in self.values.iter().flatten() {
            parts.push(value.encode()?);
        }
        Ok(pack(&parts))
    }

    fn encoded_len(&self) -> Result<u64, CodecError> {
        let mut lengths = vec![self.present().encoded_len()?, self.notes.encoded_len()?];
        for value in self.values.iter().flatten() {
            lengths.push(value.encoded_len()?);
        }
        Ok(packed_len(&lengths))
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let wrong = || CodecError::refused("lanes that do not add up");
        let parts = unpack(bytes)?;
        let [present, notes, rest @ ..] = &parts[..] else { return Err(wrong()) };
        let mut rest = rest.iter();
        let value = |present: bool| match present {
            true => rest.next().ok_or_else(wrong).and_then(|bytes| T::decode(bytes)).map(Some),
            false => Ok(None),
        };
        let values = Vec::<bool>::decode(present)?.into_iter().map(value).collect::<Result<_, _>>()?;
        if rest.next().is_some() {
            return Err(wrong());
        }
        Ok(Self { notes: N::decode(notes)?, values })
    }
}

impl<T, N> Lanes<T, N> {
    fn present(&self) -> Vec<bool> {
        self.values.iter().map(Option::is_some).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_come_back_and_give_the_same_bytes_again() {
        let mut lanes = Lanes::<_, Vec<f64>>::new(vec![Some(vec![1.0f32, 2.0]), None, Some(vec![])]);
        lanes.notes = vec![1.0, f64::INFINITY];
        let bytes = lanes.encode().unwrap();
        assert_eq!(lanes.encoded_len().unwrap(), bytes.len() as u64);
        let back = Lanes::<Vec<f32>>::decode(&bytes).unwrap();
        assert_eq!(back, lanes);
        assert_eq!(back.encode().unwrap().as_slice(), bytes.as_slice());
        assert!(Lanes::<Vec<f32>>::decode(&bytes[..bytes.len() - 1]).is_err());
        let nested = Lanes::<_, ()>::new(vec![Some(lanes)]);
        assert_eq!(Lanes::decode(&nested.encode().unwrap()).unwrap(), nested);
    }
}
