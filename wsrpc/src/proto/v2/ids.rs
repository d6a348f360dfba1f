//! The ids of calls on the wire.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use super::super::Key;

/// Which ids a side gives to the calls that it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parity {
    /// The side that dialled.
    Odd,
    /// The side that accepted.
    Even,
}

/// What the id in a frame means to its reader.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// A call that goes on.
    Live(Key),
    /// A call that has ended: a late frame, which is nobody's.
    Ended,
    /// No call ever had it.
    NeverOpened,
}

/// The calls that have an id, by it.
///
/// Both sides give theirs in increasing order, so that one number tells which were ever given.
#[derive(Debug)]
pub(super) struct Ids {
    parity: Parity,
    live: HashMap<u64, Key, BuildHasherDefault<InOrder>>,
    next_own: u64,
    last_peers: u64,
}

/// Ids of calls stay below it, so that a number of JavaScript's holds each exactly.
const END: u64 = 1 << 53;

impl Ids {
    pub(super) fn new(parity: Parity) -> Self {
        Self {
            parity,
            live: HashMap::default(),
            next_own: match parity {
                Parity::Odd => 1,
                Parity::Even => 2,
            },
            last_peers: 0,
        }
    }

    /// The next id for a call of this side, or `None` when they are used up.
    pub(super) fn give(&mut self, key: Key) -> Option<u64> {
        let id = self.next_own;
        if id >= END {
            return None;
        }
        self.next_own = id.saturating_add(2);
        self.live.insert(id, key);
        Some(id)
    }

    /// Whether `id` is one that the peer may open a call with now.
    pub(super) fn may_open(&self, id: u64) -> bool {
        !self.is_own(id) && id > self.last_peers
    }

    /// The peer opened a call that is not taken.
    pub(super) fn skip(&mut self, id: u64) {
        self.last_peers = id;
    }

    /// The peer opened a call.
    pub(super) fn take(&mut self, id: u64, key: Key) {
        self.last_peers = id;
        self.live.insert(id, key);
    }

    /// The last id that the peer opened a call with; 0 before the first.
    pub(super) fn last_peers(&self) -> u64 {
        self.last_peers
    }

    pub(super) fn find(&self, id: u64) -> Found {
        match self.live.get(&id) {
            Some(key) => Found::Live(*key),
            None if self.is_own(id) && id < self.next_own => Found::Ended,
            None if !self.is_own(id) && id <= self.last_peers => Found::Ended,
            None => Found::NeverOpened,
        }
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.live.remove(&id);
    }

    pub(super) fn clear(&mut self) {
        self.live = HashMap::default();
    }

    pub(super) fn shrink(&mut self) {
        if self.live.is_empty() {
            self.live = HashMap::default();
        }
    }

    /// Leaves out ids, so that the next one given is `id`.
    #[cfg(test)]
    pub(super) fn skip_own(&mut self, id: u64) {
        self.next_own = id;
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether `id` is of a call that this side makes, if there is one.
    pub(super) fn is_own(&self, id: u64) -> bool {
        let odd = id & 1 == 1;
        odd == (self.parity == Parity::Odd)
    }
}

/// Puts ids into a table in their order, so that calls which begin one after the other, and often end so too, lie side by
/// side in memory. A peer that makes its ids collide slows down its own session, by no more steps a look-up than it may have
/// calls at once.
#[derive(Default)]
pub(super) struct InOrder(u64);

impl Hasher for InOrder {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, n: u64) {
        // The lowest bits say where in the table, and the seven highest tell neighbours apart.
        let id = self.0 ^ n;
        self.0 = id ^ id.wrapping_shl(57);
    }
}
