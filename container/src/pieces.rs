//! The algorithm's memory as bytes in pieces. From one pass to the next often little of it changes: what is equal is shared, and
//! only the rest travels to the workers that keep it.

use std::sync::Arc;

use rkyv::{Archive, Deserialize, Serialize};

use crate::wire::message::Round;

/// Bytes of a piece; the last one may be shorter.
const PIECE: usize = 16 << 10;

/// Bytes in pieces, some of them perhaps shared with others.
#[derive(Debug, Clone, Default)]
pub struct Pieces(Vec<Arc<[u8]>>);

/// What makes pieces of other ones.
#[derive(Debug, PartialEq, Archive, Serialize, Deserialize)]
pub struct Patch {
    /// Whose pieces stand where there is none.
    base: Option<Round>,
    pieces: Vec<Option<Vec<u8>>>,
}

impl Pieces {
    /// Cuts bytes; pieces that are as in `last`, in the same place, are shared with it.
    pub fn cut(bytes: &[u8], last: &Pieces) -> Self {
        let cut = |(number, piece): (usize, &[u8])| match last.0.get(number) {
            Some(old) if **old == *piece => old.clone(),
            _ => piece.into(),
        };
        Self(bytes.chunks(PIECE).enumerate().map(cut).collect())
    }

    /// The bytes again.
    pub fn join(&self) -> Vec<u8> {
        self.0.concat()
    }

    /// What makes these of the ones that are known of a round, or of nothing. Pieces that are not shared count as different.
    pub fn since(&self, base: Option<(Round, &Pieces)>) -> Patch {
        let known = |number: usize| base.and_then(|(_, pieces)| pieces.0.get(number));
        let differs = |(number, piece): (usize, &Arc<[u8]>)| {
            let same = known(number).is_some_and(|old| Arc::ptr_eq(old, piece));
            (!same).then(|| piece.to_vec())
        };
        Patch { base: base.map(|(round, _)| round), pieces: self.0.iter().enumerate().map(differs).collect() }
    }
}

impl Patch {
    /// The pieces; none if it takes pieces that are not among those known of its base.
    pub(crate) fn apply<'a>(self, known: impl FnOnce(&Round) -> Option<&'a Pieces>) -> Option<Pieces> {
        let base = self.base.as_ref().and_then(known);
        let piece = |(number, piece): (usize, Option<Vec<u8>>)| match piece {
            Some(piece) => Some(piece.into()),
            None => base?.0.get(number).cloned(),
        };
        self.pieces.into_iter().enumerate().map(piece).collect::<Option<_>>().map(Pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message::RoundKind;
    use proptest::prelude::*;

    const ROUND: Round = Round { pass: 3, kind: RoundKind::Train };

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        (0..4 * PIECE, any::<u8>()).prop_map(|(length, byte)| vec![byte; length])
    }

    proptest! {
        #[test]
        fn a_patch_makes_the_new_bytes_of_the_old_ones(old in bytes(), mut new in bytes(), same in 0..3 * PIECE) {
            let same = same.min(old.len()).min(new.len());
            new[..same].copy_from_slice(&old[..same]);
            let before = Pieces::cut(&old, &Pieces::default());
            let after = Pieces::cut(&new, &before);
            prop_assert_eq!(&after.join(), &new);
            let patch = after.since(Some((ROUND, &before)));
            prop_assert!(patch.pieces[..same / PIECE].iter().all(Option::is_none));
            let made = patch.apply(|round| (*round == ROUND).then_some(&before)).unwrap();
            prop_assert_eq!(&made.join(), &new);
            let whole = after.since(None).apply(|_| None).unwrap();
            prop_assert_eq!(&whole.join(), &new);
        }
    }

    #[test]
    fn a_patch_for_what_is_not_known_makes_nothing() {
        let pieces = Pieces::cut(&[1; PIECE + 1], &Pieces::default());
        assert!(pieces.since(Some((ROUND, &pieces))).apply(|_| None).is_none());
        let short = Pieces::cut(&[1; PIECE], &Pieces::default());
        assert!(pieces.since(Some((ROUND, &pieces))).apply(|_| Some(&short)).is_none());
    }
}
