//! What waits to be sent.

use std::{collections::VecDeque, time::Duration};

use super::super::Key;
use crate::status::Status;

/// Calls that have something to send, each of which gets its turn, and the frames that go before all of theirs.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    control: VecDeque<Control>,
    ring: VecDeque<Key>,
}

/// A frame that carries no message of a user's.
#[derive(Debug)]
pub(super) enum Control {
    /// The caller has room again.
    Credit(Key),
    /// The call of this id is given up.
    Cancel(u64),
    /// The call of this id is not started.
    Refuse { id: u64, status: Status },
    /// No call above this id is started.
    GoAway { last_id: u64, spread: Duration },
}

impl Outbox {
    pub(super) fn push_control(&mut self, control: Control) {
        self.control.push_back(control);
    }

    pub(super) fn pop_control(&mut self) -> Option<Control> {
        self.control.pop_front()
    }

    /// The call goes to the end of the round. It is to be there once.
    pub(super) fn schedule(&mut self, key: Key) {
        self.ring.push_back(key);
    }

    /// The call whose turn it is.
    pub(super) fn next_turn(&mut self) -> Option<Key> {
        self.ring.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.control.is_empty() && self.ring.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives back memory that only a burst needed.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            self.clear();
        }
    }
}
