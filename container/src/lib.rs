//! Everything inside a Lapwing worker, in the order in which data travels. It knows no YARN.
//!
//! `split -> source -> load -> compute (passes, merge tree) -> wire`, and back by the next state.

pub mod algorithm;
mod compute;
pub mod error;
pub mod fault;
pub mod files;
pub mod guard;
pub mod lanes;
pub mod load;
pub mod locate;
pub mod math;
pub mod merge_tree;
pub mod model;
pub mod pieces;
pub mod record;
pub mod rng;
mod shelf;
pub mod source;
pub mod split;
pub mod wire;
pub mod worker;

pub use rkyv;
