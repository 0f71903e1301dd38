//! Hadoop's wire messages, written by hand for prost so that no compiler of `.proto` files is needed.
//!
//! They are proto2 messages: a daemon tells "absent" from "zero", so every field that is not required is an `Option` and
//! a zero that is set is sent. Fields that this crate neither sends nor reads are left out; protobuf skips them.
//! Names follow the `.proto` files of Apache Hadoop without the suffix `Proto`.

#![expect(unreachable_pub, reason = "messages have the form of generated code, whose fields are public")]

pub(crate) mod convert;
pub(crate) mod hdfs;
pub(crate) mod rpc;
pub(crate) mod security;
pub(crate) mod service;
pub(crate) mod yarn;
