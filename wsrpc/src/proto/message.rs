//! What callers, handlers and the protocol hand each other.

use std::{
    collections::VecDeque,
    num::NonZeroU64,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{KeepaliveConfig, Slot, Ticket};
use crate::{call_error::CallError, metadata::Metadata, status::Status, wire::Text};

/// A message of a user's, encoded.
///
/// What hands one on is inlined where calls go: one that was stored in parts cannot be loaded as a whole at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) payload: Bytes,
    /// Its size before it was compressed, if it was.
    pub(crate) inflated: Option<NonZeroU64>,
}

impl From<Bytes> for Message {
    fn from(payload: Bytes) -> Self {
        Self {
            payload,
            inflated: None,
        }
    }
}

/// The name of a method, as generated code has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MethodName {
    /// The full name of its service, `ping.Ping`.
    pub(crate) service: &'static str,
    /// Its bare name, `Ping`, which is all that version 1 carries.
    pub(crate) name: &'static str,
}

/// A call that is to be made.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: &'static MethodName,
    pub(crate) metadata: Metadata,
    pub(crate) deadline: Option<Instant>,
    /// The request, or `None` if requests are sent later.
    pub(crate) first: Option<Message>,
    /// More than one response may come.
    pub(crate) streams_responses: bool,
}

/// A call that is to be started.
#[derive(Debug, PartialEq)]
pub(crate) struct Incoming {
    /// Where its answer goes.
    pub(crate) slot: Slot,
    /// The name of the method, as the peer gave it.
    pub(crate) method: Text,
    pub(crate) metadata: Metadata,
    pub(crate) deadline: Option<Instant>,
    /// The request if it has arrived whole. Otherwise what comes is to be asked for.
    pub(crate) first: Option<Message>,
    /// Nothing follows what is in `first`.
    pub(crate) last: bool,
}

#[cfg(test)]
impl Incoming {
    /// The request, which has arrived whole.
    pub(crate) fn payload(&self) -> Bytes {
        self.first.clone().unwrap().payload
    }
}

/// How a handler answers.
pub(crate) type Answered = Result<Answer, Refusal>;

/// What a handler that succeeded leaves to be sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    /// The response, unless responses were sent before.
    pub(crate) message: Option<Message>,
    /// The metadata of the one response, or those that trail a stream of them.
    pub(crate) metadata: Metadata,
}

/// Why a call was not answered with a message.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// The handler's own status: on version 1 its text goes out verbatim, as Go's does.
    ByHandler(Status),
    /// One of ours, of a handler that was started: on version 1 the code's name goes before its text.
    ByUs(Status),
    /// One of ours, and no handler was started.
    NotStarted(Status),
}

/// A frame on its way out. It is filled in place, for to return it would move it once for each call.
#[derive(Debug, Default)]
pub(crate) struct Transmit {
    /// All of it up to its payload.
    pub(crate) head: Vec<u8>,
    /// What follows as it is.
    pub(crate) payload: Bytes,
}

#[cfg(test)]
impl Transmit {
    /// All of the frame.
    pub(crate) fn into_bytes(self) -> Bytes {
        [&*self.head, &*self.payload].concat().into()
    }
}

/// What the caller of a call with one response gets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reply {
    pub(crate) message: Message,
    pub(crate) metadata: Metadata,
}

/// Why a call was not taken.
#[derive(Debug, PartialEq)]
pub(crate) enum OpenError {
    /// Too much waits to be sent: the given waker is woken when there is room again. The ticket is to be shown at the
    /// next try, and given back when there will be none.
    Full(Ticket),
    /// The call failed.
    Failed(CallError),
}

/// Why a message was not taken.
#[derive(Debug, PartialEq)]
pub(crate) enum SendError {
    /// The call has ended, or the callee wants no more of it.
    Stopped,
    /// The message cannot be sent, this is why.
    Rejected(Status),
}

/// What the owner of a core is to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// Start a handler.
    Start(Incoming),
    /// Stop the handler: its caller gave up, or its deadline has passed.
    Stop(Slot),
    /// Send a ping.
    Ping,
    /// Send a pong that nobody asked for.
    Pong,
    /// Give back memory that only a burst needed.
    Shrink,
    /// The peer takes no more calls, and asks those who come back to spread over this long.
    GoingAway { reason: Text, spread: Duration },
}

impl Event {
    /// Drops what has no sense any more once the session has ended. A peer that goes away may close, or break the protocol,
    /// in the same breath: when to come back is still worth knowing.
    pub(crate) fn keep_parting_words(events: &mut VecDeque<Self>) {
        events.retain(|event| matches!(event, Self::GoingAway { .. }));
    }

    /// Appends the events in `from` to those in `to`.
    pub(super) fn hand_over(from: &mut VecDeque<Self>, to: &mut VecDeque<Self>) {
        if to.is_empty() {
            // Nothing is copied, and what a burst has made large is left with one of the two only.
            std::mem::swap(from, to);
        } else {
            to.append(from);
        }
    }
}

/// What one side holds its peer, and itself, to.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Handlers that run at once.
    pub(crate) max_running: usize,
    /// Bytes of calls that wait for a handler to end, on version 1.
    pub(crate) max_queued_bytes: usize,
    /// Bytes of own calls that wait to be sent before further ones wait for room.
    pub(crate) max_unsent_bytes: usize,
    /// Bytes of one message to send; on version 2 the peer has a say as well.
    pub(crate) max_send_size: usize,
    /// Bytes of one message to receive, on version 2.
    pub(crate) max_recv_size: usize,
    /// Bytes of large messages that may be received at once, on version 2.
    pub(crate) max_recv_memory: usize,
    /// Bytes that the peer may send on each call before it is given credit, on version 2.
    pub(crate) initial_window: u64,
    /// A call without a deadline gets this one on version 1.
    pub(crate) default_timeout: Option<Duration>,
    /// How the session is kept alive.
    pub(crate) keepalive: KeepaliveConfig,
}
