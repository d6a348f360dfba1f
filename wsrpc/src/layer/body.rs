//! The messages of a call, encoded.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;

use super::{BoxError, of_answer};
use crate::{
    call::codec,
    call_error::{Blame, CallError, Outcome},
    metadata::Metadata,
    proto,
    session::lock,
    status::Status,
};

/// The messages of a call in one direction, encoded: one, or a stream of them.
///
/// Most layers leave it as it is. One that needs the messages reads it, as a [`Stream`] or with
/// [`message`](Self::message), or [maps](Self::map) them. It is lazy: the messages of a stream are encoded as they are
/// taken, and none is decoded before it has passed the layers.
///
/// Dropping the body of a stream of responses gives its call up.
#[must_use = "a body that is dropped may give its call up"]
pub struct Body {
    source: Source,
    /// Bytes that a message may have once it is inflated.
    limit: usize,
    ended: bool,
}

enum Source {
    /// One message, or none.
    One(Option<proto::Message>),
    /// Never locked while it is read: the lock lets futures of users hold a `&Body`.
    Stream(Mutex<Box<dyn Messages>>),
}

/// Where messages come from.
pub(crate) trait Messages: Send {
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<proto::Message, CallError>>>;

    /// What trails the messages, after the last.
    fn trailers(&self) -> Option<Metadata> {
        None
    }
}

impl Body {
    /// No messages.
    pub fn empty() -> Self {
        Self::new(Source::One(None))
    }

    /// One message, encoded.
    pub fn from_message(message: impl Into<Bytes>) -> Self {
        Self::of_message(message.into().into())
    }

    /// What `stream` yields: encoded messages, and an error that ends the call.
    ///
    /// An error becomes what a [layer's](super#errors) does.
    pub fn from_stream<E: Into<BoxError>>(
        stream: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Self {
        Self::of_messages(FromStream(Box::pin(stream)), usize::MAX)
    }

    pub(crate) fn of_message(message: proto::Message) -> Self {
        Self::new(Source::One(Some(message)))
    }

    /// Messages that have at most `limit` bytes once they are inflated.
    pub(crate) fn of_messages(messages: impl Messages + 'static, limit: usize) -> Self {
        Self::new(Source::Stream(Mutex::new(Box::new(messages)))).with_limit(limit)
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            limit: usize::MAX,
            ended: false,
        }
    }

    pub(crate) fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The same messages, and after the last of them the metadata that `trailers` gives then: for the responses of a
    /// method that streams them.
    pub fn with_trailers(self, trailers: impl Fn() -> Option<Metadata> + Send + 'static) -> Self {
        let limit = self.limit;
        Self::of_messages(Trailed(self, Box::new(trailers)), limit)
    }

    /// The same number of messages, each changed by `change`, which may end the call instead. What trails them stays.
    pub fn map(
        self,
        mut change: impl FnMut(Bytes) -> Result<Bytes, Status> + Send + 'static,
    ) -> Self {
        let limit = self.limit;
        let mut change = move |message| {
            let plain = plain(message, limit)?;
            change(plain).map(proto::Message::from).map_err(by_us)
        };
        match self.source {
            Source::One(None) => self,
            Source::One(Some(message)) => match change(message) {
                Ok(message) => Self::of_message(message),
                Err(error) => Self::of_messages(Failed(Some(error)), limit),
            },
            Source::Stream(_) => Self::of_messages(Mapped(self, Box::new(change)), usize::MAX),
        }
    }

    /// Bytes of all messages, encoded; `None` for a stream, of which that is not known.
    pub fn size(&self) -> Option<usize> {
        match &self.source {
            Source::One(None) => Some(0),
            Source::One(Some(message)) => match message.inflated {
                Some(inflated) => usize::try_from(inflated.get()).ok(),
                None => Some(message.payload.len()),
            },
            Source::Stream(_) => None,
        }
    }

    /// The same message once more; `None` for a stream.
    pub fn try_clone(&self) -> Option<Self> {
        match &self.source {
            Source::One(message) => Some(Self {
                source: Source::One(message.clone()),
                ..*self
            }),
            Source::Stream(_) => None,
        }
    }

