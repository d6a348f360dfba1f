//! Requests and responses as handlers and callers see them.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use crate::{call::Channel, identity::PublicKey, session::Session};

/// Who makes a call, and over which session.
#[derive(Clone)]
pub(crate) struct CallContext {
    pub(crate) session: Session,
}

/// A call as its handler sees it: the message, who sent it, and the way back to them.
///
/// The message's fields are in reach without a detour: `request.body`.
pub struct Request<T> {
    message: T,
    context: CallContext,
}

impl<T> Request<T> {
    pub(crate) fn new(message: T, context: CallContext) -> Self {
        Self { message, context }
    }

    /// The key of the peer that makes the call, proven by its TLS handshake.
    pub fn peer(&self) -> PublicKey {
        self.context.session.peer()
    }

    /// A channel to call the caller back on, over the session that the call came in on. When that session ends, calls
    /// on it fail, and are not made on a later session of the same key.
    pub fn channel(&self) -> Channel {
        Channel::of_session(self.context.session.clone())
    }

    /// The message.
    pub fn get_ref(&self) -> &T {
        &self.message
    }

    /// The message alone.
    pub fn into_inner(self) -> T {
        self.message
    }

    /// The same call with another message.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Request<U> {
        Request::new(f(self.message), self.context)
    }
}

impl<T> Deref for Request<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.message
    }
}

impl<T: fmt::Debug> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("peer", &self.peer())
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
}

impl<T> Response<T> {
    /// Answers with `message`.
    pub fn new(message: T) -> Self {
        Self { message }
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
        Response::new(f(self.message))
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
