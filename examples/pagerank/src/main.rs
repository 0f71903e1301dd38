//! PageRank by power iteration (Page, Brin, Motwani, Winograd, "The PageRank Citation Ranking: Bringing Order to the Web", 1999).
//! The first pass counts the edges that leave each node, each further one sends ranks along the edges.

mod edges;
mod ranks;

use std::process::ExitCode;

use edges::Edges;
use lapwing::model::Model;
use lapwing::{Algorithm, At, Pass, Result, RoundKind, Step, Summary};
use ranks::{Flow, Graph};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "PageRank")]
pub(crate) struct PageRank {
    /// Share of a node's rank that follows its edges; the rest goes to all nodes alike
    #[arg(long, default_value_t = 0.85, value_parser = share)]
    damping: f64,
    /// Stop when the ranks change by less than this times the number of nodes, all changes added up
    #[arg(long, default_value_t = 1e-6)]
    change: f64,
    /// Every edge leads both ways
    #[arg(long)]
    undirected: bool,
}

impl Algorithm for PageRank {
    type Data = Edges;
    type Local = ();
    /// No nodes before the first pass.
    type State = Graph;
    type Update = Flow;
    type Memory = ();

    fn init(&self, _: &Summary) -> Result<Graph> {
        Ok(Graph::default())
    }

    fn pass(&self, data: &Edges, (): &mut (), graph: &Graph, at: &At) -> Result<Flow> {
        let nodes = at.summary.columns as usize;
        Ok(if graph.ranks.is_empty() {
            ranks::count(data, nodes, self.undirected)
        } else {
            ranks::send(data, graph, self.undirected)
        })
    }

    fn merge(&self, into: &mut Flow, other: Flow) {
        into.add(&other);
    }

    fn step(&self, graph: Graph, flow: Flow, (): &mut (), pass: &Pass) -> Result<Step<Graph>> {
        if graph.ranks.is_empty() {
            return Ok(Step { state: flow.graph(), objective: f64::NAN, done: false });
        }
        let ranks = graph.next(&flow, self.damping);
        // How far the broadcast ranks are from the fixed point.
        let objective: f64 = ranks.iter().zip(&graph.ranks).map(|(new, old)| (new - old).abs()).sum();
        let done = objective < self.change * graph.nodes() as f64;
        let state = if pass.kind == RoundKind::Evaluate { graph } else { graph.with(ranks) };
        Ok(Step { state, objective, done })
    }

    fn model(&self, graph: &Graph, _: &Summary) -> Result<Model> {
        let known: Vec<usize> = graph.known().collect();
        let nodes = known.iter().map(|&node| node as i64).collect();
        let ranks = known.iter().map(|&node| graph.ranks.get(node).copied().unwrap_or(0.0)).collect();
        let shape = [known.len() as u64];
        Ok(Model::default().i64s("nodes_", &shape, nodes, "the nodes that any edge names, ascending").f64s(
            "pagerank_",
            &shape,
            ranks,
            "rank of each of them; the sum is 1",
        ))
    }
}

fn main() -> ExitCode {
    lapwing::main::<PageRank>()
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..1.0).contains(number));
    number.ok_or_else(|| "expected a number of at least 0 and below 1".to_owned())
}
