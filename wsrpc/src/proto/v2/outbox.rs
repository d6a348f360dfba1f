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
    /// The sender has room again.
    Credit(Key),
    /// The caller gives up.
    Cancel(Key),
    /// The call of this id is not started.
    Refuse { id: u64, status: Status },
    /// No call above this id is started.
    GoAway { last_id: u64, spread: Duration },
}

/// Below this many keys a sweep gains nothing.
const SWEEP_ABOVE: usize = 256;

impl Outbox {
    pub(super) fn push_control(&mut self, control: Control) {
        self.control.push_back(control);
    }

    pub(super) fn pop_control(&mut self) -> Option<Control> {
        self.control.pop_front()
    }

    /// The call goes to the end of the round. It is to be there once.
    ///
    /// One that is gone before its turn leaves its key behind. `live` tells, once in a while, which are still there.
    pub(super) fn schedule(&mut self, key: Key, calls: usize, live: impl Fn(Key) -> bool) {
        if self.ring.len() > SWEEP_ABOVE && self.ring.len() / 2 > calls {
            self.ring.retain(|key| live(*key));
        }
        self.ring.push_back(key);
    }

    /// The call whose turn it is.
    pub(super) fn next_turn(&mut self) -> Option<Key> {
        self.ring.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.control.is_empty() && self.ring.is_empty()
    }

    #[cfg(test)]
    pub(super) fn scheduled(&self) -> usize {
        self.ring.len()
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
