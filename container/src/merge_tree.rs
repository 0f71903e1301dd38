//! The fixed binary tree over split numbers along which updates merge.
//!
//! The node at `level` l and `index` i stands for the splits `i * 2^l .. (i + 1) * 2^l`, cut at the number of splits. The
//! shape depends on that number alone, so the order of floating-point additions, and with it every bit of the result, is the
//! same wherever a merge runs: in one worker, in many, or in the master.

use std::collections::BTreeMap;
use std::ops::Range;

/// A node of the tree.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Node {
    /// Height above the leaves; a leaf (one split) has 0.
    pub level: u32,
    /// Position among the nodes of its level, from the left.
    pub index: u32,
}

/// The tree over splits `0..splits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    splits: u32,
}

impl Tree {
    /// The tree over this many splits (at least 1, at most 2^31).
    pub fn new(splits: u32) -> Self {
        assert!((1..=1 << 31).contains(&splits), "a tree stands over 1 to 2^31 splits, not {splits}");
        Self { splits }
    }

    /// The node over all splits.
    pub fn root(&self) -> Node {
        Node { level: self.splits.next_power_of_two().trailing_zeros(), index: 0 }
    }

    /// The splits under a node. Empty for a node beyond the last split.
    pub fn splits(&self, node: Node) -> Range<u32> {
        let start = (u64::from(node.index) << node.level).min(u64::from(self.splits));
        let end = ((u64::from(node.index) + 1) << node.level).min(u64::from(self.splits));
        start as u32..end as u32
    }

    /// Whether `node` is one of this tree: a guard for what a peer claims.
    pub fn contains(&self, node: Node) -> bool {
        node.level <= self.root().level && !self.splits(node).is_empty()
    }

    /// The fewest nodes that together stand for exactly these splits, from left to right.
    pub fn cover(&self, splits: Range<u32>) -> Vec<Node> {
        let mut nodes = Vec::new();
        self.cover_below(self.root(), &splits, &mut nodes);
        nodes
    }

    /// The two children of an inner node; the right one is empty when the tree ends before it.
    pub fn children(&self, node: Node) -> (Node, Option<Node>) {
        let level = node.level - 1;
        let (left, right) =
            (Node { level, index: node.index * 2 }, Node { level, index: node.index * 2 + 1 });
        (left, Some(right).filter(|&right| !self.splits(right).is_empty()))
    }

    fn cover_below(&self, node: Node, wanted: &Range<u32>, nodes: &mut Vec<Node>) {
        let own = self.splits(node);
        if own.start >= wanted.end || wanted.start >= own.end {
            return;
        }
        if wanted.start <= own.start && own.end <= wanted.end {
            nodes.push(node);
            return;
        }
        let (left, right) = self.children(node);
        self.cover_below(left, wanted, nodes);
        if let Some(right) = right {
            self.cover_below(right, wanted, nodes);
        }
    }
}

/// Values waiting for their sibling: at rest O(log splits) of them when they come in tree order.
#[derive(Debug)]
pub struct Partials<T> {
    tree: Tree,
    waiting: BTreeMap<Node, T>,
}

impl<T> Partials<T> {
    /// Nothing yet, over this tree.
    pub fn new(tree: Tree) -> Self {
        Self { tree, waiting: BTreeMap::new() }
    }

    /// Takes in the value of a node and merges upwards as far as siblings are there, the left always into which the right goes.
    pub fn insert(&mut self, mut node: Node, mut value: T, mut merge: impl FnMut(&mut T, T)) {
        let root = self.tree.root();
        while node != root {
            let sibling = Node { level: node.level, index: node.index ^ 1 };
            if !self.tree.splits(sibling).is_empty() {
                let Some(other) = self.waiting.remove(&sibling) else { break };
                value = if sibling < node {
                    merged(other, value, &mut merge)
                } else {
                    merged(value, other, &mut merge)
                };
            }
            node = Node { level: node.level + 1, index: node.index / 2 };
        }
        self.waiting.insert(node, value);
    }