    /// The next message; `None` after the last one.
    ///
    /// # Errors
    ///
    /// Why the messages ended early. There is nothing after that.
    ///
    /// # Cancel safety
    ///
    /// No message is lost when the future is dropped.
    pub async fn message(&mut self) -> Result<Option<Bytes>, CallError> {
        poll_fn(|cx| self.poll_plain(cx)).await.transpose()
    }

    /// The metadata that trail the messages, once they have ended well.
    pub fn trailers(&self) -> Option<Metadata> {
        match &self.source {
            Source::Stream(messages) if self.ended => lock(messages).trailers(),
            _ => None,
        }
    }

    /// The next message as it came, compressed or not.
    pub(crate) fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<proto::Message, CallError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = match &mut self.source {
            Source::One(message) => message.take().map(Ok),
            Source::Stream(messages) => {
                let messages = messages.get_mut().unwrap_or_else(PoisonError::into_inner);
                ready!(messages.poll_message(cx))
            }
        };
        match &next {
            Some(Ok(_)) => {}
            Some(Err(_)) => *self = Self::empty(),
            None => self.ended = true,
        }
        Poll::Ready(next)
    }

    fn poll_plain(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        let limit = self.limit;
        let next = ready!(self.poll_message(cx));
        Poll::Ready(next.map(|message| plain(message?, limit)))
    }

    /// The one message that is already here.
    pub(crate) fn into_message(self) -> Result<Option<proto::Message>, Self> {
        match self.source {
            Source::One(message) => Ok(message),
            Source::Stream(_) => Err(self),
        }
    }

    /// Waits for the one message, of what is called `what`.
    pub(crate) async fn only_message(self, what: &str) -> Result<proto::Message, CallError> {
        let mut body = match self.into_message() {
            Ok(Some(message)) => return Ok(message),
            Ok(None) => return Err(by_us(Status::internal(format!("no {what} came")))),
            Err(body) => body,
        };
        let mut next = async || poll_fn(|cx| body.poll_message(cx)).await.transpose();
        match (next().await?, next().await?) {
            (Some(message), None) => Ok(message),
            (None, _) => Err(by_us(Status::internal(format!("no {what} came")))),
            (Some(_), Some(_)) => {
                let status = Status::internal(format!("more than one {what} came"));
                Err(by_us(status))
            }
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl Stream for Body {
    type Item = Result<Bytes, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_plain(cx)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.size() {
            Some(size) => write!(f, "Body({size} bytes)"),
            None => f.write_str("Body(a stream)"),
        }
    }
}

/// An end that this side makes.
fn by_us(status: Status) -> CallError {
    CallError::new(status, Outcome::Unknown, Blame::Local)
}

fn plain(message: proto::Message, limit: usize) -> Result<Bytes, CallError> {
    codec::plain(message, limit).map_err(|error| {
        by_us(Status::internal(format!(
            "the payload cannot be read: {error}"
        )))
    })
}

struct FromStream<S>(Pin<Box<S>>);

impl<S, E> Messages for FromStream<S>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: Into<BoxError>,
{
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<proto::Message, CallError>>> {
        let next = ready!(self.0.as_mut().poll_next(cx));
        Poll::Ready(next.map(|message| message.map(proto::Message::from).map_err(amid_a_call)))
    }
}

fn amid_a_call(error: impl Into<BoxError>) -> CallError {
    let error = of_answer(error);
    if error.outcome().is_safe_to_retry() {
        // That is of another call.
        return by_us(error.into());
    }
    error
}

struct Trailed(Body, Box<dyn Fn() -> Option<Metadata> + Send>);

impl Messages for Trailed {
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<proto::Message, CallError>>> {
        self.0.poll_message(cx)
    }

    fn trailers(&self) -> Option<Metadata> {
        (self.1)()
    }
}

type Change = Box<dyn FnMut(proto::Message) -> Result<proto::Message, CallError> + Send>;

struct Mapped(Body, Change);

impl Messages for Mapped {
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<proto::Message, CallError>>> {
        let next = ready!(self.0.poll_message(cx));
        Poll::Ready(next.map(|message| (self.1)(message?)))
    }

    fn trailers(&self) -> Option<Metadata> {
        self.0.trailers()
    }
}

struct Failed(Option<CallError>);

impl Messages for Failed {
    fn poll_message(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<proto::Message, CallError>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}
