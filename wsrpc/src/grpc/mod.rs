//! The same services and the same stubs over gRPC, with [tonic](https://docs.rs/tonic): for callers that have no
//! wsrpc, for proxies and tools that know gRPC only, and for moving from one to the other.
//!
//! A [`GrpcService`] mounts a generated service into a tonic server; a [`channel`] has generated stubs call over a tonic
//! channel. Messages pass through as they are encoded. What gRPC cannot do stays with wsrpc: a gRPC client cannot be
//! called back, and it has no key of its own.
//!
//! Here the two meet without a network between them:
//!
//! ```
//! use wsrpc::{Channel, NamedService, Service, grpc::{self, GrpcService}};
//!
//! fn stubs_of(service: impl Service + NamedService) -> Channel {
//!     grpc::channel(GrpcService::new(service))
//! }
//! ```
//!
//! In place of that, `tonic::transport::Server::builder().add_service(…)` takes the [`GrpcService`], and [`channel`] a
//! `tonic::transport::Channel`.

mod answer;
mod client;
mod codec;
mod heard;
mod metadata;
mod peers;
mod requests;
mod responses;
mod service;
mod status;

pub use self::{
    client::{GrpcChannel, Transport, channel},
    service::GrpcService,
};
