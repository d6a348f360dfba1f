//! The calls that this side makes.

use std::{task::Waker, time::Instant};

use bytes::Bytes;
use slab::Slab;

use crate::{
    call_error::{CallError, Outcome},
    proto::{CallKey, FEW_CALLS, deadline_exceeded, deadlines::Deadlines},
    session_end::SessionEnd,
};

/// The calls in flight.
///
/// ```text
///   Queued --mark_sent--> Sent --complete--> Ended --poll--> gone
///     |                     |                  ^
///     +--- expiry, end -----+------------------+
///      outcome NotSent  Unknown
///
///   cancel: gone, from any of them
/// ```
#[derive(Debug, Default)]
pub(super) struct Calls {
    slab: Slab<Call>,
    deadlines: Deadlines,
    next_sequence: u32,
    /// Calls that are `Queued` or `Sent`.
    unended: usize,
}

#[derive(Debug)]
struct Call {
    sequence: u32,
    state: State,
    deadline: Option<Instant>,
    waker: Option<Waker>,
}

#[derive(Debug)]
enum State {
    Queued,
    Sent,
    Ended(Result<Bytes, CallError>),
}

/// What a poll finds.
#[derive(Debug, PartialEq)]
pub(super) enum Polled {
    Pending,
    Ready(Result<Bytes, CallError>),
    /// The call was taken before.
    Gone,
}

impl Calls {
    /// Whether it has room for more than a few calls.
    pub(super) fn has_grown(&self) -> bool {
        self.slab.capacity() > FEW_CALLS || self.deadlines.has_grown()
    }

    /// Gives back memory that only a burst needed.
    pub(super) fn shrink(&mut self) {
        if self.slab.is_empty() {
            self.slab = Slab::new();
            // What is left there is of calls that have ended.
            self.deadlines.clear();
        }
    }

    /// Adds a queued call.
    pub(super) fn insert(&mut self, deadline: Option<Instant>) -> CallKey {
        let sequence = self.next_sequence;
        self.next_sequence = self.next_sequence.wrapping_add(1);
        let index = self.slab.insert(Call {
            sequence,
            state: State::Queued,
            deadline,
            waker: None,
        });
        let key = CallKey::new(index, sequence);
        self.unended = self.unended.saturating_add(1);
        if let Some(deadline) = deadline {
            let slab = &self.slab;
            self.deadlines.insert(deadline, key, self.unended, |key| {
                let call = find(slab, key);
                call.is_some_and(|call| !matches!(call.state, State::Ended(_)))
            });
        }
        key
    }

    /// The deadline of a call that is still queued, or `None` when it is not queued any more.
    pub(super) fn is_queued(&self, key: CallKey) -> bool {
        find(&self.slab, key).is_some_and(|call| matches!(call.state, State::Queued))
    }

    /// The call's first byte goes to the transport: from here on its outcome is unknown until the callee speaks.
    pub(super) fn mark_sent(&mut self, key: CallKey) {
        if let Some(call) = self.find_mut(key) {
            if matches!(call.state, State::Queued) {
                call.state = State::Sent;
            }
        }
    }

    /// The callee answered. An answer to a call that has ended, or never was, is nobody's: answers may come late.
    #[must_use]
    pub(super) fn complete(
        &mut self,
        key: CallKey,
        result: Result<Bytes, CallError>,
    ) -> Option<Waker> {
        match self.find_mut(key)?.state {
            State::Sent => self.end(key, result),
            State::Queued | State::Ended(_) => None,
        }
    }

    /// Ends one call whose deadline has passed and returns its waker; `None` when there is no more of them.
    pub(super) fn expire_next(&mut self, now: Instant) -> Option<Option<Waker>> {
        while let Some(key) = self.deadlines.pop_expired(now) {
            let outcome = match find(&self.slab, key).map(|call| &call.state) {
                Some(State::Queued) => Outcome::NotSent,
                Some(State::Sent) => Outcome::Unknown,
                Some(State::Ended(_)) | None => continue,
            };
            return Some(self.end(key, Err(deadline_exceeded(outcome))));
        }
        None
    }

    /// When the next deadline passes.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Fails every call with `reason`, and wakes their callers through `wakers`.
    pub(super) fn fail_all(&mut self, reason: &SessionEnd, wakers: &mut Vec<Waker>) {
        for (_, call) in &mut self.slab {
            let outcome = match call.state {
                State::Queued => Outcome::NotSent,
                State::Sent => Outcome::Unknown,
                State::Ended(_) => continue,
            };
            call.state = State::Ended(Err(reason.call_error(outcome)));
            wakers.extend(call.waker.take());
        }
        self.unended = 0;
        self.deadlines.clear();
    }

    /// Takes the result of a call that has ended; otherwise `waker` is woken when it does.
    pub(super) fn poll(&mut self, key: CallKey, waker: &Waker) -> Polled {
        let Some(call) = self.find_mut(key) else {
            return Polled::Gone;
        };
        if !matches!(call.state, State::Ended(_)) {
            match &mut call.waker {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
            return Polled::Pending;
        }
        match self.slab.try_remove(key.index()).map(|c| c.state) {
            Some(State::Ended(result)) => Polled::Ready(result),
            _ => Polled::Gone,
        }
    }

    /// The caller gave up.
    pub(super) fn cancel(&mut self, key: CallKey) {
        if let Some(call) = find(&self.slab, key) {
            if !matches!(call.state, State::Ended(_)) {
                self.unended = self.unended.saturating_sub(1);
            }
            self.slab.try_remove(key.index());
        }
    }

    /// Calls that wait for an answer.
    pub(super) fn unended(&self) -> usize {
        self.unended
    }

    /// Calls whose results nobody has taken yet, ended ones included.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    fn end(&mut self, key: CallKey, result: Result<Bytes, CallError>) -> Option<Waker> {
        self.unended = self.unended.saturating_sub(1);
        let call = self.find_mut(key)?;
        call.state = State::Ended(result);
        call.waker.take()
    }

    fn find_mut(&mut self, key: CallKey) -> Option<&mut Call> {
        self.slab
            .get_mut(key.index())
            .filter(|call| call.sequence == key.sequence)
    }

    /// Whether the call's deadline, if it has one, has passed.
    pub(super) fn is_expired(&self, key: CallKey, now: Instant) -> bool {
        find(&self.slab, key)
            .and_then(|call| call.deadline)
            .is_some_and(|deadline| deadline <= now)
    }
}

fn find(slab: &Slab<Call>, key: CallKey) -> Option<&Call> {
    slab.get(key.index())
        .filter(|call| call.sequence == key.sequence)
}
