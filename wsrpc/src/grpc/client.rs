//! Stubs that call over a tonic channel.

use std::{
    fmt,
    future::poll_fn,
    task::{Context, Poll},
};

use http::{Uri, uri::PathAndQuery};
use tokio::time::{Instant, timeout_at};
use tonic::{
    client::{Grpc, GrpcService},
    codec::CompressionEncoding,
    metadata::MetadataMap,
};

use super::{
    codec::Encoded,
    heard::{Heard, Hearing},
    metadata::{from_headers, to_headers},
    requests::Requests,
    responses::Responses,
    status::call_error,
};
use crate::{
    call::Channel,
    call_error::{Blame, CallError, Outcome},
    layer::{Body, BoxError, CallRequest, CallResponse, Messages, ResponseFuture},
    proto::deadline_exceeded,
    status::Status,
};

/// What calls of gRPC go over: a `tonic::transport::Channel`, layers around one, and other clients of HTTP/2.
///
/// It is there for all that tonic's own stubs call over, where that can be cloned.
pub trait Transport:
    GrpcService<
        tonic::body::Body,
        ResponseBody: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<T> Transport for T where
    T: GrpcService<
            tonic::body::Body,
            ResponseBody: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// A channel for stubs, whose calls go to a gRPC server, with the settings of a new [`GrpcChannel`].
///
/// ```
/// # use wsrpc::{Channel, grpc::{self, Transport}};
/// fn stubs_over(tonic: impl Transport) -> Channel {
///     grpc::channel(tonic) // PingClient::new(…)
/// }
/// ```
pub fn channel(transport: impl Transport) -> Channel {
    GrpcChannel::new(transport).into_channel()
}

/// How stubs call over gRPC, before they do.
///
/// ```
/// # use wsrpc::{Channel, grpc::{GrpcChannel, Transport}};
/// fn stubs_over(tonic: impl Transport) -> Channel {
///     GrpcChannel::new(tonic)
///         .max_recv_message_size(1024 * 1024)
///         .into_channel()
/// }
/// ```
///
/// # What a caller sees
///
/// | of the caller | over gRPC |
/// | --- | --- |
/// | [`Call::metadata`](crate::Call::metadata) | the headers |
/// | [`Call::timeout`](crate::Call::timeout) | `grpc-timeout`; this side watches as well |
/// | a call that is dropped | its stream is reset |
/// | [`Call::wait_for_ready`](crate::Call::wait_for_ready) | nothing: whether a call waits is up to the transport |
/// | [`Response::metadata`](crate::Response::metadata) | the headers; with one response, the trailers too |
/// | [`Streaming::trailers`](crate::Streaming::trailers) | the trailers |
///
/// # Outcomes
///
/// A status that the server has sent is [`Ran`](Outcome::Ran), also where the server refused the call, since gRPC does
/// not tell. [`NotSent`](Outcome::NotSent) is a call that the transport had no connection for, or whose time was up
/// before. All else is [`Unknown`](Outcome::Unknown): among it a connection that is lost, a deadline, a proxy that
/// answers in the server's place, and a response that ends without a status. None is [`Refused`](Outcome::Refused).
#[derive(Clone)]
#[must_use]
pub struct GrpcChannel<T> {
    transport: T,
    origin: Uri,
    accept: Vec<CompressionEncoding>,
    send: Option<CompressionEncoding>,
    max_recv: usize,
    max_send: usize,
}

/// As a client over a connection of our own.
const MAX_RECV: usize = 100_000_000;

impl<T: Transport> GrpcChannel<T> {
    /// Calls over `transport`.
    pub fn new(transport: T) -> Self {
        Self {
            transport,
            origin: Uri::default(),
            accept: Vec::new(),
            send: None,
            max_recv: MAX_RECV,
            max_send: usize::MAX,
        }
    }

    /// The scheme, the authority and the beginning of the path that calls have, for transports that do not know
    /// where they lead. Default: none.
    pub fn origin(mut self, origin: Uri) -> Self {
        self.origin = origin;
        self
    }

    /// The largest response, in bytes. Default: 100,000,000.
    ///
    /// A larger one ends the call with [`Code::RESOURCE_EXHAUSTED`](crate::Code::RESOURCE_EXHAUSTED).
    pub fn max_recv_message_size(mut self, bytes: usize) -> Self {
        self.max_recv = bytes;
        self
    }

    /// The largest request, in bytes. Default: no limit but the server's.
    pub fn max_send_message_size(mut self, bytes: usize) -> Self {
        self.max_send = bytes;
        self
    }

