//! sgd
fn main() {}
