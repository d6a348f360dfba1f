//! Why a session ended.

use std::{fmt, time::Duration};

use crate::{
    call_error::{Blame, CallError, Outcome},
    status::Status,
};

/// Why a session ended: the one reason that every call pending on it, and everyone who watches it, is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEnd {
    /// This side closed it, or dropped the last handle to it.
    Closed,
    /// This side shut down: its calls ended, or the grace that they had ran out.
    Shutdown,
    /// The same key connected again, and the newer session took over.
    Replaced,
    /// The peer's key was taken off the allow list.
    Revoked,
    /// The peer closed it.
    PeerClosed {
        /// The WebSocket close code (RFC 6455, section 7.4); 1005 where the peer gave none.
        code: u16,
        /// The peer's words; may be empty.
        reason: String,
    },
    /// The transport failed, or ended without a word, as a Go peer's does.
    Lost(String),
    /// Nothing was received for this long.
    KeepaliveTimeout(Duration),
    /// Nothing of what waits to be sent could be written for this long.
    WriteTimeout(Duration),
    /// The peer broke the protocol.
    Protocol(String),
    /// The peer sent a message over the limit to receive.
    TooBig {
        /// Bytes of the message, or of as much of it as was seen.
        size: usize,
        /// Bytes that this side receives.
        limit: usize,
    },
    /// The peer sent a text frame, where only binary ones have a meaning.
    TextFrame,
    /// The peer used more than its limits allow.
    OverLimit(String),
    /// This side's own code failed: a defect that is worth a report.
    Internal(String),
}

/// Close codes above 4000 are ours to give a meaning to.
pub(crate) mod close_code {
    pub(crate) const GOING_AWAY: u16 = 1001;
    pub(crate) const PROTOCOL: u16 = 1002;
    pub(crate) const UNSUPPORTED: u16 = 1003;
    pub(crate) const NO_STATUS: u16 = 1005;
    pub(crate) const TOO_BIG: u16 = 1009;
    pub(crate) const INTERNAL: u16 = 1011;
    pub(crate) const REPLACED: u16 = 4000;
    pub(crate) const REVOKED: u16 = 4001;
    pub(crate) const SLOW_PEER: u16 = 4002;
    pub(crate) const OVER_LIMIT: u16 = 4003;
}

impl SessionEnd {
    /// Who ended it.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Closed | Self::Shutdown | Self::Replaced | Self::Revoked | Self::Internal(_) => {
                Blame::Local
            }
            Self::PeerClosed { .. }
            | Self::Protocol(_)
            | Self::TooBig { .. }
            | Self::TextFrame
            | Self::OverLimit(_) => Blame::Remote,
            Self::Lost(_) | Self::KeepaliveTimeout(_) | Self::WriteTimeout(_) => Blame::Transport,
        }
    }

    /// What the peer is told in a close frame; `None` when it can no longer be told anything, or has said so first.
    pub(crate) fn close_code(&self) -> Option<u16> {
        match self {
            Self::Closed | Self::Shutdown => Some(close_code::GOING_AWAY),
            Self::Replaced => Some(close_code::REPLACED),
            Self::Revoked => Some(close_code::REVOKED),
            Self::Protocol(_) => Some(close_code::PROTOCOL),
            Self::TextFrame => Some(close_code::UNSUPPORTED),
            Self::TooBig { .. } => Some(close_code::TOO_BIG),
            Self::OverLimit(_) => Some(close_code::OVER_LIMIT),
            Self::Internal(_) => Some(close_code::INTERNAL),
            Self::WriteTimeout(_) => Some(close_code::SLOW_PEER),
            Self::PeerClosed { .. } | Self::Lost(_) | Self::KeepaliveTimeout(_) => None,
        }
    }

    /// What the peer is told beside the code, in words that are right from where it stands.
    pub(crate) fn close_reason(&self) -> String {
        match self {
            Self::Closed => "closed".into(),
            Self::Shutdown => "shutting down".into(),
            Self::Revoked => "your key was taken off the allow list".into(),
            Self::Protocol(what) => format!("protocol error: {what}"),
            Self::TooBig { limit, .. } => format!("a message of over {limit} bytes"),
            Self::TextFrame => "a text frame, only binary ones are understood".into(),
            Self::OverLimit(what) => format!("over the limits: {what}"),
            Self::Internal(_) => "internal error".into(),
            Self::WriteTimeout(after) => format!("you read nothing for {after:?}"),
            // The others go without a close frame, or read the same from both sides.
            end => end.to_string(),
        }
    }

    /// The failure of a call that this end cuts off.
    pub(crate) fn call_error(&self, outcome: Outcome) -> CallError {
        CallError::new(
            Status::unavailable(format!("the session ended: {self}")),
            outcome,
            self.blame(),
        )
    }
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by this side"),
            Self::Shutdown => f.write_str("this side shut down"),
            Self::Replaced => f.write_str("replaced by a newer session of the same key"),
            Self::Revoked => f.write_str("the peer's key was taken off the allow list"),
            Self::PeerClosed { code, reason } if reason.is_empty() => {
                write!(f, "the peer closed it (code {code})")
            }
            Self::PeerClosed { code, reason } => {
                write!(f, "the peer closed it: {reason} (code {code})")
            }
            Self::Lost(error) => write!(f, "the connection was lost: {error}"),
            Self::KeepaliveTimeout(after) => {
                write!(f, "nothing was received for {after:?}")
            }
            Self::WriteTimeout(after) => {
                write!(f, "the peer read nothing for {after:?}")
            }
            Self::Protocol(what) => write!(f, "the peer broke the protocol: {what}"),
            Self::TooBig { size, limit } => write!(
                f,
                "the peer sent a message of {size} bytes, over the limit of {limit} to receive"
            ),
            Self::TextFrame => {
                f.write_str("the peer sent a text frame, only binary ones are understood")
            }
            Self::OverLimit(what) => write!(f, "the peer exceeded its limits: {what}"),
            // What a panic said may hold anything, and this may reach another peer: it is in the log.
            Self::Internal(_) => f.write_str("an internal error of this side"),
        }
    }
}

impl std::error::Error for SessionEnd {}
