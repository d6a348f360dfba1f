//! Messages as they come in, on either side.

use std::{
    fmt,
    future::poll_fn,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_core::Stream;

use super::{Connector, codec};
use crate::{
    call_error::{Blame, CallError, Outcome},
    layer::{Body, Messages},
    metadata::Metadata,
    proto::{self, CallKey, Reply, Slot},
    service::MethodDescriptor,
    session::Session,
};

/// The messages of a stream, as they come in: a caller's responses, or a handler's requests.
///
/// As a [`Stream`] it yields messages until the sender is done, or an error and then nothing. The messages that came
/// before an error come first. In a handler, `?` turns the error into a [`Status`](crate::Status).
///
/// ```no_run
/// # async fn example(mut stream: wsrpc::Streaming<()>) -> Result<(), wsrpc::CallError> {
/// while let Some(message) = stream.message().await? {
///     println!("{message:?}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// A stream that nobody reads holds up its sender, and nobody else: each stream has a window of its own, which opens
/// again as messages are taken.
///
/// A stream of responses keeps the session of its client open, as a [`Channel`](crate::Channel) does.
///
/// Dropping a stream of responses before its end gives the call up: the handler at the other end stops. Dropping a
/// stream of requests only means that the handler wants no more of them.
#[must_use = "a stream of responses that is dropped gives its call up"]
pub struct Streaming<T> {
    source: Source,
    method: &'static MethodDescriptor,
    /// A message that came with the call.
    first: Option<proto::Message>,
    ended: bool,
    /// What a caller called through, to keep it.
    _connector: Option<Arc<dyn Connector>>,
    message: PhantomData<fn() -> T>,
}

/// What messages are called.
const REQUEST: &str = "request";
const RESPONSE: &str = "response";

enum Source {
    Caller(InFlight),
    Callee(Session, Slot),
    /// Of a call in layers: what is called so, and it.
    Layers(&'static str, Body),
}

/// A call that its session knows of, until it is dropped.
pub(super) struct InFlight {
    pub(super) session: Session,
    /// [`CallKey::NONE`] once the session has let go of it.
    pub(super) key: CallKey,
}

impl InFlight {
    pub(super) fn new(session: Session, key: CallKey) -> Self {
        Self { session, key }
    }

    /// The one response, once, which is put into `reply`.
    pub(super) fn poll_reply(
        &mut self,
        cx: &mut Context<'_>,
        reply: &mut Reply,
    ) -> Poll<Result<(), CallError>> {
        let replied = ready!(self.session.poll_reply(self.key, cx, reply));
        self.key = CallKey::NONE;
        Poll::Ready(replied)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.key != CallKey::NONE {
            self.session.release(self.key);
        }
    }
}

/// The responses of a call on its way into layers, which keep what it was made through.
pub(super) struct Held {
    call: InFlight,
    _connector: Arc<dyn Connector>,
}

impl Held {
    pub(super) fn new(call: InFlight, connector: Arc<dyn Connector>) -> Self {
        Self {
            call,
            _connector: connector,
        }
    }
}

impl Messages for Held {
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<proto::Message, CallError>>> {
        let next = self.call.session.poll_message(self.call.key, cx);
        next.map(Result::transpose)
    }

    fn trailers(&self) -> Option<Metadata> {
        self.call.session.trailing(self.call.key)
    }
}

impl<T> Streaming<T> {
    pub(super) fn of_caller(call: InFlight, method: &'static MethodDescriptor) -> Self {
        Self::new(Source::Caller(call), method, None)
    }

    pub(crate) fn of_callee(
        session: Session,
        slot: Slot,
        method: &'static MethodDescriptor,
        first: Option<proto::Message>,
    ) -> Self {
        Self::new(Source::Callee(session, slot), method, first)
    }

    /// The responses of a call in layers.
    pub(super) fn of_responses(body: Body, method: &'static MethodDescriptor) -> Self {
        Self::new(Source::Layers(RESPONSE, body), method, None)
    }

    /// The requests of a call in layers.
    pub(crate) fn of_requests(body: Body, method: &'static MethodDescriptor) -> Self {
        Self::new(Source::Layers(REQUEST, body), method, None)
    }

    fn new(
        source: Source,
        method: &'static MethodDescriptor,
        first: Option<proto::Message>,
    ) -> Self {
        Self {
            source,
            method,
            first,
            ended: false,
            _connector: None,
            message: PhantomData,
        }
    }

    /// The same stream, which keeps `connector` until it is dropped.
    pub(super) fn keeping(mut self, connector: Arc<dyn Connector>) -> Self {
        self._connector = Some(connector);
        self
    }

    /// The metadata that trail the responses, once the stream has ended well. A stream of requests has none.
    pub fn trailers(&self) -> Option<Metadata> {
        match &self.source {
            Source::Caller(call) => call.session.trailing(call.key),
            Source::Callee(..) => None,
            Source::Layers(_, body) => body.trailers(),
        }
    }
}

impl<T: prost::Message + Default> Streaming<T> {
    /// The next message; `None` after the last one.
    ///
    /// # Errors
    ///
    /// Why the stream ended early: a caller gets the callee's status, or one of this side's; a handler learns that its
    /// caller gave up. After an error there is nothing more.
    ///
    /// # Cancel safety
    ///
    /// No message is lost when the future is dropped.
    pub async fn message(&mut self) -> Result<Option<T>, CallError> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<T>, CallError>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        let (next, limit) = match &mut self.source {
            Source::Layers(_, body) => {
                let limit = body.limit();
                (ready!(body.poll_message(cx)).transpose(), limit)
            }
            Source::Caller(InFlight { session, key, .. }) | Source::Callee(session, key) => {
                let next = match self.first.take() {
                    // Nothing reaches a handler whose caller has been cut off.
                    Some(first) => match session.ended() {
                        None => Ok(Some(first)),
                        Some(end) => Err(end.call_error(Outcome::Unknown)),
                    },
                    None => ready!(session.poll_message(*key, cx)),
                };
                (next, session.max_recv_size())
            }
        };
        let decoded = match next {
            Ok(Some(message)) => self.decode(message, limit).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        self.ended = !matches!(decoded, Ok(Some(_)));
        Poll::Ready(decoded)
    }

    fn decode(&mut self, message: proto::Message, limit: usize) -> Result<T, CallError> {
        codec::decode(message, limit).map_err(|error| {
            let what = match &self.source {
                Source::Caller(_) => RESPONSE,
                Source::Callee(..) => REQUEST,
                Source::Layers(what, _) => what,
            };
            let status = error.into_status(what, self.method);
            let outcome = match what {
                RESPONSE => Outcome::Ran,
                _ => Outcome::Unknown,
            };
            let error = CallError::new(status, outcome, Blame::Remote);
            match &mut self.source {
                Source::Caller(call) => call.session.give_up(call.key, error.clone()),
                Source::Callee(..) => {}
                Source::Layers(_, body) => *body = Body::empty(),
            }
            error
        })
    }
}

impl<T: prost::Message + Default> Stream for Streaming<T> {
    type Item = Result<T, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_message(cx).map(Result::transpose)
    }
}

impl<T> fmt::Debug for Streaming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming")
            .field("method", &format_args!("{}", self.method))
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
