//! The protocol without I/O, clock or randomness: bytes and time in, bytes and events out.
//!
//! A [`Core`] is one side's half of a session. Its owner feeds it what was read ([`Core::receive`]) and what time it is
//! ([`Core::handle_timeout`]), and takes from it what to send ([`Core::transmit`]), what to do ([`Core::take_events`])
//! and whom to wake ([`Core::take_wakers`]). Both sides of a session hold the same type: nothing here knows who
//! dialled.
//!
//! ```text
//!   Open --drain--> Draining --+
//!    |                         +--end--> Ended     (the first reason given stays)
//!    +-------------------------+
//! ```
//!
//! While `Open`, both sides call each other. `Draining` answers what runs and refuses what is new. `Ended` fails every
//! pending call with the one reason, and drops every answer.

#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod core;
mod deadlines;
mod keepalive;
mod key;
mod message;
mod room;
mod v1;
mod v2;

pub(crate) use self::{
    core::Core,
    keepalive::{Keepalive, KeepaliveConfig, Signal},
    key::{CallKey, Key, Slot},
    message::{
        Answer, Answered, Event, Incoming, Limits, Message, MethodName, OpenError, Outgoing,
        Refusal, Reply, SendError, Transmit,
    },
    room::Ticket,
    v2::{MAX_METADATA, Parity, PeerLimits},
};
use crate::{
    call_error::{Blame, CallError, Outcome},
    status::Status,
};

/// What so many calls at once need is not much to keep for a while.
const FEW_CALLS: usize = 8;

pub(crate) fn deadline_exceeded(outcome: Outcome) -> CallError {
    CallError::new(
        Status::deadline_exceeded("the deadline passed before the call ended"),
        outcome,
        Blame::Local,
    )
}

/// The failure of a call that a peer which goes away does not take.
pub(crate) fn peer_leaves(outcome: Outcome) -> CallError {
    CallError::new(
        Status::unavailable("the peer is shutting down"),
        outcome,
        Blame::Remote,
    )
}
