//! Lapwing: multipass data-parallel algorithms.
