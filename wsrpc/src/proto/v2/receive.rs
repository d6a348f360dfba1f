//! One direction of a call, as its receiver sees it.

use std::{num::NonZeroU64, task::Waker, time::Instant};

use bytes::Bytes;

use super::{
    super::Message,
    pool::Turn,
    queue::Queue,
    spare::{Home, Spare},
};
use crate::wire::v2::{Chunk, sizes};

/// The largest window that a stream grows to.
pub(super) const MAX_WINDOW: u64 = 8 * 1024 * 1024;

/// What a sender is given room for at the most of a message that memory was set aside for, beyond the window.
const MAX_AHEAD: u64 = 256 * 1024;

/// Memory that a message which has it set aside begins with: few are larger than 1 MiB of a user's, with what protobuf
/// puts around it, and to grow takes time.
const AT_ONCE: usize = 1025 * 1024;

/// What its reader has left after its turn is copied up to this size. It is a slice of the message that it came in,
/// which may be as large as the largest frame, and which a peer can fill up with what counts for nothing, or of memory
/// that small messages share: so what waits takes at most twice what it counts for.
const SMALL: usize = sizes::MAX_FRAME / 2;

/// What has arrived, and what the sender was given room for.
///
/// A message that came in one frame gives its room back when it is taken. One that comes in chunks has memory set aside
/// in the [`Pool`](super::pool::Pool), once its reader waits for it: from then on its sender has room for what is to
/// come of it, and need not wait for credit. The memory is given back when the message is taken.
///
/// ```text
///                  +--chunk, not the last one--+
///                  v                           |
///   between --first chunk--> amid a message ---+
///      ^                           |
///      +----------last chunk-------+
/// ```
#[derive(Debug)]
pub(super) struct ReceiveHalf {
    /// What the sender may still send.
    left: u64,
    window: u64,
    /// What the sender has beyond the window, for the rest of the message that is arriving.
    ahead: u64,
    /// What was taken in and not given back.
    owed: u64,
    messages: Queue<Arrived>,
    amid: Option<Box<Assembly>>,
    /// The reader has taken all there was, and waits for the next message.
    wanted: bool,
    /// The sender will send nothing more.
    last: bool,
    /// The last so many messages have come since what waits was shelved.
    fresh: u32,
    /// What the window grew by, which is the pool's.
    grown: u64,
    /// When credit was last given.
    credited: Option<Instant>,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Arrived {
    message: Message,
    held: Held,
}

/// What a message holds until it is taken.
#[derive(Clone, Copy, Debug)]
enum Held {
    /// This much of the window.
    Window(u64),
    /// This much of the pool.
    Pool(u64),
}

/// A message that is arriving.
#[derive(Debug)]
struct Assembly {
    buffer: Vec<u8>,
    total: u64,
    inflated: Option<NonZeroU64>,
    memory: Memory,
}

/// What a message that is arriving has of the pool.
#[derive(Debug)]
enum Memory {
    /// What it takes, which then goes there.
    Admitted(Home),
    /// Nothing yet: its chunks hold this much of the window.
    Waits { turn: Option<Turn>, window: u64 },
}

impl Assembly {
    /// What the message takes of the pool.
    fn reserves(&self) -> u64 {
        self.total.max(self.inflated.map_or(0, NonZeroU64::get))
    }

    /// What has not come yet.
    fn rest(&self) -> u64 {
        self.total.saturating_sub(self.buffer.len() as u64)
    }

    /// Has memory set aside, which may be memory of a message before it.
    fn admit(&mut self, spare: &mut Spare) {
        let total = self.len();
        if self.buffer.capacity() < total {
            if let Some(mut memory) = spare.take(total) {
                memory.extend_from_slice(&self.buffer);
                self.buffer = memory;
            }
        }
        self.memory = Memory::Admitted(spare.home(total));
    }

    /// The bytes of the message.
    fn len(&self) -> usize {
        usize::try_from(self.total).unwrap_or(usize::MAX)
    }