    /// The value over all that came, in tree order even where splits are missing; none when nothing came.
    pub fn finish(mut self, mut merge: impl FnMut(&mut T, T)) -> Option<T> {
        let (tree, root) = (self.tree, self.tree.root());
        collapse(tree, root, &mut self.waiting, &mut merge)
    }

    /// The values that wait.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.waiting.values()
    }
}

fn merged<T>(mut left: T, right: T, merge: &mut impl FnMut(&mut T, T)) -> T {
    merge(&mut left, right);
    left
}

fn collapse<T>(
    tree: Tree,
    node: Node,
    waiting: &mut BTreeMap<Node, T>,
    merge: &mut impl FnMut(&mut T, T),
) -> Option<T> {
    if waiting.is_empty() {
        return None;
    }
    if let Some(value) = waiting.remove(&node) {
        return Some(value);
    }
    if node.level == 0 {
        return None;
    }
    let (left, right) = tree.children(node);
    let left = collapse(tree, left, waiting, merge);
    let right = right.and_then(|right| collapse(tree, right, waiting, merge));
    match (left, right) {
        (Some(left), Some(right)) => Some(merged(left, right, merge)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Merging writes down its own brackets, so two equal strings mean the same additions in the same order.
    fn bracket(into: &mut String, other: String) {
        *into = format!("({into}{other})");
    }

    /// Splits cut into contiguous ranges as for so many workers, their nodes arriving in a seeded order.
    fn merged_by(splits: u32, workers: u32, order: &[u32], missing: &[u32]) -> Option<String> {
        let tree = Tree::new(splits);
        let mut arrivals = Vec::new();
        for worker in 0..workers {
            let range = worker * splits / workers..(worker + 1) * splits / workers;
            for node in tree.cover(range) {
                let own = tree.splits(node);
                if own.clone().any(|split| missing.contains(&split)) {
                    arrivals.extend(
                        own.filter(|split| !missing.contains(split))
                            .map(|index| (Node { level: 0, index }, format!("{index},"))),
                    );
                    continue;
                }
                let mut partial = Partials::new(tree);
                for leaf in own {
                    partial.insert(Node { level: 0, index: leaf }, format!("{leaf},"), bracket);
                }
                arrivals.push((node, partial.finish(bracket).unwrap()));
            }
        }
        let mut keyed: Vec<_> = arrivals.into_iter().enumerate().collect();
        keyed.sort_by_key(|(at, _)| (order[at % order.len()], *at));
        let mut partials = Partials::new(tree);
        for (_, (node, value)) in keyed {
            partials.insert(node, value, bracket);
        }
        partials.finish(bracket)
    }

    #[test]
    fn five_splits_merge_as_drawn() {
        assert_eq!(merged_by(5, 1, &[0], &[]).unwrap(), "(((0,1,)(2,3,))4,)");
    }

    #[test]
    fn a_missing_split_leaves_the_rest_in_order() {
        assert_eq!(merged_by(5, 2, &[3, 1, 2], &[1]).unwrap(), "((0,(2,3,))4,)");
        assert_eq!(merged_by(2, 1, &[0], &[0, 1]), None);
    }

    proptest! {
        #[test]
        fn the_order_of_additions_depends_on_the_number_of_splits_alone(
            splits in 1u32..80, workers in 1u32..12, order in prop::collection::vec(any::<u32>(), 1..50)
        ) {
            prop_assert_eq!(merged_by(splits, workers.min(splits), &order, &[]), merged_by(splits, 1, &[0], &[]));
        }

        #[test]
        fn a_cover_is_exact_and_small(splits in 1u32..2000, a in 0u32..2000, b in 0u32..2000) {
            let tree = Tree::new(splits);
            let range = a.min(b).min(splits)..a.max(b).min(splits);
            let nodes = tree.cover(range.clone());
            let covered: Vec<u32> = nodes.iter().flat_map(|&node| tree.splits(node)).collect();
            prop_assert_eq!(covered, range.collect::<Vec<_>>());
            prop_assert!(nodes.len() <= 22);
        }
    }
}
