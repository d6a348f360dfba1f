//! gRPC's reflection, `grpc.reflection.v1.ServerReflection`: a peer asks which services this side has, and what their
//! messages look like, and needs no `.proto` files to call them.
//!
//! One line turns it on, on either side: `reflection()` of a server's or a client's builder, or of
//! [`testing::Services`](crate::testing::Services). It lists all services that are added there, and itself.
//!
//! ```
//! # use wsrpc::testing::{Services, pair};
//! # struct Requests(Option<ServerReflectionRequest>);
//! # impl wsrpc::Stream for Requests {
//! #     type Item = ServerReflectionRequest;
//! #     fn poll_next(
//! #         mut self: std::pin::Pin<&mut Self>,
//! #         _: &mut std::task::Context<'_>,
//! #     ) -> std::task::Poll<Option<Self::Item>> {
//! #         std::task::Poll::Ready(self.0.take())
//! #     }
//! # }
//! use wsrpc::reflection::v1::{
//!     ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
//!     server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, server) = pair(Services::new(), Services::new().reflection());
//!
//! let request = ServerReflectionRequest {
//!     message_request: Some(MessageRequest::ListServices(String::new())),
//!     ..Default::default()
//! };
//! # let requests = |request| Requests(Some(request));
//! let reflection = ServerReflectionClient::new(client.channel());
//! let mut answers = reflection.server_reflection_info(requests(request)).await?.into_inner();
//! let answer = answers.message().await?.and_then(|answer| answer.message_response);
//! let Some(MessageResponse::ListServicesResponse(services)) = answer else {
//!     panic!("{answer:?}");
//! };
//! assert_eq!(services.service[0].name, "grpc.reflection.v1.ServerReflection");
//! # drop(server);
//! # Ok(())
//! # }
//! ```
//!
//! What the messages of a service look like is known of generated code that has the descriptors in it:
//! `embed_descriptors(true)` in the build script, or the option `embed_descriptors` of the plugin. Of other services the
//! names are listed, and nothing more is known, unless a [`ReflectionBuilder`] is given their descriptors.
//!
//! Over version 1 of the protocol, which has no streams, there is no reflection.

mod answer;
mod builder;
mod index;
mod service;
mod symbols;

/// The service's messages, client and server, generated from gRPC's `reflection.proto`.
#[allow(unreachable_pub, reason = "what is generated is public")]
pub mod v1 {
    include!("grpc.reflection.v1.rs");
}

pub use self::{
    builder::{InvalidDescriptors, ReflectionBuilder},
    service::Reflection,
};

#[cfg(test)]
mod tests;
