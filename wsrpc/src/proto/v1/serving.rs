//! The calls that this side answers.

use std::collections::{HashSet, VecDeque};

use slab::Slab;

use crate::{
    metadata::Metadata,
    proto::{FEW_CALLS, Incoming, Slot},
    wire::{Text, v1::Request},
};

/// The calls that run, up to a limit, and those that wait for one of them to end.
///
/// ```text
///   admit --> running --answer--> answered --release--> gone
///     |          ^
///     +-> queued +          (a slot is held until the transport took its answer)
///     +-> Full
/// ```
#[derive(Debug)]
pub(super) struct Serving {
    max_running: usize,
    max_queued_bytes: usize,
    running: Slab<Running>,
    queue: VecDeque<Request>,
    queued_bytes: usize,
    /// The ids of all calls that run or wait: a second call under one of them could not be told apart.
    ids: HashSet<Text>,
    next_sequence: u32,
}

#[derive(Debug)]
struct Running {
    sequence: u32,
    call_id: Text,
    answered: bool,
}

/// What a queued call costs beside its payload.
const OVERHEAD: usize = 256;

#[derive(Debug, PartialEq)]
pub(super) enum Admission {
    Start(Incoming),
    Queued,
    /// Neither a slot nor room in the queue.
    Full,
    /// A call under the same id is still being answered.
    Duplicate,
}

impl Serving {
    pub(super) fn new(max_running: usize, max_queued_bytes: usize) -> Self {
        Self {
            max_running,
            max_queued_bytes,
            running: Slab::new(),
            queue: VecDeque::new(),
            queued_bytes: 0,
            ids: HashSet::new(),
            next_sequence: 0,
        }
    }

    pub(super) fn admit(&mut self, mut request: Request) -> Admission {
        if self.ids.contains(&request.call_id) {
            return Admission::Duplicate;
        }
        if self.running.len() < self.max_running {
            // The id is a slice of the call, which may be large and is not to be kept alive until its answer is sent.
            request.call_id = request.call_id.detached();
            self.ids.insert(request.call_id.clone());
            return Admission::Start(self.start(request));
        }
        let queued_bytes = self.queued_bytes.saturating_add(cost(&request));
        if queued_bytes > self.max_queued_bytes {
            return Admission::Full;
        }
        // What waits must not keep alive more than it counts.
        let request = request.detached();
        self.ids.insert(request.call_id.clone());
        self.queued_bytes = queued_bytes;
        self.queue.push_back(request);
        Admission::Queued
    }

    /// The handler ended: the id that its answer goes under, once.
    pub(super) fn answer(&mut self, slot: Slot) -> Option<Text> {
        let running = self.find_mut(slot)?;
        if running.answered {
            return None;
        }
        running.answered = true;
        Some(running.call_id.clone())
    }

    /// The transport took the answer: the slot is free, and the next call in the queue may start.
    pub(super) fn release(&mut self, slot: Slot) -> Option<Incoming> {
        self.find_mut(slot)?;
        let gone = self.running.try_remove(slot.index())?;
        self.ids.remove(&gone.call_id);
        let request = self.queue.pop_front()?;
        self.queued_bytes = self.queued_bytes.saturating_sub(cost(&request));
        Some(self.start(request))
    }

    /// Drops all of it: no answer will be wanted.
    pub(super) fn clear(&mut self) {
        self.running = Slab::new();
        self.queue = VecDeque::new();
        self.queued_bytes = 0;
        self.ids = HashSet::new();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Whether it has room for more than a few calls.
    pub(super) fn has_grown(&self) -> bool {
        self.running.capacity() > FEW_CALLS
    }

    /// Gives back memory that only a burst needed.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            self.clear();
        }
    }

    fn start(&mut self, request: Request) -> Incoming {
        let sequence = self.next_sequence;
        self.next_sequence = self.next_sequence.wrapping_add(1);
        let index = self.running.insert(Running {
            sequence,
            call_id: request.call_id,
            answered: false,
        });
        Incoming {
            slot: Slot::new(index, sequence),
            method: request.method,
            metadata: Metadata::default(),
            deadline: None,
            first: Some(request.payload.into()),
            last: true,
        }
    }

    fn find_mut(&mut self, slot: Slot) -> Option<&mut Running> {
        self.running
            .get_mut(slot.index())
            .filter(|running| running.sequence == slot.sequence)
    }
}

fn cost(request: &Request) -> usize {
    request
        .payload
        .len()
        .saturating_add(request.method.len())
        .saturating_add(OVERHEAD)
}
