//! Callers who wait until less waits to be sent.

use std::{collections::BTreeMap, task::Waker};

/// A place in the queue of those who wait for room.
pub(crate) type Ticket = u64;

/// Those who wait for room, the longest first.
#[derive(Debug, Default)]
pub(super) struct Room {
    waiting: BTreeMap<Ticket, Waker>,
    next: Ticket,
}

impl Room {
    /// Wakes `waker` once there is room. `ticket` is the one that an earlier try was given.
    pub(super) fn wait(&mut self, ticket: Option<Ticket>, waker: &Waker) -> Ticket {
        let ticket = ticket.unwrap_or_else(|| {
            self.next = self.next.wrapping_add(1);
            self.next
        });
        self.waiting.insert(ticket, waker.clone());
        ticket
    }

    /// Someone who waited will not try again.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Wakes everyone who waits, through `wakers`.
    pub(super) fn open(&mut self, wakers: &mut Vec<Waker>) {
        wakers.extend(std::mem::take(&mut self.waiting).into_values());
    }
}
