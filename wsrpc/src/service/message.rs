//! Requests and responses as handlers and callers see them.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use http::Extensions;
use tokio::time::Instant;

use super::Trailers;
use crate::{
    call::Channel, compression::Compression, identity::PublicKey, metadata::Metadata, proto::Slot,
    session::Session,
};

/// Where a call comes from, and until when it is to be answered.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) session: Session,
    pub(crate) slot: Slot,
    pub(crate) deadline: Option<Instant>,
}

/// A call as its handler sees it: the message, who sent it, and the way back to them.
///
/// The message's fields are in reach without a detour: `request.body`.
pub struct Request<T> {
    message: T,
    metadata: Metadata,
    extensions: Extensions,
    origin: Origin,
}

impl<T> Request<T> {
    pub(crate) fn received(
        message: T,
        metadata: Metadata,
        extensions: Extensions,
        origin: Origin,
    ) -> Self {
        Self {
            message,
            metadata,
            extensions,
            origin,
        }
    }

    /// The key of the peer that makes the call, proven by its TLS handshake.
    pub fn peer(&self) -> PublicKey {
        self.origin.session.peer()
    }

    /// A channel to call the caller back on, over the session that the call came in on. When that session ends, calls
    /// on it fail, and are not made on a later session of the same key.
    pub fn channel(&self) -> Channel {
        Channel::of_session(self.origin.session.clone())
    }

    /// What the caller sent beside the message.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// When the caller stops waiting, by this side's clock; `None` if it did not say. The handler is stopped then, and
    /// calls that it makes inherit the deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.origin.deadline
    }

    /// Resolves once one of the two sides shuts down, or the session has ended. A stream that would go on for ever ends
    /// then, or it holds the shutdown up until the grace is over, which cuts it off.
    ///
    /// The future can be kept and awaited elsewhere, and does not keep the request.
    pub fn going_away(&self) -> impl Future<Output = ()> + Send + use<T> {
        let session = self.origin.session.clone();
        async move { session.draining().await }
    }

    /// What [layers and interceptors](crate::layer) left for the handler, by its type. Empty without any.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The same, to change it, or to take a value out.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// The message.
    pub fn get_ref(&self) -> &T {
        &self.message
    }

    /// The message, to change it.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.message
    }

    /// The message alone.
    pub fn into_inner(self) -> T {
        self.message
    }

    /// The same call with another message.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Request<U> {
        Request::received(f(self.message), self.metadata, self.extensions, self.origin)
    }
}

impl<T> Deref for Request<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.message
    }
}

impl<T> DerefMut for Request<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.message
    }
}

impl<T: fmt::Debug> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("peer", &self.peer())
            .field("metadata", &self.metadata)
            .field("message", &self.message)
            .finish()
    }
}

/// The answer to a call, as its handler gives it and its caller gets it.
///
/// The message's fields are in reach without a detour: `response.body`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response<T> {
    message: T,
    metadata: Metadata,
    /// Boxed, for a response is moved at each step of a call, and few have these.
    extras: Option<Box<Extras>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Extras {
    trailers: Option<Trailers>,
    /// `None` is as the service has it.
    compression: Option<Compression>,
}

impl<T> Response<T> {
    /// Answers with `message`.
    pub fn new(message: T) -> Self {
        Self::from_parts(message, Metadata::new())
    }

    pub(crate) fn from_parts(message: T, metadata: Metadata) -> Self {
        Self {
            message,
            metadata,
            extras: None,
        }
    }

    pub(crate) fn into_parts(self) -> (T, Metadata, Option<Trailers>) {
        let trailers = self.extras.and_then(|extras| extras.trailers);
        (self.message, self.metadata, trailers)
    }

    /// Sends `metadata` beside the message. Version 1 of the wire drops them.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Sends what is in `trailers` once the answer is complete: for a stream of responses, whose end tells what its
    /// beginning cannot know. Version 1 of the wire drops them.
    pub fn with_trailers(mut self, trailers: &Trailers) -> Self {
        self.extras.get_or_insert_default().trailers = Some(trailers.clone());
        self
    }

    /// Sends the message, or all those of a stream, compressed like this. Default: not compressed, unless the service is
    /// [wrapped](Compression) so.
    pub fn compress(mut self, compression: Compression) -> Self {
        self.extras.get_or_insert_default().compression = Some(compression);
        self
    }

    /// What was asked for, if anything was.
    pub(crate) fn compression(&self) -> Option<Compression> {
        self.extras.as_ref()?.compression
    }

    /// What is sent, or came, beside the message; of a stream, what comes before its messages.
    ///
    /// A caller that gets one message gets all metadata here, the callee's [`Trailers`] after the others. Of a stream,
    /// those come in [`Streaming::trailers`](crate::Streaming::trailers).
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The same, to change it.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// The message.
    pub fn get_ref(&self) -> &T {
        &self.message
    }

    /// The message, to change it.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.message
    }

    /// The message alone.
    pub fn into_inner(self) -> T {
        self.message
    }

    /// The same answer with another message.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Response<U> {
        Response {
            message: f(self.message),
            metadata: self.metadata,
            extras: self.extras,
        }
    }
}

impl<T> From<T> for Response<T> {
    fn from(message: T) -> Self {
        Self::new(message)
    }
}

impl<T> Deref for Response<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.message
    }
}

impl<T> DerefMut for Response<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.message
    }
}
