//! Requests on their way into a tonic channel.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::oneshot;

use crate::{
    call_error::{Blame, CallError, Outcome},
    layer::Body,
};

/// The requests of one call, in the hands of the transport: it may hold them for longer than the call lasts.
///
/// A call that is given up tears its requests, and so resets its stream. If they only ended, the server would take
/// them for all; if they just stayed, the stream would stay open with them.
pub(super) struct Requests {
    body: Body,
    /// To the call; none once the requests are torn.
    broken: Option<oneshot::Sender<CallError>>,
}

impl Requests {
    pub(super) fn new(body: Body) -> (Self, Broken) {
        let (sender, receiver) = oneshot::channel();
        let broken = Some(sender);
        (Self { body, broken }, Broken(Some(receiver)))
    }
}

impl Stream for Requests {
    type Item = Result<Bytes, tonic::Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(broken) = &mut this.broken else {
            return Poll::Ready(None);
        };
        if broken.poll_closed(cx).is_ready() {
            this.broken = None;
        } else {
            match ready!(Pin::new(&mut this.body).poll_next(cx)) {
                None => return Poll::Ready(None),
                Some(Ok(message)) => return Poll::Ready(Some(Ok(message))),
                Some(Err(error)) => {
                    if let Some(broken) = this.broken.take() {
                        let error = CallError::new(error.into(), Outcome::Unknown, Blame::Local);
                        let _ = broken.send(error);
                    }
                }
            }
        }
        let status = tonic::Status::cancelled("the call is given up");
        Poll::Ready(Some(Err(status)))
    }
}

/// Why the requests broke off, if they do.
pub(super) struct Broken(Option<oneshot::Receiver<CallError>>);

impl Broken {
    pub(super) fn poll_error(&mut self, cx: &mut Context<'_>) -> Poll<CallError> {
        if let Some(receiver) = &mut self.0 {
            match ready!(Pin::new(receiver).poll(cx)) {
                Ok(error) => return Poll::Ready(error),
                // The requests have ended well, or nobody wants them.
                Err(_) => self.0 = None,
            }
        }
        Poll::Pending
    }

    pub(super) async fn error(&mut self) -> CallError {
        std::future::poll_fn(|cx| self.poll_error(cx)).await
    }
}
