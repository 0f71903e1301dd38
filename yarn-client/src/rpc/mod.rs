//! Hadoop RPC: bytes, then one connection, then a service behind one or several addresses.

pub(crate) mod frame;
