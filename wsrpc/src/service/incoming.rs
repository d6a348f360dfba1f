//! From an encoded call to a typed handler and back. Handlers are erased here, once, at the service.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::Extensions;
use pin_project_lite::pin_project;

use super::{
    Handover, Intercepted, Layered, MethodDescriptor, Origin, Request, Response, Responses,
    ServiceDescriptor,
    responses::{Finished, Outbound},
};
use crate::{
    call::{Streaming, codec},
    call_error::CallError,
    compression::{Compression, compress},
    layer::{Body, CallHead, CallService, Next},
    metadata::Metadata,
    proto::{self, Answer, Answered, Refusal},
    status::Status,
};

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

    /// The same service with a layer around it: see [`Layered::new`].
    fn layer<L>(self, layer: L) -> Layered
    where
        Self: Sized,
        L: tower_layer::Layer<Next, Service: CallService>,
    {
        Layered::new(self, layer)
    }

    /// The same service, whose calls are first shown to `interceptor`: see [`Intercepted::new`].
    fn intercept<F>(self, interceptor: F) -> Intercepted
    where
        Self: Sized,
        F: Fn(&mut CallHead) -> Result<(), Status> + Send + Sync + 'static,
    {
        Intercepted::new(self, interceptor)
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
pub struct HandlerFuture(pub(crate) Pin<Box<dyn Future<Output = Answered> + Send>>);

impl HandlerFuture {
    pub(crate) fn new(future: impl Future<Output = Answered> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }

    /// Runs `handler` and makes an answer of what comes of it.
    fn answering<F, A>(handler: F, answer: A) -> Self
    where
        F: Future + Send + 'static,
        A: FnOnce(F::Output) -> Answered + Send + 'static,
    {
        Self::new(Answering {
            handler,
            answer: Some(answer),
        })
    }

    pub(crate) fn refused(status: Status) -> Self {
        Self::new(std::future::ready(Err(Refusal::NotStarted(status))))
    }
}

pin_project! {
    /// A handler, and how an answer is made of what comes of it. An `async` block would have room for the handler twice: as
    /// what it captured, and as what it awaits.
    struct Answering<F, A> {
        #[pin]
        handler: F,
        // Until the handler has ended.
        answer: Option<A>,
    }
}

impl<F, A> Future for Answering<F, A>
where
    F: Future,
    A: FnOnce(F::Output) -> Answered,
{
    type Output = Answered;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answered> {
        let this = self.project();
        let outcome = ready!(this.handler.poll(cx));
        match this.answer.take() {
            Some(answer) => Poll::Ready(answer(outcome)),
            None => panic!("a handler was polled after it had answered"),
        }
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
    pub(crate) metadata: Metadata,
    /// The first message, if it came with the call.
    pub(crate) first: Option<proto::Message>,
    /// No other message follows.
    pub(crate) last: bool,
    /// Where further messages come from, if not from the session. Boxed, for a call without layers has none.
    pub(crate) rest: Option<Box<Body>>,
    /// Where responses go, if not to the session.
    pub(crate) handover: Option<Arc<Handover>>,
    /// What layers leave for the handler.
    pub(crate) extensions: Extensions,
    pub(crate) origin: Origin,
    /// Of responses that do not say it themselves.
    pub(crate) compression: Compression,
}

impl IncomingCall {
    /// One request, one response. `handler` may be called where calls are read: what takes time belongs in the future that
    /// it returns.
    pub fn unary<Q, R, H, F>(self, handler: H) -> HandlerFuture
    where
        Q: prost::Message + Default + 'static,
        R: prost::Message,
        H: FnOnce(Request<Q>) -> F + Send + 'static,
        F: Future<Output = Result<Response<R>, Status>> + Send + 'static,
    {
        let outbound = Outbound::new(&self);
        self.with_one_request(handler, move |result| respond(result, outbound))
    }

    /// One request, a stream of responses. `handler` may be called where calls are read, as that of [`unary`](Self::unary).
    pub fn server_streaming<Q, R, H, F>(self, handler: H) -> HandlerFuture
    where
        Q: prost::Message + Default + 'static,
        R: prost::Message + 'static,
        H: FnOnce(Request<Q>, Responses<R>) -> F + Send + 'static,
        F: Future<Output = Finished> + Send + 'static,
    {
        let responses = Responses::new(&self);
        self.with_one_request(|request| handler(request, responses), finish)
    }

    /// A stream of requests, one response.
    pub fn client_streaming<Q, R, H, F>(self, handler: H) -> HandlerFuture
    where
        Q: prost::Message + Default,
        R: prost::Message,
        H: FnOnce(Request<Streaming<Q>>) -> F,
        F: Future<Output = Result<Response<R>, Status>> + Send + 'static,
    {
        let outbound = Outbound::new(&self);
        let handler = handler(self.with_requests());
        HandlerFuture::answering(handler, move |result| respond(result, outbound))
    }

    /// A stream of requests, a stream of responses.
    pub fn bidi_streaming<Q, R, H, F>(self, handler: H) -> HandlerFuture
    where
        Q: prost::Message + Default,
        R: prost::Message,
        H: FnOnce(Request<Streaming<Q>>, Responses<R>) -> F,
        F: Future<Output = Finished> + Send + 'static,
    {
        let responses = Responses::new(&self);
        let handler = handler(self.with_requests(), responses);
        HandlerFuture::answering(handler, finish)
    }

    /// Answers that the method does not exist: for the arm of a `match` that no descriptor leads to.
    pub fn unimplemented(self) -> HandlerFuture {
        HandlerFuture::refused(Status::unimplemented(self.method.to_string()))
    }

    /// Decodes the one request, now if it is here, runs `handler`, and turns its outcome into an answer.
    fn with_one_request<Q, H, F>(
        mut self,
        handler: H,
        answer: impl FnOnce(F::Output) -> Answered + Send + 'static,
    ) -> HandlerFuture
    where
        Q: prost::Message + Default + 'static,
        H: FnOnce(Request<Q>) -> F + Send + 'static,
        F: Future + Send + 'static,
    {
        let is_plain = |first: &mut proto::Message| first.inflated.is_none() && self.last;
        if let Some(first) = self.first.take_if(is_plain) {
            // The usual call: its one request came with it.
            return match self.decode(first) {
                Ok(request) => HandlerFuture::answering(handler(request), answer),
                Err(status) => HandlerFuture::refused(status),
            };
        }
        HandlerFuture::new(async move {
            let request = match self.only_request().await {
                Ok(first) => {
                    if first.inflated.is_some() {
                        // To inflate it may take a while: not where all calls are read.
                        tokio::task::yield_now().await;
                    }
                    self.decode(first)
                }
                Err(status) => Err(status),
            };
            match request {
                Ok(request) => answer(handler(request).await),
                Err(status) => Err(Refusal::NotStarted(status)),
            }
        })
    }

    /// Waits for the one request.
    async fn only_request(&mut self) -> Result<proto::Message, Status> {
        let first = match self.first.take() {
            Some(first) => Some(first),
            None => poll_fn(|cx| self.poll_rest(cx)).await?,
        };
        let Some(first) = first else {
            let text = format!("{} takes one request, and none came", self.method);
            return Err(Status::invalid_argument(text));
        };
        if poll_fn(|cx| self.poll_rest(cx)).await?.is_some() {
            let text = format!("{} takes one request, and another came", self.method);
            return Err(Status::invalid_argument(text));
        }
        Ok(first)
    }

    fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<proto::Message>, CallError>> {
        match &mut self.rest {
            Some(body) => body.poll_message(cx).map(Option::transpose),
            None => self.origin.session.poll_message(self.origin.slot, cx),
        }
    }

    fn decode<Q: prost::Message + Default>(
        self,
        first: proto::Message,
    ) -> Result<Request<Q>, Status> {
        match codec::decode(first, self.origin.session.max_recv_size()) {
            Ok(message) => Ok(Request::received(
                message,
                self.metadata,
                self.extensions,
                self.origin,
            )),
            Err(error) => Err(error.into_status("request", self.method)),
        }
    }

    fn with_requests<Q: prost::Message + Default>(self) -> Request<Streaming<Q>> {
        let requests = match self.rest {
            Some(rest) => Streaming::of_requests(*rest, self.method),
            None => Streaming::of_callee(
                self.origin.session.clone(),
                self.origin.slot,
                self.method,
                self.first,
            ),
        };
        Request::received(requests, self.metadata, self.extensions, self.origin)
    }
}

fn respond<R: prost::Message>(result: Result<Response<R>, Status>, outbound: Outbound) -> Answered {
    let response = result.map_err(Refusal::ByHandler)?;
    let compression = outbound.of(&response);
    let (message, mut metadata, trailers) = response.into_parts();
    if let Some(trailers) = trailers {
        metadata.merge(trailers.take());
    }
    Ok(Answer {
        message: Some(compress(codec::encode(&message), compression)),
        metadata,
    })
}

fn finish(finished: Finished) -> Answered {
    finished.into_answered()
}

impl std::fmt::Debug for IncomingCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingCall")
            .field("method", &self.method.name())
            .finish_non_exhaustive()
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        Self::ByHandler(error.into())
    }
}
