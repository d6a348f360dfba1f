//! Why a client is not connected.

use std::{sync::Arc, time::Duration};

use super::InvalidEndpoint;
use crate::{
    identity::PublicKey,
    service::ServiceError,
    session_end::SessionEnd,
    version::{InvalidVersions, ProtocolVersion},
};

/// Why a client is not connected.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address cannot be understood.
    #[error(transparent)]
    Endpoint(#[from] InvalidEndpoint),
    /// The services cannot be served together.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// There is no version of the protocol between `min_version` and `max_version`.
    #[error(transparent)]
    Versions(#[from] InvalidVersions),
    /// The identity's signer failed, or signs with another key than it says.
    #[error("{0}")]
    Identity(String),
    /// The address cannot be resolved or reached.
    #[error("cannot reach {endpoint}: {error}")]
    Unreachable {
        /// The address.
        endpoint: String,
        /// What the system says.
        error: Arc<std::io::Error>,
    },
    /// The server refused this client's key: it is not on the server's allow list.
    #[error(
        "the server at {endpoint} refused the key {key}: have it added to the server's allow list"
    )]
    KeyRefused {
        /// This client's key.
        key: PublicKey,
        /// The address.
        endpoint: String,
    },
    /// The server's key is not one of those that this client accepts.
    #[error(
        "the server at {endpoint} has the key {key}, which is not one that this client accepts: \
         check the address and the server's key"
    )]
    WrongServer {
        /// The server's key.
        key: PublicKey,
        /// The address.
        endpoint: String,
    },
    /// The TLS handshake failed in another way.
    #[error("the TLS handshake with {endpoint} failed: {reason}")]
    Tls {
        /// The address.
        endpoint: String,
        /// How it failed.
        reason: String,
    },
    /// The server did not upgrade the connection to a WebSocket.
    #[error("the upgrade by {endpoint} failed: {reason}")]
    Upgrade {
        /// The address.
        endpoint: String,
        /// The HTTP status, where the server answered with one.
        status: Option<u16>,
        /// What was wrong.
        reason: String,
    },
    /// The server speaks no version of the protocol that is late enough for this client. It is dialled again, for it may
    /// be updated meanwhile.
    #[error(
        "the server at {endpoint} speaks version {agreed} of the protocol, and this client wants version {min}: \
         update the server, or lower the client's `min_version`"
    )]
    VersionTooOld {
        /// The version that the server agreed on.
        agreed: ProtocolVersion,
        /// The least that this client takes.
        min: ProtocolVersion,
        /// The address.
        endpoint: String,
    },
    /// An attempt took too long.
    #[error("the connection to {endpoint} did not stand within {after:?}")]
    HandshakeTimeout {
        /// The address.
        endpoint: String,
        /// The limit of one attempt.
        after: Duration,
    },
    /// `connect` reached its deadline.
    #[error("not connected within {after:?}; {}", last_attempt(.last.as_deref()))]
    Timeout {
        /// The deadline.
        after: Duration,
        /// How the last attempt failed, if one was finished.
        last: Option<Box<ConnectError>>,
    },
    /// The last session ended.
    #[error("the session ended: {0}")]
    SessionEnded(SessionEnd),
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
}

impl ConnectError {
    /// Whether the two sides do not accept each other's keys, which no amount of trying will change.
    pub fn is_refusal(&self) -> bool {
        // A key that is removed while its client connects is refused by the upgrade, with 403.
        matches!(
            self,
            Self::KeyRefused { .. }
                | Self::WrongServer { .. }
                | Self::Upgrade {
                    status: Some(403),
                    ..
                }
        )
    }
}

fn last_attempt(last: Option<&ConnectError>) -> String {
    match last {
        Some(error) => format!("the last attempt: {error}"),
        None => "no attempt was finished".into(),
    }
}

debug_as_display!(ConnectError);
