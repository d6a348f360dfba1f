//! One direction of a call, as its sender sees it.

use std::{num::NonZeroU64, task::Waker};

use bytes::Bytes;

use super::{super::Message, queue::Queue};
use crate::wire::v2::{
    Chunk, NUMBER_LIMIT,
    sizes::{CHUNK, WHOLE},
};

/// Nobody is helped by chunks below this size: rather wait for credit.
const MIN_CHUNK: u64 = 1024;

/// Bytes of messages that wait before their writer does.
const ROOM: usize = 128 * 1024;

/// What a message counts of them beside its payload, so that empty ones are not free.
const MESSAGE: usize = 64;

/// Messages on their way out, and what the receiver has room for.
///
/// ```text
///   open --finish--> finishing --the last frame is written--> done
///     |                  |
///     +------stop--------+-----------------------------------> done
/// ```
#[derive(Debug)]
pub(super) struct SendHalf {
    credit: u64,
    /// Half of the window that the receiver began with: it gives credit back before that much is owed.
    patience: u64,
    queue: Queue<Message>,
    /// Bytes of the message in front that were sent.
    sent: usize,
    /// Bytes that were not sent.
    unsent: usize,
    /// Nothing follows what is in the queue.
    finished: bool,
    /// The frame that says so was written, or none is wanted any more.
    done: bool,
    /// Of the writer, who also wants to know when nobody wants its messages any more.
    waker: Option<Waker>,
    /// The writer waits for room.
    waits: bool,
}

/// What there is to say of a message, or as much of it as goes into one frame, beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Piece {
    /// The size of the message whose first chunk this is.
    pub(super) total: Option<NonZeroU64>,
    /// The size of the message before it was compressed.
    pub(super) inflated: Option<NonZeroU64>,
    /// It completes its message.
    pub(super) completes: bool,
}

impl SendHalf {
    pub(super) fn new(window: u64) -> Self {
        Self {
            credit: window,
            patience: window / 2,
            queue: Queue::new(),
            sent: 0,
            unsent: 0,
            finished: false,
            done: false,
            waker: None,
            waits: false,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, message: Message) {
        self.unsent = self
            .unsent
            .saturating_add(message.payload.len())
            .saturating_add(MESSAGE);
        self.queue.push(message);
    }

    /// Nothing follows what was pushed.
    pub(super) fn finish(&mut self) {
        self.finished = true;
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// All was sent that will be, the end included.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// The frame that says that nothing follows was written.
    pub(super) fn set_done(&mut self) {
        self.done = true;
    }

    /// Drops what waits: nobody wants it any more. Returns who waited for room.
    pub(super) fn stop(&mut self) -> Option<Waker> {
        self.queue = Queue::new();
        self.sent = 0;
        self.unsent = 0;
        self.finished = true;
        self.done = true;
        self.waker.take()
    }

    /// The receiver has room for `bytes` more. `false` when that is more than anyone may have.
    pub(super) fn add_credit(&mut self, bytes: u64) -> bool {
        self.credit = self.credit.saturating_add(bytes);
        self.credit < NUMBER_LIMIT
    }

    #[cfg(test)]
    pub(super) fn patience(&mut self, bytes: u64) {
        self.patience = bytes;
    }

    #[cfg(test)]
    pub(super) fn credit(&self) -> u64 {
        self.credit
    }

    /// Whether another message may be pushed. `waker` is woken when it may, or when none is wanted any more.
    pub(super) fn has_room(&mut self, waker: &Waker) -> bool {
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        self.waits = self.unsent >= ROOM;
        !self.waits
    }

    /// Who waited for room and now has it.
    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        if self.waits && self.unsent < ROOM {
            self.waits = false;
            return self.waker.take();
        }
        None
    }

    /// Bytes that wait, with what each message counts beside its payload.
    pub(super) fn unsent(&self) -> usize {
        self.unsent
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Exactly one message is left, none of it was sent, and it goes into one frame now.
    pub(super) fn ends_with_whole(&self) -> bool {
        self.queue.len() == 1 && self.sent == 0 && self.next_size().is_some_and(|size| size.1)
    }

    /// Whether a piece may be sent now.
    pub(super) fn has_piece(&self) -> bool {
        self.next_size().is_some()
    }

    /// Takes the next piece out, as far as the window lets it, and puts it into `payload`, which is empty.
    #[inline]
    pub(super) fn next_piece(&mut self, payload: &mut Bytes) -> Option<Piece> {
        let (size, completes) = self.next_size()?;
        let first = self.sent == 0;
        self.credit = self.credit.saturating_sub(cost(size));
        self.unsent = self.unsent.saturating_sub(size);
        if completes {
            let front = self.queue.front_mut()?;
            std::mem::swap(payload, &mut front.payload);
            let inflated = front.inflated;
            self.queue.pop();
            self.sent = 0;
            self.unsent = self.unsent.saturating_sub(MESSAGE);
            return Some(Piece {
                total: None,
                inflated: inflated.filter(|_| first),
                completes,
            });
        }
        let front = self.queue.front_mut()?;
        self.sent = self.sent.saturating_add(size);
        let total = front.payload.len() as u64;
        *payload = front.payload.split_to(size);
        Some(Piece {
            total: NonZeroU64::new(total).filter(|_| first),
            inflated: front.inflated.filter(|_| first),
            completes,
        })
    }

    /// The size of the next piece, and whether it completes its message.
    fn next_size(&self) -> Option<(usize, bool)> {
        let left = self.queue.front()?.payload.len();
        let room = self.credit.checked_sub(Chunk::OVERHEAD)?;
        let whole = left <= WHOLE && self.sent == 0;
        if whole && left as u64 <= room {
            return Some((left, true));
        }
        if whole && cost(left) <= self.patience {
            // Credit for all of it comes as soon as what was sent before has been read.
            return None;
        }
        let size = left
            .min(CHUNK)
            .min(usize::try_from(room).unwrap_or(usize::MAX));
        let enough = size == left || size as u64 >= MIN_CHUNK.min(self.patience / 2).max(1);
        enough.then_some((size, size == left))
    }
}

/// What a frame with a payload of `size` bytes costs of the window.
fn cost(size: usize) -> u64 {
    (size as u64).saturating_add(Chunk::OVERHEAD)
}
