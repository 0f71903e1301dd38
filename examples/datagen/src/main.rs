//! datagen
fn main() {}