    /// Takes responses that are compressed so, as far as tonic was built with it. Default: none.
    pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.accept.push(encoding);
        self
    }

    /// Compresses requests so, as far as tonic was built with it: the server must take it. Default: not at all.
    pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.send = Some(encoding);
        self
    }

    /// The channel, for stubs.
    pub fn into_channel(self) -> Channel {
        Channel::from_service(Caller(self))
    }

    /// A client for one call.
    fn client(&self, heard: &Heard) -> Grpc<Hearing<T>> {
        let transport = Hearing::new(self.transport.clone(), heard);
        let mut client = Grpc::with_origin(transport, self.origin.clone())
            .max_decoding_message_size(self.max_recv)
            .max_encoding_message_size(self.max_send);
        for encoding in &self.accept {
            client = client.accept_compressed(*encoding);
        }
        match self.send {
            Some(encoding) => client.send_compressed(encoding),
            None => client,
        }
    }

    async fn call(self, request: CallRequest) -> Result<CallResponse, CallError> {
        let (head, body) = request.into_parts();
        let method = head.method();
        let kind = method.kind();
        let deadline = head.deadline();
        let heard = Heard::default();
        let mut client = self.client(&heard);
        let ready = in_time(deadline, Outcome::NotSent, client.ready()).await?;
        ready.map_err(unready)?;
        let body = match kind.streams_requests() {
            true => body,
            false => {
                let request = body.only_message("request").await;
                Body::of_message(request.map_err(|error| CallError::not_sent(error.into()))?)
            }
        };
        let path = PathAndQuery::try_from(format!("/{method}"))
            .map_err(|error| CallError::not_sent(Status::internal(error.to_string())))?;
        let (requests, mut broken) = Requests::new(body);
        let mut request = tonic::Request::new(requests);
        *request.metadata_mut() = MetadataMap::from_headers(to_headers(head.metadata()));
        if let Some(deadline) = deadline {
            let timeout = deadline.saturating_duration_since(Instant::now());
            if timeout.is_zero() {
                return Err(deadline_exceeded(Outcome::NotSent));
            }
            request.set_timeout(timeout);
        }
        let answered = in_time(deadline, Outcome::Unknown, async {
            tokio::select! {
                biased;
                error = broken.error() => Err(error),
                answered = client.streaming(request, path, Encoded::new()) => {
                    answered.map_err(|status| call_error(&status, heard.status()))
                }
            }
        });
        let (headers, streaming, _) = answered.await??.into_parts();
        let mut metadata = from_headers(&headers.into_headers());
        let mut responses = Responses::new(streaming, heard, broken, deadline);
        if kind.streams_responses() {
            let body = Body::of_messages(responses, usize::MAX);
            return Ok(CallResponse::from_parts(metadata, body));
        }
        let mut next = async || poll_fn(|cx| responses.poll_message(cx)).await.transpose();
        let message = match (next().await?, next().await?) {
            (Some(message), None) => message,
            (None, _) => return Err(odd("no response came")),
            (Some(_), Some(_)) => return Err(odd("more than one response came")),
        };
        metadata.merge(responses.trailers().unwrap_or_default());
        Ok(CallResponse::from_parts(
            metadata,
            Body::of_message(message),
        ))
    }
}

async fn in_time<F: Future>(
    deadline: Option<Instant>,
    outcome: Outcome,
    future: F,
) -> Result<F::Output, CallError> {
    match deadline {
        None => Ok(future.await),
        Some(deadline) => {
            let done = timeout_at(deadline, future).await;
            done.map_err(|_| deadline_exceeded(outcome))
        }
    }
}

/// The transport takes no calls.
fn unready(error: impl Into<BoxError>) -> CallError {
    let status = tonic::Status::from_error(error.into());
    let status = Status::unavailable(status.message());
    CallError::new(status, Outcome::NotSent, Blame::Transport)
}

fn odd(text: &str) -> CallError {
    CallError::new(Status::internal(text), Outcome::Ran, Blame::Remote)
}

impl<T> fmt::Debug for GrpcChannel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcChannel")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// Answers calls in the place of a session.
#[derive(Clone)]
struct Caller<T>(GrpcChannel<T>);

impl<T: Transport> tower_service::Service<CallRequest> for Caller<T> {
    type Response = CallResponse;
    type Error = CallError;
    type Future = ResponseFuture;

    /// Always: each call waits for the transport by itself, within its deadline.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: CallRequest) -> ResponseFuture {
        ResponseFuture::new(self.0.clone().call(request))
    }
}
