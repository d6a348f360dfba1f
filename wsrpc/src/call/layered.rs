//! Calls that go through layers and interceptors on their way out.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use super::{
    Call, CallFuture, CallOptions, Channel,
    codec::{self, CodecError},
    outgoing::deadline,
    requests::{RequestStream, Requests},
};
use crate::{
    call_error::CallError,
    layer::{
        Body, CallHead, CallRequest, CallResponse, CallService, Errors, Interceptor, Messages,
        Next, ResponseFuture, Side, intercept_all,
    },
    proto,
    status::Status,
};

/// What is around the calls of a channel.
pub(super) struct Wrapped {
    /// Outside of all layers, the outermost first.
    interceptors: Vec<Interceptor>,
    /// With all that is inside of them.
    layers: Option<Next>,
}

/// Stands for a response that is not decoded.
pub(super) enum Encoded {}

impl Wrapped {
    pub(super) fn in_layers(layers: Next) -> Self {
        Self {
            interceptors: Vec::new(),
            layers: Some(layers),
        }
    }

    pub(super) fn intercepted(inner: Option<&Self>, interceptor: Interceptor) -> Self {
        let more = inner.map_or(&[][..], |inner| &inner.interceptors);
        Self {
            interceptors: [&[interceptor], more].concat(),
            layers: inner.and_then(|inner| inner.layers.clone()),
        }
    }

    /// Makes a call.
    pub(super) fn call<R>(&self, mut call: Call<R>, deadline: Option<Instant>) -> CallFuture<R> {
        let peer = call.connector.peer();
        let metadata = std::mem::take(&mut call.metadata);
        let mut head = CallHead::new(call.method, peer, metadata, deadline);
        if let Err(status) = intercept_all(&self.interceptors, &mut head) {
            return CallFuture::failed(call, CallError::not_sent(status));
        }
        let Some(layers) = self.layers.clone() else {
            let (metadata, deadline, _) = head.into_parts();
            call.metadata = metadata;
            return CallFuture::new(call, deadline);
        };
        head.options = Some(call.options.clone());
        let body = match call.requests.take() {
            Requests::One(request) => Body::from_message(request),
            Requests::Stream(requests) => Body::of_messages(requests, usize::MAX),
            Requests::Sent => Body::empty(),
        };
        let request = CallRequest::from_parts(head, body);
        CallFuture::layered(call, ResponseFuture::new(answer(layers, request)))
    }
}

/// What the layers answer with, before the call's deadline: they may wait where no session sees it.
async fn answer(layers: Next, mut request: CallRequest) -> Result<CallResponse, CallError> {
    let errors = request.head_mut().errors();
    let deadline = request.deadline();
    let streams = request.method().kind().streams_responses();
    let answered = async {
        let response = layers.run(request).await?;
        if streams {
            return Ok(response);
        }
        let (metadata, body) = response.into_parts();
        let limit = body.limit();
        let message = body.only_message("response").await?;
        let body = Body::of_message(message).with_limit(limit);
        Ok(CallResponse::from_parts(metadata, body))
    };
    match deadline {
        None => answered.await,
        Some(deadline) => timeout_at(deadline, answered).await.unwrap_or_else(|_| {
            let status =
                Status::deadline_exceeded("the deadline passed within the layers of the channel");
            Err(errors.convert(status))
        }),
    }
}

/// A call goes out as one of a stub does: through what is around the channel, and with its settings.
///
/// [`CallRequest::new`](crate::layer::CallRequest::new) makes such calls.
impl Service<CallRequest> for Channel {
    type Response = CallResponse;
    type Error = CallError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: CallRequest) -> ResponseFuture {
        let (mut head, body) = request.into_parts();
        let method = head.method();
        let options = head.options.get_or_insert_with(|| self.options(method));
        let options = options.clone();
        if let Some(deadline) = deadline(&options) {
            head.set_deadline(deadline);
        }
        if let Some(wrapped) = self.wrapped() {
            if let Err(status) = intercept_all(&wrapped.interceptors, &mut head) {
                let error = CallError::not_sent(status);
                return ResponseFuture::new(std::future::ready(Err(error)));
            }
            if let Some(layers) = wrapped.layers.clone() {
                let request = CallRequest::from_parts(head, body);
                return ResponseFuture::new(answer(layers, request));
            }
        }
        ResponseFuture::new(send(self.bare(), options, head, body))
    }
}

/// Makes the call that is inside of all layers.
async fn send(
    channel: Channel,
    options: CallOptions,
    mut head: CallHead,
    body: Body,
) -> Result<CallResponse, CallError> {
    let errors = head.errors();
    let method = head.method();
    let requests = if method.kind().streams_requests() {
        Requests::Stream(Box::pin(FromLayers(body)))
    } else {
        let limit = body.limit();
        let request = body.only_message("request").await;
        let request = request.map_err(|error| CallError::not_sent(error.into()))?;
        // In whichever way it came, it goes out as this channel's peer takes it.
        let request = codec::plain(request, limit);
        let not_sent =
            |error: CodecError| CallError::not_sent(error.into_status("request", method));
        Requests::One(request.map_err(not_sent)?)
    };
    let streams = method.kind().streams_responses();
    let mut call = Call::<Encoded>::new(&channel, method, streams, requests);
    call.options = options;
    let (metadata, deadline, _) = head.into_parts();
    call.metadata = metadata;
    errors.pass();
    errors.watch(CallFuture::new(call, deadline).await)
}

impl Channel {
    /// What a layer around this channel wraps.
    pub(super) fn next(&self) -> Next {
        match self.wrapped() {
            Some(wrapped) if wrapped.interceptors.is_empty() => match &wrapped.layers {
                Some(layers) => layers.clone(),
                None => Next::new(self.clone()),
            },
            _ => Next::new(self.clone()),
        }
    }
}

/// What is inside of all layers of a channel whose calls go to a service.
pub(super) fn answering(service: impl CallService) -> Next {
    Next::new(Answering(Next::new(service)))
}

/// A user's service in the place of a session.
#[derive(Clone)]
struct Answering(Next);

impl Service<CallRequest> for Answering {
    type Response = CallResponse;
    type Error = CallError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: CallRequest) -> ResponseFuture {
        let errors = request.head_mut().errors();
        request.head_mut().set_errors(Errors::new(Side::Answer));
        errors.pass();
        let response = self.0.call(request);
        ResponseFuture::new(async move { errors.watch(response.await) })
    }
}

impl Messages for RequestStream {
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<proto::Message, CallError>>> {
        let next = ready!(self.as_mut().poll_next(cx));
        Poll::Ready(next.map(|message| match message {
            Ok(message) => Ok(message.into()),
            Err(status) => Err(CallError::not_sent(status)),
        }))
    }
}

struct FromLayers(Body);

impl Stream for FromLayers {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(next.map(|message| message.map_err(Status::from)))
    }
}
