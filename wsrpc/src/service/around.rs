//! A call between the layers and interceptors around its handler.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::Extensions;
use tokio::time::timeout_at;

use super::{HandlerFuture, Handover, IncomingCall, MethodDescriptor, Origin};
use crate::{
    call_error::{CallError, Outcome},
    layer::{Body, CallHead, Callee, Messages},
    metadata::Metadata,
    proto::{self, Refusal, Slot},
    session::{Session, current_scope, in_scope},
    status::Status,
};

impl IncomingCall {
    /// A call that has passed the layers around its handler.
    pub(super) fn of_layers(
        method: &'static MethodDescriptor,
        callee: &Callee,
        handover: Option<Arc<Handover>>,
        body: Body,
    ) -> Self {
        let (first, rest) = if method.kind().streams_requests() {
            (None, Some(Box::new(body)))
        } else {
            match body.into_message() {
                Ok(Some(first)) => (Some(first), None),
                Ok(None) => (None, Some(Box::new(Body::empty()))),
                Err(body) => (None, Some(Box::new(body))),
            }
        };
        Self {
            method,
            metadata: Metadata::new(),
            last: first.is_some(),
            first,
            rest,
            handover,
            extensions: Extensions::new(),
            origin: callee.origin.clone(),
            compression: callee.compression,
        }
    }

    /// What interceptors and layers see, without the requests.
    pub(super) fn take_head(&mut self) -> CallHead {
        CallHead::new(
            self.method,
            Some(self.origin.session.peer()),
            std::mem::take(&mut self.metadata),
            self.origin.deadline,
        )
        .with_extensions(std::mem::take(&mut self.extensions))
    }

    /// What they have made of it.
    pub(super) fn put_head(mut self, head: CallHead) -> Self {
        (self.metadata, self.origin.deadline, self.extensions) = head.into_parts();
        self
    }

    /// The requests, as layers see them.
    pub(super) fn into_body(self) -> Body {
        let limit = self.origin.session.max_recv_size();
        match (self.rest, self.first) {
            (Some(rest), _) => *rest,
            (None, Some(first)) if self.last && !self.method.kind().streams_requests() => {
                Body::of_message(first).with_limit(limit)
            }
            (None, first) => {
                let Origin { session, slot, .. } = self.origin;
                Body::of_messages(
                    Arriving {
                        session,
                        slot,
                        first,
                    },
                    limit,
                )
            }
        }
    }

    /// Runs the handler until the call's deadline, where an interceptor or a layer has brought that forward.
    pub(super) fn run(self, handler: impl FnOnce(Self) -> HandlerFuture) -> HandlerFuture {
        let deadline = self.origin.deadline;
        let handler = handler(self);
        let scope = current_scope();
        match deadline {
            Some(deadline) if scope.deadline != Some(deadline) => {
                HandlerFuture::new(in_scope(scope.until(deadline), async move {
                    let answered = timeout_at(deadline, handler.0).await;
                    answered.unwrap_or_else(|_| Err(Refusal::ByUs(too_late())))
                }))
            }
            _ => handler,
        }
    }
}

/// The requests of a call as they come in.
struct Arriving {
    session: Session,
    slot: Slot,
    first: Option<proto::Message>,
}

impl Messages for Arriving {
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<proto::Message, CallError>>> {
        match self.first.take() {
            // Nothing reaches a handler whose caller has been cut off.
            Some(first) => Poll::Ready(Some(match self.session.ended() {
                None => Ok(first),
                Some(end) => Err(end.call_error(Outcome::Unknown)),
            })),
            None => self
                .session
                .poll_message(self.slot, cx)
                .map(Result::transpose),
        }
    }
}

fn too_late() -> Status {
    Status::deadline_exceeded("the deadline that this side set has passed")
}