    /// Takes in the next bytes. Memory that is not there yet grows with what has come, for what was declared may never come.
    fn push(&mut self, payload: &[u8]) {
        let len = self.buffer.len();
        let needed = len.saturating_add(payload.len());
        let capacity = self.buffer.capacity();
        if capacity < needed {
            let least = match self.memory {
                Memory::Admitted(_) => AT_ONCE,
                Memory::Waits { .. } => 0,
            };
            let capacity = capacity.saturating_mul(2).max(least);
            let capacity = capacity.min(self.len()).max(needed);
            self.buffer.reserve_exact(capacity.saturating_sub(len));
        }
        self.buffer.extend_from_slice(payload);
    }
}

/// What a direction gives back when nobody wants it any more.
#[derive(Debug, Default, PartialEq)]
#[must_use]
pub(super) struct Freed {
    /// To the pool.
    pub(super) bytes: u64,
    /// In the pool's queue.
    pub(super) turn: Option<Turn>,
}

impl Freed {
    pub(super) fn bytes(bytes: u64) -> Self {
        Self { bytes, turn: None }
    }

    pub(super) fn turn(turn: Turn) -> Self {
        Self {
            bytes: 0,
            turn: Some(turn),
        }
    }

    pub(super) fn is_something(&self) -> bool {
        self.bytes > 0 || self.turn.is_some()
    }
}

/// A breach of the protocol, in words.
pub(super) type Violation = &'static str;

const OVER_WINDOW: Violation = "more was sent than the window has room for";

/// What a frame has brought about.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    /// Nothing that anyone waits for.
    Part,
    /// Memory for a message of this size is to be set aside: see [`ReceiveHalf::admit`] and [`ReceiveHalf::queue`].
    Begun(u64),
    /// Whoever waits is to be woken.
    Progress,
    /// The same, and the memory that the message waited for is not needed any more.
    Unadmitted(Turn),
    /// A message began that has this many bytes, which is over the limit. It was not taken in.
    TooLarge(u64),
}

impl ReceiveHalf {
    pub(super) fn new(window: u64) -> Self {
        Self {
            left: window,
            window,
            ahead: 0,
            owed: 0,
            messages: Queue::new(),
            amid: None,
            wanted: false,
            last: false,
            fresh: 0,
            grown: 0,
            credited: None,
            waker: None,
        }
    }

    /// The frame has come that opened the call. Its message, if it came whole, need not wait to be asked for.
    pub(super) fn receive_first(
        &mut self,
        chunk: Option<Chunk>,
        last: bool,
    ) -> Result<Option<Message>, Violation> {
        match chunk {
            Some(chunk) if chunk.total.is_none() => {
                let cost = chunk.cost();
                self.left = self.left.checked_sub(cost).ok_or(OVER_WINDOW)?;
                self.owed = cost;
                self.last = last;
                Ok(Some(Message {
                    payload: chunk.payload,
                    inflated: chunk.inflated,
                }))
            }
            // Memory for a message in chunks is set aside once it is asked for.
            chunk => self.receive(chunk, last, u64::MAX).map(|_| None),
        }
    }

    /// A frame has come. `limit` is what a message may have.
    pub(super) fn receive(
        &mut self,
        chunk: Option<Chunk>,
        last: bool,
        limit: u64,
    ) -> Result<Effect, Violation> {
        if self.last {
            return Err("data after the last message");
        }
        let effect = match chunk {
            Some(chunk) => self.receive_chunk(chunk, limit)?,
            None => Effect::Part,
        };
        if !last || matches!(effect, Effect::TooLarge(_)) {
            return Ok(effect);
        }
        if self.amid.is_some() {
            return Err("the last message is not complete");
        }
        self.last = true;
        Ok(match effect {
            Effect::Part => Effect::Progress,
            effect => effect,
        })
    }

    fn receive_chunk(&mut self, chunk: Chunk, limit: u64) -> Result<Effect, Violation> {
        let cost = chunk.cost();
        self.left = self.left.checked_sub(cost).ok_or(OVER_WINDOW)?;
        let Some(amid) = &mut self.amid else {
            return Ok(self.begin(chunk, cost, limit));
        };
        if chunk.total.is_some() || chunk.inflated.is_some() {
            return Err("a message begins within another");
        }
        let arrived = (amid.buffer.len() as u64).saturating_add(chunk.payload.len() as u64);
        if arrived > amid.total {
            return Err("a message is longer than it declared");
        }
        if chunk.payload.is_empty() {
            return Err("a chunk without a byte");
        }
        amid.push(&chunk.payload);
        match &mut amid.memory {
            Memory::Admitted(_) => {
                let ahead = amid.rest().min(MAX_AHEAD);
                let used = self.ahead.saturating_sub(ahead);
                self.ahead = ahead;
                self.owed = self.owed.saturating_add(cost).saturating_sub(used);
            }
            Memory::Waits { window, .. } => *window = window.saturating_add(cost),
        }
        if arrived < amid.total {
            return Ok(Effect::Part);
        }
        Ok(self.complete())
    }

