//! Services and stubs of wsrpc over gRPC, against tonic's: real clients, real servers, real connections.

#![allow(clippy::unwrap_used)]

mod both;
mod mounted;
mod outcomes;
mod peers;
mod stubs;
