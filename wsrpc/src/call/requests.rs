//! The requests of a call, on their way out.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;

use super::codec;
use crate::{
    call_error::{Blame, CallError, Outcome},
    compression::{Compression, compress},
    proto::{CallKey, SendError},
    session::{Session, panic_message},
    status::Status,
};

/// What a call sends.
pub(super) enum Requests {
    /// One request, encoded.
    One(Bytes),
    /// As many as come.
    Stream(RequestStream),
    /// It is on its way.
    Sent,
}

/// A stream of requests, encoded as they are yielded. Only a layer ends it with an error.
pub(super) type RequestStream = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

impl Requests {
    pub(super) fn one(message: &impl prost::Message) -> Self {
        Self::One(codec::encode(message))
    }

    /// What `stream` yields, encoded.
    pub(super) fn stream<S>(stream: S) -> Self
    where
        S: Stream<Item: prost::Message> + Send + 'static,
    {
        Self::Stream(Box::pin(Encoded(Box::pin(stream))))
    }

    /// All of it, once.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Sent)
    }

    /// The one request once more; `None` if there is a stream, or nothing.
    pub(super) fn copy_of_one(&self) -> Option<Bytes> {
        match self {
            Self::One(request) => Some(request.clone()),
            Self::Stream(_) | Self::Sent => None,
        }
    }

    /// The one request, once.
    #[inline]
    pub(super) fn take_one(&mut self) -> Option<Bytes> {
        match self {
            Self::One(request) => {
                let request = std::mem::take(request);
                *self = Self::Sent;
                Some(request)
            }
            Self::Stream(_) | Self::Sent => None,
        }
    }

    /// The stream, once.
    pub(super) fn take_stream(&mut self) -> Option<RequestStream> {
        let Self::Stream(_) = self else {
            return None;
        };
        match self.take() {
            Self::Stream(stream) => Some(stream),
            Self::One(_) | Self::Sent => None,
        }
    }
}

struct Encoded<S>(Pin<Box<S>>);

impl<S: Stream<Item: prost::Message>> Stream for Encoded<S> {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.0.as_mut().poll_next(cx));
        Poll::Ready(next.map(|message| Ok(codec::encode(&message))))
    }
}

/// Sends requests as far as the callee has room for them, until there are no more or nobody wants them.
pub(super) async fn send_all(
    session: Session,
    key: CallKey,
    mut requests: RequestStream,
    compression: Compression,
) {
    let sent = poll_fn(|cx| {
        // The stream is the user's. Were its panic to end this task and nothing else, the call would wait for ever.
        let step = catch_unwind(AssertUnwindSafe(|| {
            poll_send(&session, key, &mut requests, compression, cx)
        }));
        step.unwrap_or_else(|panic| {
            let message = panic_message(&*panic);
            tracing::error!(message, "a stream of requests panicked");
            let status = Status::internal("the stream of requests panicked");
            Poll::Ready(Err(SendError::Rejected(status)))
        })
    })
    .await;
    match sent {
        Ok(()) => session.finish(key),
        Err(SendError::Stopped) => {}
        Err(SendError::Rejected(status)) => {
            let error = CallError::new(status, Outcome::Unknown, Blame::Local);
            session.give_up(key, error);
        }
    }
}

fn poll_send(
    session: &Session,
    key: CallKey,
    requests: &mut RequestStream,
    compression: Compression,
    cx: &mut Context<'_>,
) -> Poll<Result<(), SendError>> {
    loop {
        // Asked before each request also when there is room, so that the task ends with its call.
        ready!(session.poll_room(key, cx))?;
        match ready!(requests.as_mut().poll_next(cx)) {
            Some(Ok(message)) => session.send(key, compress(message, compression))?,
            Some(Err(status)) => return Poll::Ready(Err(SendError::Rejected(status))),
            None => return Poll::Ready(Ok(())),
        }
    }
}
