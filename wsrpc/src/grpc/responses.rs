//! Responses on their way out of a tonic channel.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{heard::Heard, metadata::from_headers, requests::Broken, status::call_error};
use crate::{
    call_error::{Blame, CallError, Outcome},
    layer::Messages,
    metadata::Metadata,
    proto::{self, deadline_exceeded},
    status::Status,
};

/// The responses of one call. Dropping them resets its stream.
pub(super) struct Responses {
    streaming: tonic::Streaming<Bytes>,
    heard: Heard,
    broken: Broken,
    deadline: Option<Pin<Box<Sleep>>>,
    trailers: Option<Metadata>,
}

impl Responses {
    pub(super) fn new(
        streaming: tonic::Streaming<Bytes>,
        heard: Heard,
        broken: Broken,
        deadline: Option<Instant>,
    ) -> Self {
        Self {
            streaming,
            heard,
            broken,
            deadline: deadline.map(|deadline| Box::pin(sleep_until(deadline))),
            trailers: None,
        }
    }

    /// Takes the trailers, which have come with the end.
    fn end(&mut self, cx: &mut Context<'_>) -> Option<Result<proto::Message, CallError>> {
        if !self.heard.status() {
            let status = Status::unknown("the response ended without a status");
            return Some(Err(CallError::new(
                status,
                Outcome::Unknown,
                Blame::Transport,
            )));
        }
        if let Poll::Ready(Ok(Some(trailers))) = pin!(self.streaming.trailers()).poll(cx) {
            self.trailers = Some(from_headers(&trailers.into_headers()));
        }
        None
    }
}

impl Messages for Responses {
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<proto::Message, CallError>>> {
        // First, for torn requests are the cause of what the transport says next.
        if let Poll::Ready(error) = self.broken.poll_error(cx) {
            return Poll::Ready(Some(Err(error)));
        }
        if let Poll::Ready(next) = Pin::new(&mut self.streaming).poll_next(cx) {
            return Poll::Ready(match next {
                Some(Ok(message)) => Some(Ok(message.into())),
                Some(Err(status)) => Some(Err(call_error(&status, self.heard.status()))),
                None => self.end(cx),
            });
        }
        if let Some(deadline) = &mut self.deadline {
            ready!(deadline.as_mut().poll(cx));
            return Poll::Ready(Some(Err(deadline_exceeded(Outcome::Unknown))));
        }
        Poll::Pending
    }

    fn trailers(&self) -> Option<Metadata> {
        self.trailers.clone()
    }
}
