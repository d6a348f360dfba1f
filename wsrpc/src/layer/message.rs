//! Calls and answers as layers see them.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use super::{Body, CallHead};
use crate::{metadata::Metadata, service::MethodDescriptor};

/// A call as a layer sees it, on either side: its [head](CallHead), which is in reach without a detour, and its
/// requests.
///
/// ```
/// # use wsrpc::{layer::CallRequest, MetadataError};
/// fn stamp(request: &mut CallRequest) -> Result<(), MetadataError> {
///     request.metadata_mut().insert("x-zone", "north")
/// }
/// ```
pub struct CallRequest {
    head: CallHead,
    body: Body,
}

impl CallRequest {
    /// A call of `method`, for a [`Channel`](crate::Channel), which is a `tower::Service` of such calls.
    ///
    /// `body` has the one request, or the stream of requests, as the method's kind says.
    pub fn new(method: &'static MethodDescriptor, body: Body) -> Self {
        Self::from_parts(CallHead::new(method, None, Metadata::new(), None), body)
    }

    /// What is known of the call beside its requests.
    pub fn head(&self) -> &CallHead {
        &self.head
    }

    /// The same, to change it.
    pub fn head_mut(&mut self) -> &mut CallHead {
        &mut self.head
    }

    /// The requests, encoded.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The same, to change them.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// Takes it apart.
    pub fn into_parts(self) -> (CallHead, Body) {
        (self.head, self.body)
    }

    /// Puts it together again.
    pub fn from_parts(head: CallHead, body: Body) -> Self {
        Self { head, body }
    }

    /// The same call once more, for a layer that makes it again. `None` if its requests are a stream.
    pub fn try_clone(&self) -> Option<Self> {
        // What the two come to is counted together.
        Some(Self::from_parts(self.head.clone(), self.body.try_clone()?))
    }
}

impl Deref for CallRequest {
    type Target = CallHead;

    fn deref(&self) -> &CallHead {
        &self.head
    }
}

impl DerefMut for CallRequest {
    fn deref_mut(&mut self) -> &mut CallHead {
        &mut self.head
    }
}

impl fmt::Debug for CallRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallRequest")
            .field("head", &self.head)
            .field("body", &self.body)
            .finish()
    }
}

/// The answer to a call as a layer sees it, on either side: metadata and responses.
#[derive(Debug)]
pub struct CallResponse {
    metadata: Metadata,
    body: Body,
}

impl CallResponse {
    /// Answers with `body`: the one response, or the stream of responses, as the method's kind says.
    pub fn new(body: Body) -> Self {
        Self::from_parts(Metadata::new(), body)
    }

    /// What is beside the one response, or before the first of many.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The same, to change it.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// The responses, encoded.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The same, to change them.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// Takes it apart.
    pub fn into_parts(self) -> (Metadata, Body) {
        (self.metadata, self.body)
    }

    /// Puts it together.
    pub fn from_parts(metadata: Metadata, body: Body) -> Self {
        Self { metadata, body }
    }
}
