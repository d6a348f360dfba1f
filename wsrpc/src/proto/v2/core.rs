//! One side's half of a session: its life, its timers, and what its parts share.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    exchange::{Exchange, Role, Stop},
    exchanges::Exchanges,
    ids::{Found, Ids, Parity},
    outbox::{Control, Outbox},
    pool::Pool,
    receive::Freed,
    round_trip::RoundTrip,
    slow_reader::SlowReader,
    spare::Spare,
};
use crate::{
    call_error::{Blame, CallError, Outcome},
    compression::ZSTD,
    metadata::Metadata,
    proto::{
        Event, FEW_CALLS, Keepalive, Key, Limits, Signal, deadline_exceeded, deadlines::Deadlines,
        room::Room,
    },
    session_end::SessionEnd,
    status::Status,
    wire::v2::{self as wire, Chunk, DecodeError, Frame, Hello},
};

/// What the peer takes, as its hello says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerLimits {
    /// Bytes that may be sent on each call before any credit.
    pub(crate) initial_window: u64,
    /// Bytes of one message.
    pub(crate) max_message_size: u64,
    /// Bytes of metadata in one frame.
    pub(crate) max_metadata_size: u32,
    /// It can undo zstd.
    pub(crate) zstd: bool,
}

impl From<&Hello> for PeerLimits {
    fn from(hello: &Hello) -> Self {
        Self {
            initial_window: hello.initial_window,
            max_message_size: hello.max_message_size,
            max_metadata_size: hello.max_metadata_size,
            zstd: hello.compression.iter().any(|name| name.as_str() == ZSTD),
        }
    }
}

/// Bytes of metadata that a frame may have, with 32 for each entry, as this side's hello says.
pub(crate) const MAX_METADATA: usize = 8 * 1024;

/// Whether this side's hello says that it can inflate messages.
const INFLATES: bool = cfg!(feature = "zstd");

#[derive(Debug, PartialEq)]
pub(super) enum Phase {
    Open,
    /// Calls that the peer opens above this id are not started.
    Draining {
        last_id: u64,
    },
    Ended(SessionEnd),
}

/// One side's half of a session. See the [module](crate::proto).
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) limits: Arc<Limits>,
    /// Of the peer's frames.
    pub(super) max_metadata: usize,
    pub(super) inflates: bool,
    pub(super) peer: PeerLimits,
    pub(super) phase: Phase,
    /// Calls in both directions.
    pub(super) exchanges: Exchanges,
    pub(super) next_sequence: u32,
    pub(super) ids: Ids,
    pub(super) deadlines: Deadlines,
    pub(super) outbox: Outbox,
    /// Calls that messages have come for since what waits was shelved.
    pub(super) fresh: Vec<Key>,
    pub(super) pool: Pool,
    pub(super) spare: Spare,
    pub(super) round_trip: RoundTrip,
    /// Calls of this side that have not ended on the wire.
    pub(super) calling: usize,
    /// Calls of the peer's that have not ended on the wire.
    pub(super) answering: usize,
    /// Bytes of calls of this side that were not opened on the wire yet.
    pub(super) unopened: usize,
    pub(super) unsent_refusals: usize,
    pub(super) slow_reader: SlowReader,
    /// The peer starts none of this side's calls above this id, and takes no more.
    pub(super) peer_leaves: Option<u64>,
    /// How often it said so.
    pub(super) go_aways: u8,
    pub(super) keepalive: Keepalive,
    pub(super) events: VecDeque<Event>,
    pub(super) wakers: Vec<Waker>,
    pub(super) room: Room,
}

impl Core {
    /// A session that begins at `now`, with a peer that said what it takes.
    pub(crate) fn new(limits: Arc<Limits>, parity: Parity, peer: PeerLimits, now: Instant) -> Self {
        Self {
            max_metadata: MAX_METADATA,
            inflates: INFLATES,
            peer,
            phase: Phase::Open,
            exchanges: Exchanges::default(),
            next_sequence: 0,
            ids: Ids::new(parity),
            deadlines: Deadlines::default(),
            outbox: Outbox::default(),
            fresh: Vec::new(),
            pool: Pool::new(limits.max_recv_memory, limits.max_recv_size),
            spare: Spare::default(),
            round_trip: RoundTrip::default(),
            calling: 0,
            answering: 0,
            unopened: 0,
            unsent_refusals: 0,
            slow_reader: SlowReader::default(),
            peer_leaves: None,
            go_aways: 0,
            keepalive: Keepalive::new(now),
            events: VecDeque::new(),
            wakers: Vec::new(),
            room: Room::default(),
            limits,
        }
    }

