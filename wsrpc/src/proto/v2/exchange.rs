//! A call, as one of its sides holds it.

use std::time::Instant;

use super::{
    receive::{Freed, ReceiveHalf},
    send::SendHalf,
};
use crate::{
    call_error::{Blame, CallError, Outcome},
    metadata::Metadata,
    proto::MethodName,
    status::Status,
};

/// A call, as one of its sides holds it. What few calls have is boxed in its parts: thousands may be in flight, and most
/// are looked at only when they begin and when they end.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) sequence: u32,
    /// Its id on the wire; 0 before it has one.
    pub(super) id: u64,
    pub(super) role: Role,
    pub(super) send: SendHalf,
    pub(super) receive: ReceiveHalf,
    pub(super) deadline: Option<Instant>,
    /// It is among those that have something to send.
    pub(super) scheduled: bool,
    /// A credit frame for it is on its way.
    pub(super) crediting: bool,
}

#[derive(Debug)]
pub(super) enum Role {
    Caller(Caller),
    Callee(Callee),
}

/// What only the caller's side has.
///
/// ```text
///   queued --open is written--> open --end is read--> ended
///     |                          |                      ^
///     |                          +--given up: cancel--> cancelled
///     +--given up--> gone
/// ```
///
/// Given up means: its future or stream was dropped, its deadline has passed, or it failed on this side. It is gone
/// once it has ended on the wire and its owner has let go of it.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) method: &'static MethodName,
    /// The request's, until they are sent.
    pub(super) metadata: Metadata,
    /// The response's, once they have come and until they are taken.
    pub(super) head: Metadata,
    /// The callee has sent something.
    pub(super) began: bool,
    /// How it ended, as its owner is told: with the trailing metadata, or why it failed.
    pub(super) end: Option<Result<Metadata, CallError>>,
    /// The callee's end was read, or there is nothing on the wire to end.
    pub(super) concluded: bool,
    /// The callee was told that nobody waits for it.
    pub(super) cancelled: bool,
    /// Its owner may still ask for it.
    pub(super) held: bool,
    /// What it counts among the calls that wait to be opened.
    pub(super) waiting: usize,
    /// Its method has one response.
    pub(super) one_response: bool,
}

/// What only the callee's side has.
///
/// ```text
///   running --answer--> ending --end is written--> gone
///      |                  ^  ^
///      |    answer or the handler is dropped
///      |                  |
///      +--cancel or deadline--> stopping
/// ```
///
/// The slot is held until the end is written, and so does a cancelled call hold it until its handler has stopped.
#[derive(Debug, Default)]
pub(super) struct Callee {
    /// The response's metadata, to be sent ahead of the responses.
    pub(super) head: Option<Metadata>,
    /// A frame of the responses was sent: it was the one to have the metadata.
    pub(super) began: bool,
    pub(super) stopping: Option<Stop>,
    pub(super) ending: Option<Ending>,
}

/// Why a handler is stopped.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stop {
    Cancelled,
    Deadline,
    /// The caller sent a message over the limit.
    TooLarge(Box<Status>),
}

impl Stop {
    /// What the caller is told.
    pub(super) fn status(&self) -> Status {
        match self {
            Self::Cancelled => Status::cancelled("the caller gave up"),
            Self::Deadline => Status::deadline_exceeded("the deadline passed in the handler"),
            Self::TooLarge(status) => Status::clone(status),
        }
    }

    /// What a handler is told that waits for a message.
    pub(super) fn error(&self) -> CallError {
        let blame = match self {
            Self::Cancelled | Self::TooLarge(_) => Blame::Remote,
            Self::Deadline => Blame::Local,
        };
        CallError::new(self.status(), Outcome::Unknown, blame)
    }
}

/// What the end of a call says.
#[derive(Debug)]
pub(super) enum Ending {
    Success(Metadata),
    Failure { status: Box<Status>, refused: bool },
}

impl Exchange {
    pub(super) fn new(
        sequence: u32,
        role: Role,
        deadline: Option<Instant>,
        send_window: u64,
        receive_window: u64,
    ) -> Self {
        Self {
            sequence,
            id: 0,
            role,
            send: SendHalf::new(send_window),
            receive: ReceiveHalf::new(receive_window),
            deadline,
            scheduled: false,
            crediting: false,
        }
    }

    /// Lets go of all that it holds, for it has ended. Returns what it gives back.
    pub(super) fn empty(&mut self) -> Freed {
        // Whoever waited for it was told of its end before.
        self.role = Role::Callee(Callee::default());
        self.send.stop();
        self.receive.take_waker();
        self.receive.discard()
    }

    /// Whether there is a frame that could be written now.
    pub(super) fn is_sendable(&self) -> bool {
        let send = &self.send;
        match &self.role {
            Role::Caller(caller) => {
                if self.id == 0 {
                    return caller.end.is_none();
                }
                send.has_piece() || (send.is_finished() && send.is_empty() && !send.is_done())
            }
            Role::Callee(callee) => {
                callee.head.is_some()
                    || send.has_piece()
                    || (callee.ending.is_some() && send.is_empty())
            }
        }
    }

    /// Whether the callee's end is the next frame: all that goes before it was sent, but for a last message that fits
    /// into it.
    pub(super) fn may_end(&self) -> bool {
        let Role::Callee(callee) = &self.role else {
            return false;
        };
        let begins = callee.head.as_ref().is_some_and(|head| !head.is_empty());
        let empty = self.send.is_empty();
        !begins
            && match callee.ending {
                Some(Ending::Success(_)) => empty || self.send.ends_with_whole(),
                Some(Ending::Failure { .. }) => empty,
                None => false,
            }
    }

    /// Whether what the peer sends on it is nobody's: it was given up on this side, or by its caller.
    pub(super) fn is_cancelled(&self) -> bool {
        match &self.role {
            Role::Caller(caller) => caller.end.is_some(),
            Role::Callee(callee) => callee.stopping.is_some(),
        }
    }

    /// Whether the call still goes on as far as its own side is concerned.
    pub(super) fn is_live(&self) -> bool {
        match &self.role {
            Role::Caller(caller) => caller.end.is_none(),
            Role::Callee(callee) => callee.ending.is_none() && callee.stopping.is_none(),
        }
    }
}
