//! One side's half of a session.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    calls::{Calls, Polled},
    outbox::{Item, Outbox},
    serving::{Admission, Serving},
};
use crate::{
    call_error::{Blame, CallError, Outcome},
    proto::{
        CallKey, Event, Keepalive, Limits, OpenError, Refusal, Signal, Slot, Ticket, Transmit,
        room::Room,
    },
    session_end::SessionEnd,
    status::Status,
    wire::{
        Text,
        v1::{self as wire, CallId, Frame, Request},
    },
};

#[derive(Debug, PartialEq)]
enum Phase {
    Open,
    Draining,
    Ended(SessionEnd),
}

/// Bytes of a failure's text that are sent whatever the limit.
const MIN_ERROR_LEN: usize = 64;

/// An answer goes out under the id of its call, whatever that is, within reason.
const MAX_CALL_ID_LEN: usize = 64;

/// Refusals that may wait to be sent. A peer that calls on and on without reading any is cut off.
const MAX_UNSENT_REFUSALS: usize = 4096;

/// The bytes of a frame around its method and payload, at the most: keys, lengths and the call's id.
const ENVELOPE_LEN: usize = 64;

/// One side's half of a session. See the [module](super).
#[derive(Debug)]
pub(crate) struct Core {
    limits: Arc<Limits>,
    salt: u64,
    phase: Phase,
    calls: Calls,
    serving: Serving,
    outbox: Outbox,
    unsent_refusals: usize,
    keepalive: Keepalive,
    events: VecDeque<Event>,
    /// Callers whose calls have ended, and those who wait for room and now have it.
    wakers: Vec<Waker>,
    room: Room,
}

// What callers do.
impl Core {
    /// A session that begins at `now`. Calls of sessions with different `salt`s have different ids.
    pub(crate) fn new(limits: Arc<Limits>, salt: u64, now: Instant) -> Self {
        let mut keepalive = Keepalive::new(now);
        keepalive.ask_for_tick(&limits.keepalive, now);
        Self {
            salt,
            phase: Phase::Open,
            calls: Calls::default(),
            serving: Serving::new(limits.max_running, limits.max_queued_bytes),
            outbox: Outbox::default(),
            unsent_refusals: 0,
            keepalive,
            events: VecDeque::new(),
            wakers: Vec::new(),
            room: Room::default(),
            limits,
        }
    }

    /// Makes a call. When too much waits to be sent, `waker` is woken once there is room to try again; `ticket` is the
    /// one that an earlier try was given.
    pub(crate) fn open(
        &mut self,
        method: &'static str,
        payload: Bytes,
        deadline: Option<Instant>,
        ticket: Option<Ticket>,
        waker: &Waker,
    ) -> Result<CallKey, OpenError> {
        if let Phase::Ended(end) = &self.phase {
            return Err(OpenError::Failed(end.call_error(Outcome::NotSent)));
        }
        let size = frame_size(method.len(), payload.len());
        if size > self.limits.max_send_size {
            let error = Status::resource_exhausted(format!(
                "the request of {} bytes is over the limit of {} bytes to send; \
                 split it, or raise max_send_message_size on this side and the peer's limit to receive",
                payload.len(),
                self.limits.max_send_size,
            ));
            return Err(OpenError::Failed(CallError::not_sent(error)));
        }
        // One message may always wait, or a large one would never be sent.
        if !self.outbox.is_empty()
            && self.outbox.bytes().saturating_add(size) > self.limits.max_unsent_bytes
        {
            return Err(OpenError::Full(self.room.wait(ticket, waker)));
        }
        if let Some(ticket) = ticket {
            self.room.leave(ticket);
        }
        let key = self.calls.insert(deadline);
        self.outbox.push(Item::Request {
            key,
            method,
            payload,
        });
        Ok(key)
    }

    /// Someone who waited for room will not try again.
    pub(crate) fn return_ticket(&mut self, ticket: Ticket) {
        self.room.leave(ticket);
    }

    /// The result of a call, once: otherwise `waker` is woken when the call ends.
    pub(crate) fn poll_call(
        &mut self,
        key: CallKey,
        waker: &Waker,
    ) -> Option<Result<Bytes, CallError>> {
        match self.calls.poll(key, waker) {
            Polled::Pending => None,
            Polled::Ready(result) => Some(result),
            Polled::Gone => Some(Err(CallError::new(
                Status::internal("the result of this call was taken before"),
                Outcome::Unknown,
                Blame::Local,
            ))),
        }
    }

    /// The caller gave up: a call that is still queued is never sent.
    pub(crate) fn cancel(&mut self, key: CallKey) {
        if self.calls.is_queued(key) {
            self.outbox.remove_request(key);
            self.make_room();
        }
        self.calls.cancel(key);
    }

