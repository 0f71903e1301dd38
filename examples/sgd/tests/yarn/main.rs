//! `sgd --master yarn` on a real Hadoop, against what the same program does on this machine.
//!
//! One lab serves all tests but those that break nodes or daemons. Where Java or Maven is missing each test says so and ends.

mod cluster;
mod ends;
mod failover;
mod loss;
mod mapreduce;
mod reading;
mod refused;
mod stranger;
mod whole;
