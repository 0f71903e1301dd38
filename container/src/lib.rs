//! Everything inside a Lapwing worker.
