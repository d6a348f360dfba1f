//! What waits to be sent.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{
    proto::{CallKey, Slot},
    wire::Text,
};

/// Frames in the order in which they go out, and how many bytes they hold.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Item>,
    bytes: usize,
}

#[derive(Debug)]
pub(super) enum Item {
    Request {
        key: CallKey,
        method: &'static str,
        payload: Bytes,
    },
    /// The answer to a call that holds a slot.
    Answer {
        slot: Slot,
        call_id: Text,
        result: Result<Bytes, String>,
    },
    /// The answer to a call that was never given a slot.
    Refusal { call_id: Text, error: String },
}

/// What a queued frame costs beside its payload, so that empty messages are not free.
const OVERHEAD: usize = 128;

impl Item {
    fn cost(&self) -> usize {
        let payload = match self {
            Self::Request { payload, .. } => payload.len(),
            Self::Answer { result, .. } => match result {
                Ok(payload) => payload.len(),
                Err(error) => error.len(),
            },
            Self::Refusal { error, .. } => error.len(),
        };
        payload.saturating_add(OVERHEAD)
    }
}

impl Outbox {
    pub(super) fn push(&mut self, item: Item) {
        self.bytes = self.bytes.saturating_add(item.cost());
        self.queue.push_back(item);
    }

    pub(super) fn pop(&mut self) -> Option<Item> {
        let item = self.queue.pop_front()?;
        self.bytes = self.bytes.saturating_sub(item.cost());
        Some(item)
    }

    /// Takes out a request whose caller gave up, so that its bytes are neither sent nor counted. Linear, which a
    /// queue that is only long when the peer is slow can bear.
    pub(super) fn remove_request(&mut self, gone: CallKey) {
        let at = self
            .queue
            .iter()
            .position(|item| matches!(item, Item::Request { key, .. } if *key == gone));
        if let Some(item) = at.and_then(|at| self.queue.remove(at)) {
            self.bytes = self.bytes.saturating_sub(item.cost());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes that wait, with the queue's own cost for each frame.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.bytes = 0;
    }

    /// Gives back memory that only a burst needed.
    pub(super) fn shrink(&mut self) {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }
}
