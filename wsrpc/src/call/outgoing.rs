//! A call, before it is made.

use std::{fmt, future::IntoFuture, marker::PhantomData, sync::Arc, time::Duration};

use futures_core::Stream;
use tokio::time::Instant;

use super::{
    CallFuture, CallOptions, Channel, Connector, Context, RetryPolicy, Streaming, layered::Wrapped,
    requests::Requests,
};
use crate::{
    call_error::CallError,
    compression::Compression,
    metadata::Metadata,
    service::{MethodDescriptor, Response},
};

/// A call that is made when it is awaited.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn example<R: prost::Message + Default>(call: wsrpc::Call<R>) -> Result<(), wsrpc::CallError> {
/// let answer = call.timeout(Duration::from_secs(2)).await?;
/// # Ok(())
/// # }
/// ```
///
/// What it yields is the response, or a [`Streaming`] of responses as soon as the callee has begun to answer.
///
/// In a handler, a call has the deadline of the call that is being answered, unless its own time-out is sooner: see
/// [`Context`].
///
/// # Errors
///
/// Awaiting it yields a [`CallError`]: the callee's own status, or one of this side's, with what is known of the call.
/// Towards a peer that speaks version 1 of the protocol, a call that has streams, or metadata that are not
/// [optional](Metadata::optional), ends at once with [`Code::UNIMPLEMENTED`](crate::Code::UNIMPLEMENTED). A stream of
/// requests that panics fails its call with [`Code::INTERNAL`](crate::Code::INTERNAL).
///
/// # Cancel safety
///
/// Dropping the future gives the call up: it is never sent if it was not yet, and otherwise the callee's handler is
/// stopped. A callee that speaks version 1, which has no way to be told, runs on.
///
/// # Panics
///
/// A call with a stream of requests, or one that is made again, panics outside of a tokio runtime.
#[must_use = "a call is made when it is awaited"]
pub struct Call<R> {
    pub(super) connector: Arc<dyn Connector>,
    /// What is around the channel's calls, if anything is.
    wrapped: Option<Arc<Wrapped>>,
    pub(super) method: &'static MethodDescriptor,
    pub(super) streams_responses: bool,
    pub(super) metadata: Metadata,
    pub(super) requests: Requests,
    pub(super) options: CallOptions,
    response: PhantomData<fn() -> R>,
}

impl<R: prost::Message + Default> Call<R> {
    /// A call with one request and one response.
    pub fn unary<Q: prost::Message>(
        channel: &Channel,
        method: &'static MethodDescriptor,
        request: &Q,
    ) -> Self {
        Self::new(channel, method, false, Requests::one(request))
    }

    /// A call with a stream of requests and one response.
    pub fn client_streaming<S>(
        channel: &Channel,
        method: &'static MethodDescriptor,
        requests: S,
    ) -> Self
    where
        S: Stream<Item: prost::Message> + Send + 'static,
    {
        Self::new(channel, method, false, Requests::stream(requests))
    }
}

impl<R: prost::Message + Default> Call<Streaming<R>> {
    /// A call with one request and a stream of responses.
    pub fn server_streaming<Q: prost::Message>(
        channel: &Channel,
        method: &'static MethodDescriptor,
        request: &Q,
    ) -> Self {
        Self::new(channel, method, true, Requests::one(request))
    }

    /// A call with a stream of requests and a stream of responses.
    pub fn bidi_streaming<S>(
        channel: &Channel,
        method: &'static MethodDescriptor,
        requests: S,
    ) -> Self
    where
        S: Stream<Item: prost::Message> + Send + 'static,
    {
        Self::new(channel, method, true, Requests::stream(requests))
    }
}

impl<R> Call<R> {
    // Inlined like what follows it, so that a call is made where its future is to be, and not moved there.
    #[inline]
    pub(super) fn new(
        channel: &Channel,
        method: &'static MethodDescriptor,
        streams_responses: bool,
        requests: Requests,
    ) -> Self {
        Self {
            connector: channel.connector().clone(),
            wrapped: channel.wrapped().cloned(),
            method,
            streams_responses,
            metadata: Metadata::new(),
            requests,
            options: channel.options(method),
            response: PhantomData,
        }
    }

    /// How long the call may take in all, waiting for a session included; of a stream, until its last message. Default:
    /// the channel's, or else none; towards a peer that speaks version 1, the session's
    /// [`default_timeout`](crate::SessionConfig::default_timeout).
    ///
    /// The callee learns of it, and stops its handler in time as well.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Whether the call waits for a session, within its time-out, and is made again as long as nothing of it was sent.
    /// Default: the channel's.
    pub fn wait_for_ready(mut self, wait: bool) -> Self {
        self.options.set_wait_for_ready(wait);
        self
    }

    /// Whether, and how, the call is made again when it fails; `None` is not at all. Default: the channel's.
    pub fn retry(mut self, policy: impl Into<Option<RetryPolicy>>) -> Self {
        self.options.set_retry(policy.into());
        self
    }

    /// Whether requests are compressed, for a peer that can undo it. Default: as the channel has it.
    pub fn compress(mut self, compression: Compression) -> Self {
        self.options.compression = compression;
        self
    }

    /// Sends `metadata` beside the request. Default: none.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    #[inline]
    fn into_call_future(mut self) -> CallFuture<R> {
        let deadline = deadline(&self.options);
        match self.wrapped.take() {
            None => CallFuture::new(self, deadline),
            Some(wrapped) => wrapped.call(self, deadline),
        }
    }
}

/// When a call that is made now with these options is to be done.
pub(super) fn deadline(options: &CallOptions) -> Option<Instant> {
    // A time-out beyond the clock's range is none.
    let own = options
        .timeout
        .and_then(|timeout| Instant::now().checked_add(timeout));
    let inherited = Context::current().deadline();
    match (own, inherited) {
        (Some(own), Some(inherited)) => Some(own.min(inherited)),
        (own, inherited) => own.or(inherited),
    }
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = match &self.requests {
            Requests::One(request) => format!("{} bytes", request.len()),
            Requests::Stream(_) => "a stream".to_owned(),
            Requests::Sent => "sent".to_owned(),
        };
        f.debug_struct("Call")
            .field("service", &self.method.service())
            .field("method", &self.method.name())
            .field("request", &format_args!("{request}"))
            .field("metadata", &self.metadata)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<R: prost::Message + Default> IntoFuture for Call<R> {
    type Output = Result<Response<R>, CallError>;
    type IntoFuture = CallFuture<R>;

    #[inline]
    fn into_future(self) -> CallFuture<R> {
        self.into_call_future()
    }
}

impl<R: prost::Message + Default> IntoFuture for Call<Streaming<R>> {
    type Output = Result<Response<Streaming<R>>, CallError>;
    type IntoFuture = CallFuture<Streaming<R>>;

    #[inline]
    fn into_future(self) -> CallFuture<Streaming<R>> {
        self.into_call_future()
    }
}
