//! Lapwing runs multipass algorithms: workers load their part of the input once, keep it in memory, and pass over it again and
//! again, while the master merges what they send and broadcasts the next state.

mod aggregate;
mod binary;
mod board;
mod chronicle;
mod cluster;
mod driver;
mod dry_run;
mod engine;
pub mod error;
mod follow;
mod job;
mod launcher;
mod listener;
mod output;
mod parent;
mod predict;
mod progress;
pub mod report;
mod roles;
mod run;
mod scores;
mod self_check;
mod splits;
mod staging;
mod submit;

pub use lapwing_container::algorithm::{
    Algorithm, At, OnLoss, Pass, Prediction, Result, RoundKind, Step, Summary,
};
pub use lapwing_container::{load, math, model, rkyv, rng, split};
pub use lapwing_derive::wire;
pub use run::{main, main_from};