    /// A handler ended.
    pub(crate) fn answer(&mut self, slot: Slot, result: Result<Bytes, Refusal>) {
        let Some(call_id) = self.serving.answer(slot) else {
            // The session has ended since: nobody waits for this answer any more.
            return;
        };
        let result = match result {
            Ok(payload) => {
                let size = frame_size(call_id.len(), payload.len());
                if size > self.limits.max_send_size {
                    let status = Status::resource_exhausted(format!(
                        "the response of {} bytes is over the limit of {} bytes to send; \
                         split it, or raise max_send_message_size at its sender and the limit of its receiver",
                        payload.len(),
                        self.limits.max_send_size
                    ));
                    Err(self.error_text(Refusal::ByUs(status)))
                } else {
                    Ok(payload)
                }
            }
            Err(refusal) => Err(self.error_text(refusal)),
        };
        self.outbox.push(Item::Answer {
            slot,
            call_id,
            result,
        });
    }

    /// The text of a failure, cut to what may be sent.
    fn error_text(&self, refusal: Refusal) -> String {
        let mut text = match refusal {
            Refusal::ByHandler(status) => status.into_v1_text(),
            Refusal::ByUs(status) | Refusal::NotStarted(status) => status.to_string(),
        };
        let limit = self
            .limits
            .max_send_size
            .saturating_sub(frame_size(MAX_CALL_ID_LEN, 0));
        // However small the limit: an empty error would mean success.
        let limit = limit.max(MIN_ERROR_LEN);
        if text.len() > limit {
            let end = (0..=limit).rev().find(|at| text.is_char_boundary(*at));
            text.truncate(end.unwrap_or_default());
        }
        text
    }
}

// What the owner does.
impl Core {
    /// A binary message was received.
    pub(crate) fn receive(&mut self, bytes: Bytes) {
        if matches!(self.phase, Phase::Ended(_)) {
            return;
        }
        match wire::decode(bytes) {
            Ok(Frame::Request(request)) => self.receive_request(request),
            Ok(Frame::Response(response)) => {
                let key = CallId::from_text(response.call_id.as_str(), self.salt);
                let Some(CallId { index, sequence }) = key else {
                    return;
                };
                let result = response.result.map_err(|text| {
                    let status = Status::unknown(text.as_str());
                    CallError::new(status, Outcome::Ran, Blame::Remote)
                });
                let waker = self.calls.complete(CallKey { index, sequence }, result);
                self.wakers.extend(waker);
            }
            Ok(Frame::Unknown) => {}
            Err(error) => self.end(SessionEnd::Protocol(error.to_string())),
        }
    }

    fn receive_request(&mut self, request: Request) {
        let call_id = request.call_id.clone();
        if call_id.is_empty() || call_id.len() > MAX_CALL_ID_LEN {
            let what = format!(
                "a call id has 1 to {MAX_CALL_ID_LEN} bytes, this one {}",
                call_id.len()
            );
            return self.end(SessionEnd::Protocol(what));
        }
        if self.phase == Phase::Draining {
            return self.refuse(call_id, Status::unavailable("shutting down"));
        }
        match self.serving.admit(request) {
            Admission::Start(incoming) => self.events.push_back(Event::Start(incoming)),
            Admission::Queued => {}
            Admission::Full => self.refuse(
                call_id,
                Status::resource_exhausted(format!(
                    "{} calls of yours run here and {} bytes of them wait, which is the limit",
                    self.limits.max_running, self.limits.max_queued_bytes
                )),
            ),
            Admission::Duplicate => {
                let what = format!("the call id {:?} is in use", call_id.as_str());
                self.end(SessionEnd::Protocol(what));
            }
        }
    }

    fn refuse(&mut self, call_id: Text, status: Status) {
        if self.unsent_refusals >= MAX_UNSENT_REFUSALS {
            let what =
                format!("{MAX_UNSENT_REFUSALS} of its calls were refused before it read one");
            return self.end(SessionEnd::OverLimit(what));
        }
        self.unsent_refusals = self.unsent_refusals.saturating_add(1);
        let error = self.error_text(Refusal::ByUs(status));
        // The id is a slice of the call, which is not to be kept alive by what it is answered with.
        let call_id = call_id.detached();
        self.outbox.push(Item::Refusal { call_id, error });
    }