    fn begin(&mut self, chunk: Chunk, cost: u64, limit: u64) -> Effect {
        let size = chunk.size();
        if size > limit {
            return Effect::TooLarge(size);
        }
        let Some(total) = chunk.total else {
            let message = Message {
                payload: chunk.payload,
                inflated: chunk.inflated,
            };
            self.push(message, Held::Window(cost));
            return Effect::Progress;
        };
        let mut amid = Assembly {
            buffer: Vec::new(),
            total: total.get(),
            inflated: chunk.inflated,
            memory: Memory::Waits {
                turn: None,
                window: cost,
            },
        };
        amid.push(&chunk.payload);
        self.amid = Some(Box::new(amid));
        self.asks().map_or(Effect::Part, Effect::Begun)
    }

    /// The reader waits for the next message. Returns what the one that is arriving takes of the pool, if that is to be
    /// set aside from now on.
    pub(super) fn want(&mut self) -> Option<u64> {
        self.wanted = true;
        self.asks()
    }

    /// Whether messages have come since what waits was shelved.
    pub(super) fn has_fresh(&self) -> bool {
        self.fresh > 0
    }

    /// Makes what has come and still waits for its reader keep alive no more than what it counts for.
    pub(super) fn shelve(&mut self) {
        let fresh = std::mem::take(&mut self.fresh) as usize;
        let before = self.messages.len().saturating_sub(fresh);
        for arrived in self.messages.iter_mut().skip(before) {
            let payload = &mut arrived.message.payload;
            if payload.len() <= SMALL {
                *payload = Bytes::copy_from_slice(payload);
            }
        }
    }

    /// Only what is waited for has memory set aside: what nobody reads would keep it from others.
    fn asks(&self) -> Option<u64> {
        let amid = self.amid.as_ref()?;
        let asks = self.wanted
            && self.messages.is_empty()
            && matches!(amid.memory, Memory::Waits { turn: None, .. });
        asks.then(|| amid.reserves())
    }

    fn complete(&mut self) -> Effect {
        let Some(amid) = self.amid.take() else {
            return Effect::Part;
        };
        let reserves = amid.reserves();
        // One that fitted into the window may be complete before its turn in the pool has come.
        let (payload, held, effect) = match amid.memory {
            Memory::Admitted(home) => {
                let held = Held::Pool(reserves);
                (home.lend(amid.buffer), held, Effect::Progress)
            }
            Memory::Waits { turn, window } => {
                let effect = turn.map_or(Effect::Progress, Effect::Unadmitted);
                (amid.buffer.into(), Held::Window(window), effect)
            }
        };
        let message = Message {
            payload,
            inflated: amid.inflated,
        };
        self.push(message, held);
        effect
    }

    #[inline]
    fn push(&mut self, message: Message, held: Held) {
        self.fresh = self.fresh.saturating_add(1);
        self.messages.push(Arrived { message, held });
    }

    /// The memory for the message that is arriving was set aside, and is `spare` where that will do.
    pub(super) fn admit(&mut self, spare: &mut Spare) {
        if let Some(amid) = &mut self.amid {
            if let Memory::Waits { window, .. } = amid.memory {
                amid.admit(spare);
                self.ahead = amid.rest().min(MAX_AHEAD);
                self.owed = self.owed.saturating_add(window).saturating_add(self.ahead);
            }
        }
    }

    /// The message that is arriving is to wait for its memory.
    pub(super) fn queue(&mut self, its: Turn) {
        if let Some(amid) = &mut self.amid {
            if let Memory::Waits { turn, .. } = &mut amid.memory {
                *turn = Some(its);
            }
        }
    }

    /// A message is arriving and not complete.
    pub(super) fn is_amid(&self) -> bool {
        self.amid.is_some()
    }

    /// Takes the next message. Beside it, what it gives back to the pool.
    #[inline]
    pub(super) fn take(&mut self) -> Option<(Message, u64)> {
        let Arrived { message, held } = self.messages.pop()?;
        Some((message, self.taken(held)))
    }

