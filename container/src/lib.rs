//! Everything inside a Lapwing worker.

pub mod error;
pub mod load;
pub mod math;
pub mod rng;
pub mod source;
pub mod split;
