//! gRPC's health service, `grpc.health.v1.Health`: whether this side, and each of its services, can do its work.
//!
//! Either side can serve it, and either side can ask: a server watches an agent as an agent watches its server.
//!
//! ```
//! # use wsrpc::testing::{Services, pair};
//! use wsrpc::health::{
//!     HealthReporter, ServingStatus,
//!     v1::{HealthCheckRequest, health_client::HealthClient},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let reporter = HealthReporter::new();
//! // A server's and a client's builder have `add_service`, which does the same.
//! let (client, server) = pair(Services::new().add(reporter.service()), Services::new());
//! reporter.set_not_serving("jobs.Runner");
//!
//! let health = HealthClient::new(server.channel());
//! let service = String::from("jobs.Runner");
//! let answer = health.check(HealthCheckRequest { service }).await?;
//! assert_eq!(answer.status(), ServingStatus::NotServing);
//! # drop(client);
//! # Ok(())
//! # }
//! ```
//!
//! `Check` tells the status of one service, and `NOT_FOUND` of one that nothing was said of; `List` tells all, up to 100;
//! `Watch` tells one at once and whenever it changes, [`ServiceUnknown`](ServingStatus::ServiceUnknown) as long as
//! nothing was said. A watcher that reads slowly gets the latest status and not what was in between. When one of the
//! two sides shuts down, a watcher is told `NotServing`, and the stream ends, so that nobody waits for it.
//!
//! Over version 1 of the protocol there is no health service: that version finds methods by their bare names, and
//! `Check` or `List` may well be methods of yours.

mod reporter;
mod watcher;

/// The service's messages, client and server, generated from gRPC's `health.proto`.
#[allow(unreachable_pub, reason = "what is generated is public")]
pub mod v1 {
    include!("grpc.health.v1.rs");
}

pub use self::{reporter::HealthReporter, v1::health_check_response::ServingStatus};

#[cfg(test)]
mod tests;