    /// A binary message was received. Returns how many frames it had.
    pub(crate) fn receive(&mut self, message: &Bytes, now: Instant) -> usize {
        let mut frames = 0_usize;
        for frame in wire::frames(message) {
            if self.ended().is_some() {
                break;
            }
            self.receive_frame(frame, now);
            frames = frames.saturating_add(1);
        }
        self.keepalive.ask_for_tick(&self.limits.keepalive, now);
        frames
    }

    fn receive_frame(&mut self, frame: Result<Frame, Box<DecodeError>>, now: Instant) {
        match frame {
            Ok(Frame::Open(open)) => self.receive_open(open, now),
            Ok(Frame::Data(data)) => self.receive_data(data),
            Ok(Frame::End(end)) => self.receive_end(end),
            Ok(Frame::Credit { id, bytes }) => self.receive_credit(id, bytes),
            Ok(Frame::Cancel(id)) => self.receive_cancel(id),
            Ok(Frame::GoAway(go_away)) => self.receive_go_away(go_away),
            Ok(Frame::Hello(_)) => self.violation("a second hello"),
            Ok(Frame::V1) => self.violation("a frame of version 1"),
            Ok(Frame::Unknown) => {}
            Err(error) => self.violation(error.to_string()),
        }
    }

    fn receive_cancel(&mut self, id: u64) {
        if self.ids.is_own(id) {
            return self.violation(format!("it cancelled the call {id}, which is not its own"));
        }
        if let Some(key) = self.find(id) {
            self.stop(key, Stop::Cancelled);
        }
    }

    /// The call that a frame is about. None if it has ended, or never began, which ends the session.
    pub(super) fn find(&mut self, id: u64) -> Option<Key> {
        match self.ids.find(id) {
            Found::Live(key) => Some(key),
            Found::Ended => None,
            Found::NeverOpened => {
                self.violation(format!("a frame for the call {id}, which was never opened"));
                None
            }
        }
    }

    /// The peer broke the protocol.
    pub(super) fn violation(&mut self, what: impl Into<String>) {
        self.end(SessionEnd::Protocol(what.into()));
    }

    /// Whether a frame is within what this side's hello says that it takes. Ends the session if not.
    pub(super) fn takes(&mut self, metadata: &Metadata, chunk: Option<&Chunk>) -> bool {
        if metadata.size() > self.max_metadata {
            self.violation(format!("metadata of over {} bytes", self.max_metadata));
            return false;
        }
        if !self.inflates && chunk.is_some_and(|chunk| chunk.inflated.is_some()) {
            self.violation("a compressed message, which this side did not offer to inflate");
            return false;
        }
        true
    }

    /// Appends to `events` what is to be done next.
    pub(crate) fn take_events(&mut self, events: &mut VecDeque<Event>) {
        Event::hand_over(&mut self.events, events);
    }

