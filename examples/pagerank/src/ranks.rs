//! Ranks, and how they flow along edges.

use lapwing::wire;

use super::edges::Edges;

/// What is broadcast: for every number up to the highest that is a node's.
#[wire]
#[derive(Default)]
pub(crate) struct Graph {
    pub(crate) ranks: Vec<f64>,
    /// Edges that leave it; none for a dangling node.
    leaving: Vec<u32>,
    /// Whether any edge names it: other numbers are no nodes.
    known: Vec<bool>,
}

/// What a split returns; of the first pass the last two, of the others the first.
#[wire]
pub(crate) struct Flow {
    arriving: Vec<f64>,
    leaving: Vec<u32>,
    known: Vec<bool>,
}

/// The edges that leave each node.
pub(crate) fn count(data: &Edges, nodes: usize, undirected: bool) -> Flow {
    let mut flow = Flow { arriving: Vec::new(), leaving: vec![0; nodes], known: vec![false; nodes] };
    for (source, targets) in data.iter() {
        flow.leaving[source as usize] += targets.len() as u32;
        flow.known[source as usize] = true;
        for &target in targets {
            flow.known[target as usize] = true;
            // An edge from a node to itself has no other way.
            flow.leaving[target as usize] += u32::from(undirected && target != source);
        }
    }
    flow
}

/// The rank that arrives at each node: a node sends its own along its edges in equal parts.
pub(crate) fn send(data: &Edges, graph: &Graph, undirected: bool) -> Flow {
    let mut arriving = vec![0.0; graph.ranks.len()];
    let part = |node: u32| graph.ranks[node as usize] / f64::from(graph.leaving[node as usize]);
    for (source, targets) in data.iter() {
        let sent = part(source);
        for &target in targets {
            arriving[target as usize] += sent;
        }
        if undirected {
            for &target in targets.iter().filter(|&&target| target != source) {
                arriving[source as usize] += part(target);
            }
        }
    }
    Flow { arriving, leaving: Vec::new(), known: Vec::new() }
}

impl Flow {
    pub(crate) fn add(&mut self, other: &Self) {
        self.arriving.iter_mut().zip(&other.arriving).for_each(|(sum, rank)| *sum += rank);
        self.leaving.iter_mut().zip(&other.leaving).for_each(|(sum, edges)| *sum += edges);
        self.known.iter_mut().zip(&other.known).for_each(|(own, theirs)| *own |= theirs);
    }

    /// The graph after the first pass: all nodes have the same rank.
    pub(crate) fn graph(self) -> Graph {
        let mut graph = Graph { ranks: Vec::new(), leaving: self.leaving, known: self.known };
        let rank = 1.0 / graph.nodes() as f64;
        graph.ranks = graph.known.iter().map(|&known| if known { rank } else { 0.0 }).collect();
        graph
    }
}

impl Graph {
    /// The numbers that are nodes.
    pub(crate) fn known(&self) -> impl Iterator<Item = usize> {
        (0..self.known.len()).filter(|&node| self.known[node])
    }

    pub(crate) fn nodes(&self) -> usize {
        self.known().count()
    }

    /// The same graph with other ranks.
    pub(crate) fn with(self, ranks: Vec<f64>) -> Self {
        Self { ranks, ..self }
    }

    /// The ranks after the flow; what dangling nodes have goes to all nodes alike.
    pub(crate) fn next(&self, flow: &Flow, damping: f64) -> Vec<f64> {
        let nodes = self.nodes() as f64;
        let dangling: f64 =
            self.known().filter(|&node| self.leaving[node] == 0).map(|node| self.ranks[node]).sum();
        let everywhere = (1.0 - damping) / nodes + damping * dangling / nodes;
        let next =
            |node: usize| if self.known[node] { everywhere + damping * flow.arriving[node] } else { 0.0 };
        (0..self.ranks.len()).map(next).collect()
    }
}
