//! A handler's stream of responses, as the body that layers see.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use super::HandlerFuture;
use crate::{
    call_error::{Blame, CallError, Outcome},
    layer::Messages,
    metadata::Metadata,
    proto::{self, Answer, Refusal},
    session::lock,
};

/// Where a handler puts its next response, for the [`Handling`] that runs it to take.
///
/// Nobody is woken: who takes is who runs the handler, and does so whenever there is nothing to take.
#[derive(Default)]
pub(crate) struct Handover(Mutex<Given>);

#[derive(Default)]
struct Given {
    head: Option<Metadata>,
    message: Option<proto::Message>,
}

impl Handover {
    pub(super) fn give_head(&self, metadata: Metadata) {
        lock(&self.0).head = Some(metadata);
    }

    pub(super) fn give(&self, message: proto::Message) {
        lock(&self.0).message = Some(message);
    }

    /// Whether there is room for a response.
    pub(super) fn is_empty(&self) -> bool {
        let given = lock(&self.0);
        given.head.is_none() && given.message.is_none()
    }
}

/// A handler at work, which runs as far as its responses are asked for.
pub(super) struct Handling {
    /// Until it has ended.
    handler: Option<HandlerFuture>,
    handover: Arc<Handover>,
    trailers: Metadata,
}

impl Handling {
    pub(super) fn new(handler: HandlerFuture, handover: Arc<Handover>) -> Self {
        Self {
            handler: Some(handler),
            handover,
            trailers: Metadata::new(),
        }
    }

    /// Runs the handler until its responses begin. Returns the metadata before them.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Metadata, Refusal>> {
        self.poll_given(cx, |given| given.head.take())
            .map_ok(Option::unwrap_or_default)
    }

    fn poll_given<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Given) -> Option<T>,
    ) -> Poll<Result<Option<T>, Refusal>> {
        let mut take = |handover: &Handover| take(&mut lock(&handover.0));
        if let Some(taken) = take(&self.handover) {
            return Poll::Ready(Ok(Some(taken)));
        }
        let Some(handler) = &mut self.handler else {
            return Poll::Ready(Ok(None));
        };
        let ended = handler.0.as_mut().poll(cx);
        if let Poll::Ready(answered) = ended {
            self.handler = None;
            let Answer { message, metadata } = answered?;
            self.trailers = metadata;
            if let Some(message) = message {
                self.handover.give(message);
            }
        }
        match take(&self.handover) {
            Some(taken) => Poll::Ready(Ok(Some(taken))),
            None if self.handler.is_some() => Poll::Pending,
            None => Poll::Ready(Ok(None)),
        }
    }
}

impl Messages for Handling {
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<proto::Message, CallError>>> {
        self.poll_given(cx, |given| given.message.take())
            .map_err(to_layers)
            .map(Result::transpose)
    }

    fn trailers(&self) -> Option<Metadata> {
        Some(self.trailers.clone())
    }
}

/// A handler's failure as layers see it.
pub(super) fn to_layers(refusal: Refusal) -> CallError {
    let (status, outcome) = match refusal {
        Refusal::ByHandler(status) => (status, Outcome::Ran),
        Refusal::ByUs(status) => (status, Outcome::Unknown),
        Refusal::NotStarted(status) => (status, Outcome::Refused),
    };
    CallError::new(status, outcome, Blame::Local)
}
