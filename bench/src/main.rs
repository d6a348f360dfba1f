//! wsrpc beside every rival, and beside what the machine allows, in one run.

mod contestant;
mod meter;
mod order;

/// The messages and the service of `proto/bench.proto`, for wsrpc and for tonic.
#[allow(missing_docs, unreachable_pub)]
pub mod proto {
    wsrpc::include_proto!("bench");

    pub mod tonic_stubs {
        include!(concat!(env!("OUT_DIR"), "/tonic/bench.rs"));
    }
}

fn main() {}
