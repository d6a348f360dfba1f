//! When calls time out.

use std::{cmp::Reverse, collections::BinaryHeap, time::Instant};

use super::{CallKey, FEW_CALLS};

/// The deadlines of calls, soonest first.
///
/// A call that ends leaves its entry behind, which costs nothing at the end and is skipped when its time comes. Once
/// most entries are of ended calls, they are swept out, so that memory follows the calls in flight.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Instant, CallKey)>>,
}

/// Below this many entries a sweep gains nothing.
const SWEEP_ABOVE: usize = 256;

impl Deadlines {
    /// Adds the deadline of a call. `live` tells, once in a while, whether a call is still in flight.
    pub(super) fn insert(
        &mut self,
        deadline: Instant,
        key: CallKey,
        in_flight: usize,
        live: impl Fn(CallKey) -> bool,
    ) {
        if self.heap.len() > SWEEP_ABOVE && self.heap.len() / 2 > in_flight {
            self.heap.retain(|Reverse((_, key))| live(*key));
        }
        self.heap.push(Reverse((deadline, key)));
    }

    /// The soonest deadline, which may be that of a call that has ended since.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// Takes out the call whose deadline is the soonest of those not after `now`.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Option<CallKey> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, key))| key)
    }

    /// Whether it has room for far more than a few calls have: what has ended is in there as well.
    pub(super) fn has_grown(&self) -> bool {
        self.heap.capacity() > 8 * FEW_CALLS
    }

    pub(super) fn clear(&mut self) {
        self.heap = BinaryHeap::new();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}
