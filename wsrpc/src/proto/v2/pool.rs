//! The memory that large messages may take while they arrive.

use std::collections::VecDeque;

use super::super::Key;

/// Memory set aside for messages that come in chunks, first come, first served: a message that is admitted can always
/// finish, however many others have begun.
#[derive(Debug)]
pub(super) struct Pool {
    free: u64,
    waiting: VecDeque<(Key, u64)>,
}

impl Pool {
    pub(super) fn new(size: usize) -> Self {
        Self {
            free: size as u64,
            waiting: VecDeque::new(),
        }
    }

    /// Sets `bytes` aside for a message of `key`'s. Returns whether it did; otherwise the key is in the queue, and
    /// comes out of [`admit`](Self::admit) in its turn.
    pub(super) fn reserve(&mut self, key: Key, bytes: u64) -> bool {
        if self.waiting.is_empty() && bytes <= self.free {
            self.free = self.free.saturating_sub(bytes);
            return true;
        }
        self.waiting.push_back((key, bytes));
        false
    }

    /// Sets `bytes` aside if that takes them from nobody who waits.
    pub(super) fn try_take(&mut self, bytes: u64) -> bool {
        let takes = self.waiting.is_empty() && bytes <= self.free;
        if takes {
            self.free = self.free.saturating_sub(bytes);
        }
        takes
    }

    /// Gives `bytes` back.
    pub(super) fn give_back(&mut self, bytes: u64) {
        self.free = self.free.saturating_add(bytes);
    }

    /// A call that may wait will not need what it waits for.
    pub(super) fn forget(&mut self, key: Key) {
        self.waiting.retain(|(waiting, _)| *waiting != key);
    }

    /// The next call whose message now has what it waited for.
    pub(super) fn admit(&mut self) -> Option<Key> {
        let (_, bytes) = self.waiting.front()?;
        self.free = self.free.checked_sub(*bytes)?;
        self.waiting.pop_front().map(|(key, _)| key)
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> u64 {
        self.free
    }
}
