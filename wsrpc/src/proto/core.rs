//! One side's half of a session, in the version of the protocol that its sides agreed on.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    Answered, CallKey, Event, Keepalive, Key, Limits, Message, OpenError, Outgoing, Parity,
    PeerLimits, Reply, SendError, Slot, Ticket, Transmit, v1, v2,
};
use crate::{
    call_error::CallError, metadata::Metadata, proto::Refusal, session_end::SessionEnd,
    status::Status,
};

/// One side's half of a session. See the [module](super).
#[derive(Debug)]
pub(crate) enum Core {
    V1(v1::Core),
    V2(v2::Core),
}

/// Does the same in either version.
macro_rules! either {
    ($core:expr, $inner:ident => $does:expr) => {
        match $core {
            Core::V1($inner) => $does,
            Core::V2($inner) => $does,
        }
    };
}

impl Core {
    /// A session of version 1 that begins at `now`. Calls of sessions with different `salt`s have different ids.
    pub(crate) fn v1(limits: Arc<Limits>, salt: u64, now: Instant) -> Self {
        Self::V1(v1::Core::new(limits, salt, now))
    }

    /// A session of version 2 that begins at `now`, with a peer that said what it takes.
    pub(crate) fn v2(limits: Arc<Limits>, parity: Parity, peer: PeerLimits, now: Instant) -> Self {
        Self::V2(v2::Core::new(limits, parity, peer, now))
    }

    /// Makes a call, whose metadata and first message are taken out of `call`, and whose owner waits for what comes of it
    /// from here on: `waker` is woken then. When too much waits to be sent, nothing is taken, and `waker` is woken once
    /// there is room to try again; `ticket` is the one that an earlier try was given.
    pub(crate) fn open(
        &mut self,
        call: &mut Outgoing,
        ticket: Option<Ticket>,
        waker: &Waker,
    ) -> Result<CallKey, OpenError> {
        match self {
            Self::V1(core) => {
                let payload = in_version_1(call).map_err(OpenError::Failed)?;
                let (name, deadline) = (call.method.name, call.deadline);
                let key = core.open(name, payload, deadline, ticket, waker)?;
                call.first = None;
                // Nothing can have come yet: this is only to be woken.
                core.poll_call(key, waker);
                Ok(key)
            }
            Self::V2(core) => core.open(call, ticket, waker),
        }
    }

    /// Someone who waited for room will not try again.
    pub(crate) fn return_ticket(&mut self, ticket: Ticket) {
        either!(self, core => core.return_ticket(ticket));
    }

    /// The one response of a call, once, which is put into `reply`: otherwise `waker` is woken when the call ends.
    pub(crate) fn poll_reply(
        &mut self,
        key: CallKey,
        waker: &Waker,
        reply: &mut Reply,
    ) -> Option<Result<(), CallError>> {
        match self {
            Self::V1(core) => Some(core.poll_call(key, waker)?.map(|payload| {
                reply.message = payload.into();
            })),
            Self::V2(core) => core.poll_reply(key, waker, reply),
        }
    }

    /// The metadata that the responses begin with: otherwise `waker` is woken when they come, or the call ends.
    pub(crate) fn poll_head(
        &mut self,
        key: CallKey,
        waker: &Waker,
    ) -> Option<Result<Metadata, CallError>> {
        match self {
            Self::V1(_) => Some(Err(no_streams())),
            Self::V2(core) => core.poll_head(key, waker),
        }
    }

    /// The next message that has arrived, `None` after the last one: otherwise `waker` is woken.
    pub(crate) fn poll_message(
        &mut self,
        key: Key,
        waker: &Waker,
    ) -> Option<Result<Option<Message>, CallError>> {
        match self {
            Self::V1(_) => Some(Err(no_streams())),
            Self::V2(core) => core.poll_message(key, waker),
        }
    }

    /// The metadata that trail the responses, once the call has ended well.
    pub(crate) fn trailing(&self, key: CallKey) -> Option<Metadata> {
        match self {
            Self::V1(_) => None,
            Self::V2(core) => core.trailing(key),
        }
    }

    /// Whether another message may be sent: otherwise `waker` is woken when it may.
    pub(crate) fn poll_room(&mut self, key: Key, waker: &Waker) -> Option<Result<(), SendError>> {
        match self {
            Self::V1(_) => Some(Err(SendError::Stopped)),
            Self::V2(core) => core.poll_room(key, waker),
        }
    }

    /// Sends a message, whether there is room for it or not.
    pub(crate) fn send(&mut self, key: Key, message: Message) -> Result<(), SendError> {
        match self {
            Self::V1(_) => Err(SendError::Stopped),
            Self::V2(core) => core.send(key, message),
        }
    }

    /// A caller sends no more messages.
    pub(crate) fn finish(&mut self, key: CallKey) {
        if let Self::V2(core) = self {
            core.finish(key);
        }
    }

    /// The call fails on this side.
    pub(crate) fn give_up(&mut self, key: CallKey, error: CallError) {
        match self {
            Self::V1(core) => core.cancel(key),
            Self::V2(core) => core.give_up(key, error),
        }
    }

    /// The owner of a call lets go of it.
    pub(crate) fn release(&mut self, key: CallKey) {
        match self {
            Self::V1(core) => core.cancel(key),
            Self::V2(core) => core.release(key),
        }
    }

    /// The responses begin with these metadata.
    pub(crate) fn send_head(&mut self, slot: Slot, metadata: Metadata) -> Result<(), Status> {
        match self {
            Self::V1(_) => Ok(()),
            Self::V2(core) => core.send_head(slot, metadata),
        }
    }

