//! The header in front of every frame: what it is, how long, and which job, attempt, lane and pass it belongs to. No IO.
//!
//! A message is one control frame, and for a state or an update also the bytes themselves in chunk frames of at most
//! 1 MiB, so that a heartbeat never waits behind a large model. All numbers are little-endian.

/// Bytes of a header.
pub const HEADER_BYTES: usize = 32;
/// No frame's body is longer than this.
pub const FRAME_CAP: u32 = 1 << 20;

const MAGIC: [u8; 2] = *b"LW";
const VERSION: u8 = 1;

/// Which job, attempt of its master, lane and pass a message speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tag {
    /// The job's number; a peer of another job is turned away.
    pub job: u64,
    /// The attempt of the master, from 1.
    pub attempt: u32,
    /// 0; several configurations over one load will have one each.
    pub lane: u32,
    /// The pass, from 1; 0 before the first.
    pub pass: u32,
}

/// What the body of a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One whole [`Message`](super::message::Message).
    Control,
    /// The next part of the bytes that the last control frame announced.
    Chunk,
}

/// The header of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the body is.
    pub kind: Kind,
    /// Bytes of the body.
    pub length: u32,
    /// What it belongs to.
    pub tag: Tag,
}

/// A header that is not one of ours, or claims too much.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first bytes are not Lapwing's.
    #[error("the peer does not speak Lapwing's protocol")]
    Magic,
    /// Another version of the protocol.
    #[error("the peer speaks version {0} of the protocol, this program version {VERSION}")]
    Version(u8),
    /// An unknown kind of frame.
    #[error("unknown kind of frame {0}")]
    Kind(u8),
    /// A length over the cap; nothing was allocated for it.
    #[error("a frame claims {0} bytes, more than the {FRAME_CAP} allowed")]
    TooLong(u32),
}

impl Header {
    /// The bytes on the wire.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..2].copy_from_slice(&MAGIC);
        out[2] = VERSION;
        out[3] = self.kind as u8;
        out[4..8].copy_from_slice(&self.length.to_le_bytes());
        out[8..16].copy_from_slice(&self.tag.job.to_le_bytes());
        out[16..20].copy_from_slice(&self.tag.attempt.to_le_bytes());
        out[20..24].copy_from_slice(&self.tag.lane.to_le_bytes());
        out[24..28].copy_from_slice(&self.tag.pass.to_le_bytes());
        out
    }

    /// Reads a header and refuses what is foreign or too long.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, FrameError> {
        if bytes[..2] != MAGIC {
            return Err(FrameError::Magic);
        }
        if bytes[2] != VERSION {
            return Err(FrameError::Version(bytes[2]));
        }
        let kind = match bytes[3] {
            0 => Kind::Control,
            1 => Kind::Chunk,
            other => return Err(FrameError::Kind(other)),
        };
        let length = u32_at(bytes, 4);
        if length > FRAME_CAP {
            return Err(FrameError::TooLong(length));
        }
        let job = u64::from(u32_at(bytes, 8)) | u64::from(u32_at(bytes, 12)) << 32;
        let tag = Tag { job, attempt: u32_at(bytes, 16), lane: u32_at(bytes, 20), pass: u32_at(bytes, 24) };
        Ok(Self { kind, length, tag })
    }
}

fn u32_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: Header = Header {
        kind: Kind::Chunk,
        length: 5,
        tag: Tag { job: 0x0102_0304_0506_0708, attempt: 2, lane: 3, pass: 4 },
    };

    #[test]
    fn golden_bytes() {
        let expected: [u8; HEADER_BYTES] = [
            b'L', b'W', 1, 1, 5, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0,
            0, 0,
        ];
        assert_eq!(HEADER.encode(), expected);
        assert_eq!(Header::decode(&expected), Ok(HEADER));
    }

    #[test]
    fn a_claim_of_4_gib_is_refused() {
        let mut bytes = HEADER.encode();
        bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Header::decode(&bytes), Err(FrameError::TooLong(u32::MAX)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_header_or_an_error(bytes in any::<[u8; HEADER_BYTES]>()) {
            if let Ok(header) = Header::decode(&bytes) {
                prop_assert!(header.length <= FRAME_CAP);
            }
        }
    }
}
