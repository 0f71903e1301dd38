//! Whole jobs, with real processes: the testbed of `examples/testbed.rs` as client, master and workers.

mod bad_input;
mod checkpoints;
mod command_line;
mod failover;
mod formats;
mod losses;
mod policies;
mod processes;
mod same_bits;
mod strangers;
mod support;
mod sweeps;
mod user_errors;