    /// A handler ended.
    pub(crate) fn answer(&mut self, slot: Slot, answered: Answered) {
        match self {
            Self::V1(core) => core.answer(
                slot,
                answered.map(|answer| answer.message.unwrap_or_default().payload),
            ),
            Self::V2(core) => core.answer(slot, answered),
        }
    }

    /// A handler was dropped before it answered.
    pub(crate) fn dropped(&mut self, slot: Slot) {
        match self {
            Self::V1(core) => {
                let status = Status::cancelled("the handler was dropped");
                core.answer(slot, Err(Refusal::ByUs(status)));
            }
            Self::V2(core) => core.dropped(slot),
        }
    }

    /// A binary message was received. Returns how many frames it had.
    pub(crate) fn receive(&mut self, message: &Bytes, now: Instant) -> usize {
        match self {
            Self::V1(core) => {
                core.receive(message.clone());
                1
            }
            Self::V2(core) => core.receive(message, now),
        }
    }

    /// Whether messages have come since what waits was [shelved](Self::shelve).
    pub(crate) fn has_fresh(&self) -> bool {
        match self {
            Self::V1(_) => false,
            Self::V2(core) => core.has_fresh(),
        }
    }

    /// To be called once those who read have had their turn: what they left keeps alive no more than what it counts for
    /// from here on.
    pub(crate) fn shelve(&mut self) {
        if let Self::V2(core) = self {
            core.shelve();
        }
    }

    /// Puts the next frame to send into `out`, which must be empty. Returns whether there was one.
    pub(crate) fn transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        debug_assert!(out.head.is_empty() && out.payload.is_empty());
        either!(self, core => core.transmit(now, out))
    }

    /// Whether there is anything to send.
    pub(crate) fn has_unsent(&self) -> bool {
        either!(self, core => core.has_unsent())
    }

    /// Appends to `events` what is to be done next.
    pub(crate) fn take_events(&mut self, events: &mut VecDeque<Event>) {
        either!(self, core => core.take_events(events));
    }

    /// Appends to `wakers` whom to wake, once no lock is held.
    pub(crate) fn take_wakers(&mut self, wakers: &mut Vec<Waker>) {
        either!(self, core => core.take_wakers(wakers));
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, at the latest.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        either!(self, core => core.next_timeout())
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        either!(self, core => core.handle_timeout(now));
    }

    /// A look at a session at work: whether there is so much memory to give back that another is worth it, once the
    /// session is quiet. What nothing was done with since the last look is given back at once.
    pub(crate) fn look(&mut self) -> bool {
        match self {
            Self::V1(core) => core.has_grown(),
            Self::V2(core) => core.look(),
        }
    }

    /// Whether a call goes on in either direction.
    pub(crate) fn has_calls(&self) -> bool {
        either!(self, core => core.has_calls())
    }

    /// Gives back memory that only a burst needed.
    pub(crate) fn shrink(&mut self) {
        either!(self, core => core.shrink());
    }

    /// Asks for a ping, whatever was received when.
    pub(crate) fn ping(&mut self, now: Instant) {
        match self {
            Self::V1(core) => core.ping(),
            Self::V2(core) => core.ping(now),
        }
    }

    /// A pong was received.
    pub(crate) fn ponged(&mut self, now: Instant) {
        if let Self::V2(core) = self {
            core.ponged(now);
        }
    }

    /// The timers that the transport feeds.
    pub(crate) fn keepalive(&mut self) -> &mut Keepalive {
        either!(self, core => core.keepalive())
    }

    /// Refuses calls from here on, and lets those end that run. A peer that can be told learns over how long its side
    /// is to spread its coming back.
    pub(crate) fn drain(&mut self, spread: Duration) {
        match self {
            Self::V1(core) => core.drain(),
            Self::V2(core) => core.drain(spread),
        }
    }

    /// Whether a session that drains has nothing left to do.
    pub(crate) fn is_drained(&self) -> bool {
        either!(self, core => core.is_drained())
    }

    /// Ends the session: the first reason given is the one that everyone is told.
    pub(crate) fn end(&mut self, reason: SessionEnd) {
        either!(self, core => core.end(reason));
    }

    /// Why the session ended, if it has.
    pub(crate) fn ended(&self) -> Option<&SessionEnd> {
        either!(self, core => core.ended())
    }

    /// Whether this side may still make calls: the session has not ended, and the peer does not go away.
    pub(crate) fn takes_calls(&self) -> bool {
        let peer_leaves = match self {
            Self::V1(_) => false,
            Self::V2(core) => core.peer_leaves(),
        };
        !peer_leaves && self.ended().is_none()
    }

    /// The deadline that a call without one gets.
    pub(crate) fn default_timeout(&self) -> Option<Duration> {
        match self {
            Self::V1(core) => core.default_timeout(),
            Self::V2(_) => None,
        }
    }

    /// Calls of this side that wait for an answer.
    #[cfg(test)]
    pub(crate) fn calls_in_flight(&self) -> usize {
        either!(self, core => core.calls_in_flight())
    }
}

/// What version 1 carries of a call, which is its one request.
fn in_version_1(call: &Outgoing) -> Result<Bytes, CallError> {
    let Some(first) = call.first.as_ref().filter(|_| !call.streams_responses) else {
        return Err(no_streams());
    };
    if !call.metadata.is_empty() && !call.metadata.is_optional() {
        return Err(CallError::not_sent(Status::unimplemented(
            "the peer speaks version 1 of the protocol, which carries no metadata; \
             mark them as optional to call it without",
        )));
    }
    Ok(first.payload.clone())
}

fn no_streams() -> CallError {
    CallError::not_sent(Status::unimplemented(
        "the peer speaks version 1 of the protocol, which has no streams",
    ))
}
