//! What the integration tests share: the example's services and keys, those of gRPC's interop tests, a Go peer, peers
//! that misbehave and one that must not notice, and a network that can be made bad.

// A helper that fails has nothing better to do than to fail the test that called it.
#![allow(clippy::unwrap_used)]

pub mod behaviour;
pub mod go;
pub mod keys;
pub mod link;
pub mod load;
pub mod many;
pub mod proxy;
pub mod raw;
pub mod scene;
pub mod shaped_link;
pub mod streams;
pub mod test_service;

/// The services of `proto/ping.proto`.
pub mod ping {
    #![allow(missing_docs)]
    wsrpc::include_proto!("ping");
}

/// The service of `tests/proto/load.proto`.
pub mod load_proto {
    #![allow(missing_docs)]
    wsrpc::include_proto!("load");
}

/// The services of `proto/grpc_testing.proto`.
pub mod grpc_testing {
    #![allow(missing_docs)]
    wsrpc::include_proto!("grpc.testing");
}
