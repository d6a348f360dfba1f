//! From an encoded call to a typed handler and back. Handlers are erased here, once, at the service.

use std::{
    future::{Future, poll_fn},
    marker::PhantomData,
    pin::{Pin, pin},
};

use futures_core::Stream;

use super::{MethodDescriptor, Origin, Request, Response, ServiceDescriptor, Trailers};
use crate::{
    call::{Streaming, codec},
    call_error::CallError,
    compression::{Accepted, Compression, compress},
    metadata::Metadata,
    proto::{self, Answer, Answered, Refusal, SendError},
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
    fn new(future: impl Future<Output = Answered> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }

    fn refused(status: Status) -> Self {
        Self::new(std::future::ready(Err(Refusal::NotStarted(status))))
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
    pub(crate) origin: Origin,
    /// Of responses that do not say it themselves.
    pub(crate) compression: Compression,
}

impl IncomingCall {
    /// One request, one response.
    pub fn unary<Q, R, H, F>(self, handler: H) -> HandlerFuture
    where
        Q: prost::Message + Default,
        R: prost::Message,
        H: FnOnce(Request<Q>) -> F + Send + 'static,
        F: Future<Output = Result<Response<R>, Status>> + Send + 'static,
    {
        let outbound = Outbound::new(&self);
        self.with_one_request(handler, move |result| respond(result, outbound))
    }

    /// One request, a stream of responses.
    pub fn server_streaming<Q, R, H, F>(self, handler: H) -> HandlerFuture
    where
        Q: prost::Message + Default,
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
        let answer = handler(self.with_requests());
        HandlerFuture::new(async move { respond(answer.await, outbound) })
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
        let answer = handler(self.with_requests(), responses);
        HandlerFuture::new(async move { answer.await.0 })
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
        Q: prost::Message + Default,
        H: FnOnce(Request<Q>) -> F + Send + 'static,
        F: Future + Send + 'static,
    {
        let is_plain = |first: &mut proto::Message| first.inflated.is_none() && self.last;
        if let Some(first) = self.first.take_if(is_plain) {
            // The usual call: its one request came with it.
            return match self.decode(first) {
                Ok(request) => {
                    let handling = handler(request);
                    HandlerFuture::new(async move { answer(handling.await) })
                }
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
        let Origin { session, slot, .. } = &self.origin;
        let next = || poll_fn(|cx| session.poll_message(*slot, cx));
        let first = match self.first.take() {
            Some(first) => Some(first),
            None => next().await.map_err(Status::from)?,
        };
        let Some(first) = first else {
            let text = format!("{} takes one request, and none came", self.method);
            return Err(Status::invalid_argument(text));
        };
        if next().await.map_err(Status::from)?.is_some() {
            let text = format!("{} takes one request, and another came", self.method);
            return Err(Status::invalid_argument(text));
        }
        Ok(first)
    }

    fn decode<Q: prost::Message + Default>(
        &mut self,
        first: proto::Message,
    ) -> Result<Request<Q>, Status> {
        let limit = self.origin.session.max_recv_size();
        match codec::decode(first, limit) {
            Ok(message) => Ok(Request::new(
                message,
                std::mem::take(&mut self.metadata),
                self.origin.clone(),
            )),
            Err(error) => Err(error.into_status("request", self.method)),
        }
    }

    fn with_requests<Q: prost::Message + Default>(self) -> Request<Streaming<Q>> {
        let requests = Streaming::of_callee(
            self.origin.session.clone(),
            self.origin.slot,
            self.method,
            self.first,
        );
        Request::new(requests, self.metadata, self.origin)
    }
}

/// How the responses to a call are compressed.
#[derive(Clone, Copy)]
struct Outbound {
    /// Of the service.
    default: Compression,
    accepted: Accepted,
}

impl Outbound {
    fn new(call: &IncomingCall) -> Self {
        Self {
            default: call.compression,
            accepted: call.origin.session.accepted(),
        }
    }

    fn of<T>(self, response: &Response<T>) -> Compression {
        let wanted = response.compression().unwrap_or(self.default);
        self.accepted.or_off(wanted)
    }
}

fn respond<R: prost::Message>(result: Result<Response<R>, Status>, outbound: Outbound) -> Answered {
    let response = result.map_err(Refusal::ByHandler)?;
    let compression = outbound.of(&response);
    let (message, mut metadata, trailers) = response.into_parts();
    metadata.merge(filled(trailers));
    Ok(Answer {
        message: Some(compress(codec::encode(&message), compression)),
        metadata,
    })
}

/// What was put into `trailers`.
fn filled(trailers: Option<Trailers>) -> Metadata {
    trailers.map_or_else(Metadata::new, |trailers| trailers.take())
}

fn finish(finished: Finished) -> Answered {
    finished.0
}

impl std::fmt::Debug for IncomingCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingCall")
            .field("method", &self.method.name())
            .finish_non_exhaustive()
    }
}

/// How a handler that streams its responses has ended.
#[derive(Debug)]
pub struct Finished(Answered);

/// Where a handler's responses go.
pub struct Responses<R> {
    origin: Origin,
    outbound: Outbound,
    response: PhantomData<fn(R)>,
}

impl<R: prost::Message> Responses<R> {
    fn new(call: &IncomingCall) -> Self {
        Self {
            origin: call.origin.clone(),
            outbound: Outbound::new(call),
            response: PhantomData,
        }
    }

    /// Sends what the stream of a handler yields, as far as the caller has room for it.
    pub async fn send_all<S>(self, result: Result<Response<S>, Status>) -> Finished
    where
        S: Stream<Item = Result<R, Status>>,
    {
        Finished(match result {
            Ok(response) => self.send_stream(response).await,
            Err(status) => Err(Refusal::ByHandler(status)),
        })
    }

    async fn send_stream<S>(self, response: Response<S>) -> Answered
    where
        S: Stream<Item = Result<R, Status>>,
    {
        let Origin { session, slot, .. } = self.origin;
        let compression = self.outbound.of(&response);
        let (stream, metadata, trailers) = response.into_parts();
        session.send_head(slot, metadata).map_err(Refusal::ByUs)?;
        let mut stream = pin!(stream);
        loop {
            poll_fn(|cx| session.poll_room(slot, cx))
                .await
                .map_err(unwanted)?;
            match poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                Some(Ok(message)) => session
                    .send(slot, compress(codec::encode(&message), compression))
                    .map_err(unwanted)?,
                Some(Err(mut status)) => {
                    if let Some(trailers) = trailers {
                        status.metadata_mut().merge(trailers.take());
                    }
                    return Err(Refusal::ByHandler(status));
                }
                None => {
                    return Ok(Answer {
                        message: None,
                        metadata: filled(trailers),
                    });
                }
            }
        }
    }
}

/// Why a response could not be sent.
fn unwanted(error: SendError) -> Refusal {
    Refusal::ByUs(match error {
        SendError::Rejected(status) => status,
        SendError::Stopped => Status::cancelled("nobody wants the responses any more"),
    })
}

impl<R> std::fmt::Debug for Responses<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Responses")
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        Self::ByHandler(error.into())
    }
}