    /// Takes the next message, if there is one, into `place`, which is empty. Returns what it gives back to the pool.
    #[inline]
    pub(super) fn take_into(&mut self, place: &mut Message) -> u64 {
        let Some(arrived) = self.messages.front_mut() else {
            return 0;
        };
        std::mem::swap(place, &mut arrived.message);
        let held = arrived.held;
        self.messages.pop();
        self.taken(held)
    }

    /// A message was taken that held this. Returns what of it the pool gets back; of the window, its sender is owed it.
    #[inline]
    fn taken(&mut self, held: Held) -> u64 {
        self.wanted = false;
        match held {
            Held::Window(cost) => {
                self.owed = self.owed.saturating_add(cost);
                0
            }
            Held::Pool(bytes) => bytes,
        }
    }

    /// Messages that have arrived and were not taken.
    pub(super) fn arrived(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn is_last(&self) -> bool {
        self.last
    }

    /// Nothing more comes: what was half received never will.
    pub(super) fn set_last(&mut self) -> Freed {
        self.last = true;
        let mut freed = Freed::bytes(std::mem::take(&mut self.grown));
        if let Some(amid) = self.amid.take() {
            match amid.memory {
                Memory::Admitted(_) => freed.bytes = freed.bytes.saturating_add(amid.reserves()),
                Memory::Waits { turn, .. } => freed.turn = turn,
            }
        }
        freed
    }

    /// Drops all that has arrived: nobody wants it.
    pub(super) fn discard(&mut self) -> Freed {
        let mut freed = self.set_last();
        if self.messages.is_empty() && !self.messages.has_memory() {
            return freed;
        }
        while let Some((_, bytes)) = self.take() {
            freed.bytes = freed.bytes.saturating_add(bytes);
        }
        self.messages = Queue::new();
        freed
    }

    /// Whether it is time to give credit: a little at a time would cost a frame each.
    pub(super) fn owes(&self) -> bool {
        let size = self.window.saturating_add(self.ahead);
        !self.last && self.owed >= (size / 2).max(1)
    }

    /// The credit that is due now, which the sender has from here on.
    pub(super) fn give_credit(&mut self, now: Instant) -> u64 {
        let bytes = std::mem::take(&mut self.owed);
        self.left = self.left.saturating_add(bytes);
        self.credited = Some(now);
        bytes
    }

    /// What the window would grow by, were it to: to twice its size.
    pub(super) fn growth(&self) -> u64 {
        MAX_WINDOW.saturating_sub(self.window).min(self.window)
    }

    /// When credit was last given.
    pub(super) fn credited(&self) -> Option<Instant> {
        self.credited
    }

    /// The window grows by `bytes`, which were taken from the pool.
    pub(super) fn grow(&mut self, bytes: u64) {
        self.window = self.window.saturating_add(bytes);
        self.owed = self.owed.saturating_add(bytes);
        self.grown = self.grown.saturating_add(bytes);
    }

    /// The messages that have arrived and were not taken.
    #[cfg(test)]
    pub(super) fn payloads(&self) -> impl Iterator<Item = bytes::Bytes> {
        let messages = self.messages.iter();
        messages.map(|arrived| arrived.message.payload.clone())
    }

    /// All of the window is left, owed or held.
    #[cfg(test)]
    pub(super) fn check(&self) {
        let messages = self.messages.iter().map(|arrived| match arrived.held {
            Held::Window(bytes) => bytes,
            Held::Pool(_) => 0,
        });
        let amid = self.amid.as_ref().map_or(0, |amid| match amid.memory {
            Memory::Waits { window, .. } => window,
            Memory::Admitted(_) => 0,
        });
        let held = messages.sum::<u64>() + amid;
        if !self.last {
            assert_eq!(self.left + self.owed + held, self.window + self.ahead);
        }
    }

    /// What is left of the window, what of it is owed, and how large it is.
    #[cfg(test)]
    pub(super) fn window(&self) -> (u64, u64, u64) {
        (self.left, self.owed, self.window)
    }

    /// Whether messages have memory of their own.
    #[cfg(test)]
    pub(super) fn has_memory(&self) -> bool {
        self.messages.has_memory()
    }

    /// What the sender has beyond the window, or is owed.
    #[cfg(test)]
    pub(super) fn ahead(&self) -> u64 {
        self.ahead
    }

    /// Bytes set aside for the message that is arriving.
    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        self.amid.as_ref().map_or(0, |amid| amid.buffer.capacity())
    }

    pub(super) fn set_waker(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }
}
