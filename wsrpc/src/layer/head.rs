//! What is known of a call beside its messages.

use std::{fmt, sync::Arc};

use http::Extensions;
use tokio::time::Instant;

use super::{Errors, Side};
use crate::{
    call::CallOptions,
    compression::Compression,
    identity::PublicKey,
    metadata::Metadata,
    service::{MethodDescriptor, Origin, Service},
};

/// What is known of a call beside its messages: what interceptors see, and may change.
#[derive(Clone)]
pub struct CallHead {
    method: &'static MethodDescriptor,
    peer: Option<PublicKey>,
    metadata: Metadata,
    deadline: Option<Instant>,
    extensions: Extensions,
    /// How a caller's own call is to be made.
    pub(crate) options: Option<CallOptions>,
    /// Where a callee's handler is.
    pub(crate) callee: Option<Callee>,
    /// Made only once there are layers.
    errors: Option<Errors>,
}

/// A handler that a call is on its way to.
#[derive(Clone)]
pub(crate) struct Callee {
    pub(crate) origin: Origin,
    pub(crate) service: Arc<dyn Service>,
    /// Of the method in the service's descriptor.
    pub(crate) index: usize,
    /// Of its responses, unless they say it themselves.
    pub(crate) compression: Compression,
}

impl CallHead {
    pub(crate) fn new(
        method: &'static MethodDescriptor,
        peer: Option<PublicKey>,
        metadata: Metadata,
        deadline: Option<Instant>,
    ) -> Self {
        Self {
            method,
            peer,
            metadata,
            deadline,
            extensions: Extensions::new(),
            options: None,
            callee: None,
            errors: None,
        }
    }

    pub(crate) fn with_extensions(mut self, extensions: Extensions) -> Self {
        self.extensions = extensions;
        self
    }

    pub(crate) fn into_parts(self) -> (Metadata, Option<Instant>, Extensions) {
        (self.metadata, self.deadline, self.extensions)
    }

    /// The method: its names and its kind. It displays as `ping.Ping/Ping`.
    pub fn method(&self) -> &'static MethodDescriptor {
        self.method
    }

    /// The peer's key. On a server, the caller's, which is always there. On a client, the callee's, where it is known
    /// before there is a session: on channels of a key and of a request.
    pub fn peer(&self) -> Option<PublicKey> {
        self.peer
    }

    /// What goes beside the request.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The same, to change it.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// When the call is to be done, by this side's clock. `None` if nobody said.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Brings the deadline forward. One that is later than what is there changes nothing.
    ///
    /// On a client the callee learns of it; on a server the handler does, and is stopped then. A wait in layers outside
    /// of this one is not cut short by it.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(match self.deadline {
            Some(known) => known.min(deadline),
            None => deadline,
        });
    }

    /// Values of any types. On a server, the handler finds them in [`Request::extensions`](crate::Request::extensions).
    /// They never leave this process.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The same, to change them.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// What the errors of this call's layers are turned into.
    pub(crate) fn errors(&mut self) -> Errors {
        let side = match self.callee {
            Some(_) => Side::Callee,
            None => Side::Caller,
        };
        self.errors.get_or_insert_with(|| Errors::new(side)).clone()
    }

    pub(crate) fn set_errors(&mut self, errors: Errors) {
        self.errors = Some(errors);
    }
}

impl fmt::Debug for CallHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallHead")
            .field("method", &format_args!("{}", self.method))
            .field("peer", &self.peer)
            .field("metadata", &self.metadata)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