    /// What is to be done next.
    #[cfg(test)]
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Appends to `wakers` whom to wake, once no lock is held.
    pub(crate) fn take_wakers(&mut self, wakers: &mut Vec<Waker>) {
        if !self.wakers.is_empty() {
            wakers.append(&mut self.wakers);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, at the latest.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        if self.ended().is_some() {
            return None;
        }
        let keepalive = self.keepalive.next_timeout(&self.limits.keepalive);
        let deadline = self.deadlines.next().unwrap_or(keepalive);
        Some(keepalive.min(deadline))
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(key) = self.deadlines.pop_expired(now) {
            match self.get(key).map(|exchange| (&exchange.role, exchange.id)) {
                Some((Role::Caller(_), 0)) => {
                    self.give_up(key, deadline_exceeded(Outcome::NotSent));
                }
                Some((Role::Caller(_), _)) => {
                    self.give_up(key, deadline_exceeded(Outcome::Unknown));
                }
                Some((Role::Callee(_), _)) => self.stop(key, Stop::Deadline),
                None => {}
            }
        }
        while self.ended().is_none() {
            match self.keepalive.poll(&self.limits.keepalive, now) {
                Some(Signal::Ping) => self.ping(now),
                Some(Signal::Tick) => self.tick(now),
                Some(Signal::End(end)) => self.end(end),
                None => break,
            }
        }
    }

    /// What is seen to now and then while there are calls, and once after the last of them. A session that does nothing is
    /// let be: of those a server may have many.
    fn tick(&mut self, now: Instant) {
        if self.has_calls() {
            self.keepalive.ask_for_tick(&self.limits.keepalive, now);
        }
        self.shrink();
        self.events.push_back(Event::Shrink);
        self.check_reader(now);
    }

    /// Asks for a ping, whatever was received when.
    pub(crate) fn ping(&mut self, now: Instant) {
        if self.ended().is_none() {
            self.round_trip.pinged(now);
            self.events.push_back(Event::Ping);
        }
    }

    /// The pong to a ping was received.
    pub(crate) fn ponged(&mut self, now: Instant) {
        self.round_trip.ponged(now);
    }

    /// The timers that the transport feeds.
    pub(crate) fn keepalive(&mut self) -> &mut Keepalive {
        &mut self.keepalive
    }

    /// Starts no more calls of the peer's, and lets those end that run. The peer learns so, and over how long the
    /// clients of this side are to spread their coming back.
    pub(crate) fn drain(&mut self, spread: Duration) {
        if self.phase == Phase::Open {
            let last_id = self.ids.last_peers();
            self.phase = Phase::Draining { last_id };
            self.outbox
                .push_control(Control::GoAway { last_id, spread });
        }
    }

    /// Whether a session that drains has nothing left to do.
    pub(crate) fn is_drained(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. })
            && self.answering == 0
            && self.calling == 0
            && self.outbox.is_empty()
    }

    /// Ends the session: the first reason given is the one that everyone is told.
    pub(crate) fn end(&mut self, reason: SessionEnd) {
        if self.ended().is_some() {
            return;
        }
        self.exchanges.retain(|exchange| {
            let wakers = [exchange.send.stop(), exchange.receive.take_waker()];
            self.wakers.extend(wakers.into_iter().flatten());
            let freed = exchange.receive.set_last();
            self.pool.give_back(freed.bytes);
            let Role::Caller(caller) = &mut exchange.role else {
                return false;
            };
            let outcome = match exchange.id {
                0 => Outcome::NotSent,
                _ => Outcome::Unknown,
            };
            caller
                .end
                .get_or_insert_with(|| Err(reason.call_error(outcome)));
            caller.concluded = true;
            // What was delivered before can still be taken.
            caller.held
        });
        self.calling = 0;
        self.answering = 0;
        self.unopened = 0;
        self.ids.clear();
        self.pool.clear();
        self.spare.clear();
        self.deadlines.clear();
        self.outbox.clear();
        self.shelve();
        Event::keep_parting_words(&mut self.events);
        self.room.open(&mut self.wakers);
        self.phase = Phase::Ended(reason);
    }

    /// Whether the peer starts no more calls.
    pub(crate) fn peer_leaves(&self) -> bool {
        self.peer_leaves.is_some()
    }

    /// Why the session ended, if it has.
    pub(crate) fn ended(&self) -> Option<&SessionEnd> {
        match &self.phase {
            Phase::Ended(end) => Some(end),
            Phase::Open | Phase::Draining { .. } => None,
        }
    }

    /// A look at a session at work: gives back what nothing was done with since the last look, and tells whether there is
    /// so much memory to give back that another is worth it.
    pub(crate) fn look(&mut self) -> bool {
        self.spare.age();
        self.exchanges.capacity() > FEW_CALLS
            || self.deadlines.has_grown()
            || !self.spare.is_clear()
    }

    /// Whether a call goes on in either direction.
    pub(crate) fn has_calls(&self) -> bool {
        !self.exchanges.is_empty()
    }

    /// Gives back memory that only a burst needed.
    pub(crate) fn shrink(&mut self) {
        self.outbox.shrink();
        self.ids.shrink();
        self.spare.clear();
        if self.exchanges.is_empty() {
            self.exchanges = Exchanges::default();
            // What is left there is of calls that have ended.
            self.deadlines.clear();
        }
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
        if self.wakers.is_empty() {
            self.wakers = Vec::new();
        }
        if self.fresh.is_empty() {
            self.fresh = Vec::new();
        }
    }

    /// Adds a call, and sees to its deadline.
    pub(super) fn insert(&mut self, role: Role, deadline: Option<Instant>) -> Key {
        let sequence = self.next_sequence;
        self.next_sequence = self.next_sequence.wrapping_add(1);
        let exchange = Exchange::new(
            sequence,
            role,
            deadline,
            self.peer.initial_window,
            self.limits.initial_window,
        );
        let key = self.exchanges.insert(exchange);
        if let Some(deadline) = deadline {
            let exchanges = &self.exchanges;
            let live = exchanges.len();
            self.deadlines.insert(deadline, key, live, |key| {
                exchanges
                    .get(key)
                    .is_some_and(|exchange| !exchange.is_cancelled())
            });
        }
        key
    }

    pub(super) fn get(&self, key: Key) -> Option<&Exchange> {
        self.exchanges.get(key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Exchange> {
        self.exchanges.get_mut(key)
    }

    /// Takes a call out of all the books.
    pub(super) fn remove(&mut self, key: Key) {
        let Some(exchange) = self.get(key) else {
            return;
        };
        // What has ended as its caller saw it is out of there.
        let ended = matches!(&exchange.role, Role::Caller(caller) if caller.concluded);
        if exchange.id != 0 && !ended {
            self.ids.remove(exchange.id);
        }
        let freed = self.exchanges.remove(key);
        self.give_back(freed);
    }

    /// Gives memory back to the pool, and lets those go on who waited for it.
    #[inline]
    pub(super) fn give_back(&mut self, freed: Freed) {
        if freed.is_something() {
            self.give_back_memory(freed);
        }
    }

    fn give_back_memory(&mut self, freed: Freed) {
        if let Some(turn) = freed.turn {
            self.pool.forget(turn);
        }
        self.pool.give_back(freed.bytes);
        self.admit_waiting();
    }

    /// Memory for the message that is arriving was set aside.
    pub(super) fn admit(&mut self, key: Key) {
        if let Some(exchange) = self.exchanges.get_mut(key) {
            exchange.receive.admit(&mut self.spare);
        }
    }

    fn admit_waiting(&mut self) {
        while let Some(key) = self.pool.admit() {
            self.admit(key);
            self.credit(key);
        }
    }

    /// Sees to it that credit is given, once enough is owed.
    pub(super) fn credit(&mut self, key: Key) {
        if let Some(exchange) = self.get_mut(key) {
            if exchange.receive.owes() && !exchange.crediting {
                exchange.crediting = true;
                self.outbox.push_control(Control::Credit(key));
            }
        }
    }

    /// Puts the call among those that have something to send, if it has.
    pub(super) fn schedule(&mut self, key: Key) {
        let Some(exchange) = self.get_mut(key) else {
            return;
        };
        if exchange.scheduled || !exchange.is_sendable() {
            return;
        }
        exchange.scheduled = true;
        let exchanges = &self.exchanges;
        let live = exchanges.len();
        self.outbox
            .schedule(key, live, |key| exchanges.get(key).is_some());
    }

    /// Someone is to be woken, once no lock is held.
    #[inline]
    pub(super) fn wake(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.wakers.push(waker);
        }
    }

    /// Calls of this side that wait for an answer.
    #[cfg(test)]
    pub(crate) fn calls_in_flight(&self) -> usize {
        self.calling
    }

    /// The failure of whoever asks for a call that is not there.
    pub(super) fn gone(&self) -> CallError {
        match self.ended() {
            Some(end) => end.call_error(Outcome::Unknown),
            None => CallError::new(
                Status::internal("the call has ended, and how was told before"),
                Outcome::Unknown,
                Blame::Local,
            ),
        }
    }
}
