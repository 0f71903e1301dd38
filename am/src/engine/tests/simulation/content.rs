//! An algorithm whose every bit tells where it came from: states, updates and memory are hashes of all that went into them, in
//! order, so that one update too many, too few, too old or in another order is another model.

use lapwing_container::merge_tree::{Node, Partials, Tree};
use lapwing_container::wire::message::{Round, RoundKind};

/// Bytes of a large update.
pub(super) const LARGE: u64 = 1 << 20;

/// What a round begins with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Begun {
    pub(super) state: u64,
    /// The memory: passes so far, and a hash of their updates.
    pub(super) steps: u32,
    pub(super) memory: u64,
}

/// The update of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Update {
    pub(super) hash: u64,
    /// A bit for each split.
    pub(super) splits: u64,
    pub(super) bytes: u64,
}

/// A line of the report: the pass and the state after it.
pub(super) type Line = (u32, u64);

/// What a keeper keeps beyond the state.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) round: Round,
    pub(super) begun: Begun,
    pub(super) known_lines: usize,
    pub(super) lines: Vec<Line>,
}

pub(super) fn init(rows: u64) -> Begun {
    Begun { state: mix(1, rows), steps: 0, memory: 0 }
}

/// What a worker makes of a node: the same recursion as the merge tree's.
pub(super) fn pass(tree: Tree, node: Node, round: Round, state: u64) -> Update {
    let mut partials = Partials::new(tree);
    for split in tree.splits(node) {
        let kind = u64::from(round.kind == RoundKind::Evaluate);
        let hash = mix(mix(state, u64::from(round.pass) * 2 + kind), u64::from(split));
        let update = Update { hash, splits: 1 << split, bytes: 0 };
        partials.insert(Node { level: 0, index: split }, update, merge);
    }
    let update = partials.finish(merge).expect("a node stands for a split at least");
    Update { bytes: if update.hash.is_multiple_of(2) { LARGE } else { 0 }, ..update }
}

pub(super) fn merge(into: &mut Update, other: Update) {
    assert_eq!(into.splits & other.splits, 0, "a split is merged twice");
    into.hash = mix(into.hash, other.hash);
    into.splits |= other.splits;
    into.bytes = into.bytes.max(other.bytes);
}

/// The next state, and whether it is the last.
pub(super) fn step(Begun { state, steps, memory }: Begun, update: Update) -> (Begun, bool) {
    let memory = mix(memory, update.hash);
    let state = mix(mix(state, update.hash), memory);
    (Begun { state, steps: steps + 1, memory }, state.is_multiple_of(8))
}

/// The lines of a job that nothing disturbs.
pub(super) fn undisturbed(tree: Tree, rows: u64, passes: u32) -> Vec<Line> {
    let (mut begun, mut lines) = (init(rows), Vec::new());
    for number in 1..=passes {
        let round = Round { pass: number, kind: RoundKind::Train };
        let (next, done) = step(begun, pass(tree, tree.root(), round, begun.state));
        lines.push((number, next.state));
        begun = next;
        if done {
            break;
        }
    }
    lines
}

fn mix(a: u64, b: u64) -> u64 {
    let mixed =
        (a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(29);
    (mixed ^ (mixed >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb) ^ b
}
