//! What users put around calls, on either side: [`tower::Layer`](tower_layer::Layer)s, and interceptors for the simple
//! cases.
//!
//! A layer wraps a [`Next`], which takes a [`CallRequest`] and answers with a [`CallResponse`] or a
//! [`CallError`](crate::CallError), on both sides and for every kind of method. So one layer serves clients and servers,
//! and tower's own (time-out, concurrency limit, load shedding, buffer, …) serve as they are.
//!
//! | side | a layer | an interceptor | it sees |
//! | --- | --- | --- | --- |
//! | client | [`Channel::layer`](crate::Channel::layer) | [`Channel::intercept`](crate::Channel::intercept) | calls on that channel |
//! | server, all services | [`ServerBuilder::layer`](crate::ServerBuilder::layer), [`ClientBuilder::layer`](crate::ClientBuilder::layer) | `intercept` of the same | calls of any service |
//! | server, one service | [`Layered::new`], [`Service::layer`](crate::Service::layer) | [`Intercepted::new`], [`Service::intercept`](crate::Service::intercept) | calls of that service |
//!
//! # Order
//!
//! Each wraps what is there: the one that was added last sees a call first and its answer last. A stack that is to be
//! read from the outside to the inside is a `tower::ServiceBuilder`, which is a layer too. On a server, what wraps all
//! services is outside of what wraps one.
//!
//! # What runs where
//!
//! On a client, everything that a channel does for a call, waiting for a session and retries included, is inside of its
//! layers, which see the call once; the call's time-out covers both. On a server, layers run within the handler's task:
//! calls that they make inherit the deadline, a caller that gives up drops them, and a panic in one ends the call as a
//! panic in its handler does.
//!
//! A call without layers takes the direct path: no future of it is boxed, and nothing of it is erased. Interceptors
//! leave it on that path.
//!
//! # Errors
//!
//! A layer may fail with anything that is a `Box<dyn Error + Send + Sync>` or becomes one. What the caller gets is, for
//! the first of these that the error or one of its sources is:
//!
//! | error | code |
//! | --- | --- |
//! | [`CallError`](crate::CallError), [`Status`](crate::Status) | its own |
//! | `tower::timeout::error::Elapsed` | [`DEADLINE_EXCEEDED`](crate::Code::DEADLINE_EXCEEDED) |
//! | `tower::load_shed::error::Overloaded` | [`RESOURCE_EXHAUSTED`](crate::Code::RESOURCE_EXHAUSTED) |
//! | any other | [`UNKNOWN`](crate::Code::UNKNOWN), with its text |
//!
//! (of tower 0.5). [`status_of`] does the same for a layer that looks on. Whether the call can be made again is never
//! left to the error: it is [`NotSent`](crate::Outcome::NotSent), or [`Refused`](crate::Outcome::Refused) on a server,
//! as long as no call has passed all layers, also where a layer has made several.
//!
//! # Writing one
//!
//! [`from_fn`] makes a layer of an asynchronous function, which does for most. What needs more implements
//! [`tower_layer::Layer`] for a [`Next`], and [`tower_service::Service`]:
//!
//! ```
//! use std::task::{Context, Poll};
//! use wsrpc::{CallError, layer::{CallRequest, CallResponse, Next, ResponseFuture, tower_layer::Layer, tower_service::Service}};
//!
//! #[derive(Clone)]
//! struct Log;
//!
//! impl Layer<Next> for Log {
//!     type Service = Logged;
//!
//!     fn layer(&self, next: Next) -> Logged {
//!         Logged { next }
//!     }
//! }
//!
//! #[derive(Clone)]
//! struct Logged {
//!     next: Next,
//! }
//!
//! impl Service<CallRequest> for Logged {
//!     type Response = CallResponse;
//!     type Error = CallError;
//!     type Future = ResponseFuture;
//!
//!     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
//!         self.next.poll_ready(cx)
//!     }
//!
//!     fn call(&mut self, request: CallRequest) -> ResponseFuture {
//!         println!("{}", request.method());
//!         self.next.call(request)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # use wsrpc::testing::{Services, pair};
//! let (client, _server) = pair(Services::new(), Services::new().layer(Log));
//! let channel = client.channel().layer(Log);
//! # }
//! ```

mod body;
mod error;
mod from_fn;
mod head;
mod intercept;
mod message;
mod next;

pub use self::{
    body::Body,
    error::{BoxError, status_of},
    from_fn::{FromFn, FromFnService, from_fn},
    head::CallHead,
    message::{CallRequest, CallResponse},
    next::{CallService, Next, ResponseFuture},
};
pub(crate) use self::{
    body::Messages,
    error::{Errors, Side, of_answer},
    head::Callee,
    intercept::{Interceptor, intercept_all},
};
pub use crate::service::{Intercepted, Layered};
/// The traits that a layer implements.
pub use {tower_layer, tower_service};

#[cfg(test)]
mod tests;
