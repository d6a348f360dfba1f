//! The memory that large messages may take while they arrive.

use std::collections::BTreeMap;

use super::super::Key;

/// Memory set aside for messages that come in chunks, first come, first served: a message that is admitted can always
/// finish, however many others have begun.
#[derive(Debug)]
pub(super) struct Pool {
    free: u64,
    /// What windows do not grow into, so that streams which last cannot keep messages out for as long.
    kept: u64,
    waiting: BTreeMap<Turn, (Key, u64)>,
    next: Turn,
}

/// A place in the queue of those who wait for memory.
pub(super) type Turn = u64;

impl Pool {
    /// A pool that can hold any one message of up to `largest` bytes.
    pub(super) fn new(size: usize, largest: usize) -> Self {
        let (size, largest) = (size as u64, largest as u64);
        let size = size.max(largest);
        Self {
            free: size,
            kept: largest.max(size / 2),
            waiting: BTreeMap::new(),
            next: 0,
        }
    }

    /// Sets `bytes` aside for a message of `key`'s. Where there is no room, the key is in the queue from here on, comes
    /// out of [`admit`](Self::admit) in its turn, and that turn is returned.
    pub(super) fn reserve(&mut self, key: Key, bytes: u64) -> Option<Turn> {
        if self.waiting.is_empty() && bytes <= self.free {
            self.free = self.free.saturating_sub(bytes);
            return None;
        }
        let turn = self.next;
        self.next = self.next.wrapping_add(1);
        self.waiting.insert(turn, (key, bytes));
        Some(turn)
    }

    /// Sets `bytes` aside for a larger window, if that takes them from no message.
    pub(super) fn try_grow(&mut self, bytes: u64) -> bool {
        let left = self.free.checked_sub(bytes);
        let Some(left) = left.filter(|left| self.waiting.is_empty() && *left >= self.kept) else {
            return false;
        };
        self.free = left;
        true
    }

    /// Gives `bytes` back.
    pub(super) fn give_back(&mut self, bytes: u64) {
        self.free = self.free.saturating_add(bytes);
    }

    /// Whoever has this turn does not need it any more.
    pub(super) fn forget(&mut self, turn: Turn) {
        self.waiting.remove(&turn);
    }

    /// The next call whose message now has what it waited for.
    pub(super) fn admit(&mut self) -> Option<Key> {
        let first = self.waiting.first_entry()?;
        self.free = self.free.checked_sub(first.get().1)?;
        Some(first.remove().0)
    }

    /// Nobody waits any more.
    pub(super) fn clear(&mut self) {
        self.waiting = BTreeMap::new();
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> u64 {
        self.free
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}
