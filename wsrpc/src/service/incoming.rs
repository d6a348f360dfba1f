//! From an encoded call to a typed handler and back. Handlers are erased here, once, at the service.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use prost::Message;

use super::{CallContext, MethodDescriptor, Request, Response, ServiceDescriptor};
use crate::{proto::Refusal, status::Status};

/// A set of methods that can be called: what `PingServer::new(handler)` of generated code is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "wrap what implements a generated trait in the server that was generated with it: `PingServer::new(…)`"
)]
pub trait Service: Send + Sync + 'static {
    /// Its name and methods.
    fn descriptor(&self) -> &'static ServiceDescriptor;

    /// Starts the handler of the method with this index in the descriptor.
    fn call(&self, method: usize, call: IncomingCall) -> HandlerFuture;

    /// Whether a handler is polled once where the call is read, before it becomes a task of its own. That saves the
    /// task for handlers that answer without waiting; a handler that computes for long makes its session wait.
    fn runs_in_place(&self) -> bool {
        true
    }
}

/// A service each of whose calls is a task of its own from the start: for handlers that compute for long before they
/// first wait.
///
/// ```ignore
/// Server::builder(key).add_service(Spawned(PingServer::new(handler)))
/// ```
#[derive(Clone, Debug)]
pub struct Spawned<S>(pub S);

impl<S: Service> Service for Spawned<S> {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        self.0.descriptor()
    }

    fn call(&self, method: usize, call: IncomingCall) -> HandlerFuture {
        self.0.call(method, call)
    }

    fn runs_in_place(&self) -> bool {
        false
    }
}

/// A handler at work.
pub struct HandlerFuture(pub(crate) Pin<Box<dyn Future<Output = HandlerResult> + Send>>);

pub(crate) type HandlerResult = Result<Bytes, Refusal>;

impl HandlerFuture {
    fn refused(status: Status) -> Self {
        Self(Box::pin(std::future::ready(Err(Refusal::ByUs(status)))))
    }
}

impl std::fmt::Debug for HandlerFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HandlerFuture")
    }
}

/// A call that is still encoded.
pub struct IncomingCall {
    pub(crate) method: &'static MethodDescriptor,
    pub(crate) payload: Bytes,
    pub(crate) context: CallContext,
}

impl IncomingCall {
    /// Decodes the request, runs `handler`, and encodes its answer.
    pub fn unary<Q, R, H, F>(self, handler: H) -> HandlerFuture
    where
        Q: Message + Default,
        R: Message,
        H: FnOnce(Request<Q>) -> F,
        F: Future<Output = Result<Response<R>, Status>> + Send + 'static,
    {
        let message = match Q::decode(self.payload) {
            Ok(message) => message,
            Err(error) => {
                let text = format!(
                    "the payload is no request of {}/{}: {error}",
                    self.method.service(),
                    self.method.name()
                );
                return HandlerFuture::refused(Status::invalid_argument(text));
            }
        };
        let answer = handler(Request::new(message, self.context));
        HandlerFuture(Box::pin(async move {
            match answer.await {
                Ok(response) => Ok(response.into_inner().encode_to_vec().into()),
                Err(status) => Err(Refusal::ByHandler(status)),
            }
        }))
    }

    /// Answers that the method does not exist: for the arm of a `match` that no descriptor leads to.
    pub fn unimplemented(self) -> HandlerFuture {
        HandlerFuture::refused(Status::unimplemented(format!(
            "{}/{}",
            self.method.service(),
            self.method.name()
        )))
    }
}

impl std::fmt::Debug for IncomingCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingCall")
            .field("method", &self.method.name())
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish()
    }
}
