//! A real Hadoop on one machine.