    /// Puts the next frame to send into `out`, which must be empty. Returns whether there was one.
    pub(crate) fn transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        let payload = self.next_frame(now, &mut out.head);
        // Also when all that was left had expired: nothing else would wake those who wait.
        self.make_room();
        payload.map(|payload| out.payload = payload).is_some()
    }

    fn next_frame(&mut self, now: Instant, head: &mut Vec<u8>) -> Option<Bytes> {
        loop {
            match self.outbox.pop()? {
                Item::Request {
                    key,
                    method,
                    payload,
                } => {
                    // One that has expired, or whose caller was told of its end, must not run.
                    if !self.calls.is_queued(key) || self.calls.is_expired(key, now) {
                        continue;
                    }
                    let CallKey { index, sequence } = key;
                    let call_id = CallId { index, sequence }.to_text(self.salt);
                    wire::encode_request_head(head, method, &call_id, payload.len());
                    self.calls.mark_sent(key);
                    return Some(payload);
                }
                Item::Answer {
                    slot,
                    call_id,
                    result,
                } => {
                    let next = self.serving.release(slot);
                    self.events.extend(next.map(Event::Start));
                    let id = call_id.as_str().as_bytes();
                    return Some(match result {
                        Ok(payload) => {
                            wire::encode_response_head(head, id, payload.len());
                            payload
                        }
                        Err(error) => {
                            wire::encode_error(head, id, &error);
                            Bytes::new()
                        }
                    });
                }
                Item::Refusal { call_id, error } => {
                    self.unsent_refusals = self.unsent_refusals.saturating_sub(1);
                    wire::encode_error(head, call_id.as_str().as_bytes(), &error);
                    return Some(Bytes::new());
                }
            }
        }
    }

    /// Wakes those who wait for room, once there is enough of it.
    fn make_room(&mut self) {
        if !self.room.is_empty() && self.outbox.bytes() <= self.limits.max_unsent_bytes / 2 {
            self.room.open(&mut self.wakers);
        }
    }

    /// Whether there is anything to send.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.outbox.is_empty()
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
        wakers.append(&mut self.wakers);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, at the latest.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        if matches!(self.phase, Phase::Ended(_)) {
            return None;
        }
        let keepalive = self.keepalive.next_timeout(&self.limits.keepalive);
        let deadline = self.calls.next_deadline().unwrap_or(keepalive);
        Some(keepalive.min(deadline))
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(waker) = self.calls.expire_next(now) {
            self.wakers.extend(waker);
        }
        while !matches!(self.phase, Phase::Ended(_)) {
            match self.keepalive.poll(&self.limits.keepalive, now) {
                Some(Signal::Ping) => self.events.push_back(Event::Ping),
                Some(Signal::Tick) => {
                    self.keepalive.ask_for_tick(&self.limits.keepalive, now);
                    self.events.push_back(Event::Pong);
                    self.shrink();
                }
                Some(Signal::End(end)) => self.end(end),
                None => break,
            }
        }
    }

    /// Asks for a ping, whatever was received when.
    pub(crate) fn ping(&mut self) {
        if self.ended().is_none() {
            self.events.push_back(Event::Ping);
        }
    }

    /// The timers that the transport feeds.
    pub(crate) fn keepalive(&mut self) -> &mut Keepalive {
        &mut self.keepalive
    }

    /// Refuses calls from here on, and lets those end that run.
    pub(crate) fn drain(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Draining;
        }
    }

    /// Whether a session that drains has nothing left to do.
    pub(crate) fn is_drained(&self) -> bool {
        self.phase == Phase::Draining
            && self.serving.is_empty()
            && self.calls.unended() == 0
            && self.outbox.is_empty()
    }

    /// Ends the session: the first reason given is the one that everyone is told.
    pub(crate) fn end(&mut self, reason: SessionEnd) {
        if matches!(self.phase, Phase::Ended(_)) {
            return;
        }
        self.calls.fail_all(&reason, &mut self.wakers);
        self.room.open(&mut self.wakers);
        self.serving.clear();
        self.outbox.clear();
        self.events.clear();
        self.phase = Phase::Ended(reason);
    }

    /// Why the session ended, if it has.
    pub(crate) fn ended(&self) -> Option<&SessionEnd> {
        match &self.phase {
            Phase::Ended(end) => Some(end),
            Phase::Open | Phase::Draining => None,
        }
    }

    /// The deadline that a call without one gets.
    pub(crate) fn default_timeout(&self) -> Option<Duration> {
        self.limits.default_timeout
    }

    /// Whether there is so much memory to give back that it is worth a look once the session is quiet.
    pub(crate) fn has_grown(&self) -> bool {
        self.calls.has_grown() || self.serving.has_grown()
    }

    /// Whether a call goes on in either direction.
    pub(crate) fn has_calls(&self) -> bool {
        !self.serving.is_empty() || self.calls.unended() > 0
    }

    /// Gives back memory that only a burst needed.
    pub(crate) fn shrink(&mut self) {
        self.calls.shrink();
        self.outbox.shrink();
        self.serving.shrink();
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
        if self.wakers.is_empty() {
            self.wakers = Vec::new();
        }
    }

    /// Calls of this side that wait for an answer.
    #[cfg(test)]
    pub(crate) fn calls_in_flight(&self) -> usize {
        self.calls.unended()
    }
}

/// The most that a frame around a method's name, or a call's id, and a payload can have.
fn frame_size(name_len: usize, payload_len: usize) -> usize {
    payload_len
        .saturating_add(name_len)
        .saturating_add(ENVELOPE_LEN)
}
