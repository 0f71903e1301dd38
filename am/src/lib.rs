//! Lapwing runs **multipass algorithms**: workers load their part of the input once, keep it in memory, and pass over it
//! again and again, while the master merges what they send and broadcasts the next state.
//!
//! # A complete program
//!
//! Least squares by gradient descent. The fields of the struct are the program's own flags; four methods say what happens in
//! a pass; `main` is one line.
//!
//! ```
//! use std::process::ExitCode;
//!
//! use lapwing::load::SparseRows;
//! use lapwing::math::{add_scaled, dot};
//! use lapwing::{Algorithm, At, Pass, Result, Step, Summary, clap};
//!
//! #[derive(clap::Args)]
//! struct Descent {
//!     /// Step size
//!     #[arg(long, default_value_t = 0.05)]
//!     rate: f32,
//! }
//!
//! impl Algorithm for Descent {
//!     type Data = SparseRows; // one split in memory
//!     type Local = (); // no scratch
//!     type State = Vec<f32>; // what is broadcast: the weights
//!     type Update = (Vec<f32>, f64); // what a split replies: gradient and loss
//!     type Memory = (); // nothing remembered between passes
//!
//!     fn init(&self, summary: &Summary) -> Result<Vec<f32>> {
//!         Ok(vec![0.0; summary.columns as usize])
//!     }
//!
//!     fn pass(&self, data: &SparseRows, _: &mut (), weights: &Vec<f32>, _: &At) -> Result<(Vec<f32>, f64)> {
//!         let (mut gradient, mut loss) = (vec![0.0; weights.len()], 0.0);
//!         for (label, columns, values) in data.iter() {
//!             let error = dot(columns, values, weights) - label;
//!             add_scaled(columns, values, error, &mut gradient);
//!             loss += 0.5 * f64::from(error * error);
//!         }
//!         Ok((gradient, loss))
//!     }
//!
//!     fn merge(&self, into: &mut (Vec<f32>, f64), other: (Vec<f32>, f64)) {
//!         into.0.iter_mut().zip(&other.0).for_each(|(sum, value)| *sum += value);
//!         into.1 += other.1;
//!     }
//!
//!     fn step(
//!         &self,
//!         mut weights: Vec<f32>,
//!         (gradient, loss): (Vec<f32>, f64),
//!         _: &mut (),
//!         pass: &Pass,
//!     ) -> Result<Step<Vec<f32>>> {
//!         let rows = pass.rows_covered as f32;
//!         weights.iter_mut().zip(&gradient).for_each(|(weight, slope)| *weight -= self.rate / rows * slope);
//!         Ok(Step { state: weights, objective: loss / f64::from(rows), done: false })
//!     }
//! }
//!
//! fn main() -> ExitCode {
//! # // The same with arguments written down here, as a test is called without any.
//! # let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/breast_cancer.libsvm");
//! # let arguments = ["descent", "--input", data, "--splits", "4", "--master", "local[2]", "--passes", "3"];
//! # return lapwing::main_from::<Descent>(arguments);
//!     lapwing::main::<Descent>()
//! }
//! ```
//!
//! The [`tutorial`] goes from an empty folder to a run on YARN. Run it where you are, then on a cluster; the model has the same bits:
//!
//! ```text
//! descent --input data.libsvm --passes 50 --master local[4]
//! descent --input hdfs:///data --passes 50 --master yarn --workers 8 --worker-memory 4g --output hdfs:///models/m1
//! ```
//!
//! # What the words mean
//!
//! - A **split** is a fixed part of the input, by default 64 MiB of it: the unit of data, of [`Algorithm::pass`] and of failure.
//!   The number of splits is part of the experiment; the number of **workers** is only how fast it goes.
//! - The **state** is what the master broadcasts; an **update** is what a pass over one split returns. Updates merge along a
//!   fixed binary tree over split numbers, so the result does not depend on who was faster, or failed.
//! - **Local** is a split's scratch, **memory** what the master remembers beyond the state.
//!
//! # What a pass may depend on
//!
//! Its data, the state, and [`At`]: the pass, the split, the seed. Not on a clock, on the order of a `HashMap`, or on the
//! system's `exp` and `ln`, whose bits differ between machines: use [`math`] and [`At::rng`]. `--self-check` finds the common
//! mistakes.
//!
//! # What does not fit
//!
//! There is no shuffle, and no state per row that cannot be computed again from the data and the model: a worker that is
//! replaced starts with an empty [`Algorithm::Local`]. So no dual coordinate ascent, and not the user side of ALS.
//!
//! # Types that travel
//!
//! Numbers, strings, vectors, options and tuples travel as they are; your own structs and enums with
//! [`#[lapwing::wire]`](wire) on them.
#![warn(missing_docs)]

#[doc = include_str!("tutorial.md")]
pub mod tutorial {}

mod aggregate;
mod binary;
mod board;
mod checkpoint;
mod chronicle;
mod clock;
mod cluster;
mod driver;
mod dry_run;
mod engine;
pub mod error;
mod flags;
mod follow;
mod job;
mod launcher;
mod listener;
mod mapreduce;
mod output;
mod parent;
mod plan;
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
mod sweep;
mod tolerance;
mod validate;
mod wrap;

pub use clap;
pub use lapwing_container::algorithm::{
    Algorithm, At, OnLoss, Pass, Prediction, Result, RoundKind, Step, Summary,
};
pub use lapwing_container::{load, math, model, rkyv, rng, split};
pub use lapwing_derive::wire;
pub use run::{main, main_from};
