//! Two cores on a link with latency, in virtual time.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::half::limits;
use crate::{
    proto::{Event, KeepaliveConfig, Limits, Refusal, Slot, Transmit, v1::Core},
    session_end::SessionEnd,
    status::Status,
    wire::v1::{self as wire, Frame},
};

/// What a callee makes of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Script {
    Echo,
    Fail,
    Never,
}

type Answer = (Slot, Result<Bytes, Refusal>);

/// How a call is answered, and after how long.
type Answers = Box<dyn FnMut(&Bytes) -> (Script, Duration)>;

/// One side: its core, the bytes on their way to it, and its handlers at work.
pub(super) struct Side {
    pub(super) core: Core,
    arriving: VecDeque<(Instant, Bytes)>,
    handlers: BTreeMap<(Instant, u64), Answer>,
    /// Handlers that do not answer unless they are [told to](Pair::end_handlers).
    stuck: Vec<Answer>,
    /// Messages that the link takes before one has arrived.
    window: usize,
    pub(super) pings: usize,
    pub(super) pongs: usize,
}

/// What happened to the call of this payload, for a model to compare with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Happened {
    Transmitted(Bytes),
    Started(Bytes),
    Answered(Bytes),
}

pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) sides: [Side; 2],
    pub(super) latency: Duration,
    pub(super) log: Vec<Happened>,
    /// Whether bytes still arrive.
    pub(super) connected: bool,
    pub(super) script: Answers,
    handlers: u64,
}

impl Pair {
    pub(super) fn new(limits: [Limits; 2], window: usize) -> Self {
        let now = Instant::now();
        let mut salt = 0;
        let sides = limits.map(|limits| {
            salt += 1;
            Side {
                core: Core::new(limits.into(), salt, now),
                arriving: VecDeque::new(),
                handlers: BTreeMap::new(),
                stuck: Vec::new(),
                window,
                pings: 0,
                pongs: 0,
            }
        });
        Self {
            now,
            sides,
            latency: Duration::from_millis(50),
            log: Vec::new(),
            connected: true,
            script: Box::new(|_| (Script::Echo, Duration::ZERO)),
            handlers: 0,
        }
    }

    /// Lets everything happen that happens until `end`, in order.
    pub(super) fn run_until(&mut self, end: Instant) {
        for _ in 0..1_000_000 {
            self.settle();
            match self.next_event().filter(|next| *next <= end) {
                Some(next) => self.now = self.now.max(next),
                None => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("it does not come to rest");
    }

    pub(super) fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// Lets those handlers fail that would never have answered. Returns whether there were any.
    pub(super) fn end_handlers(&mut self) -> bool {
        let mut any = false;
        for side in &mut self.sides {
            for (slot, result) in side.stuck.drain(..) {
                side.core.answer(slot, result);
                any = true;
            }
        }
        any
    }

    /// Does all that is due now, on both sides.
    fn settle(&mut self) {
        while (0..2).any(|side| self.receive(side) | self.work(side) | self.transmit(side)) {}
    }

    fn next_event(&self) -> Option<Instant> {
        let of_side = |side: &Side| {
            let arrival = side.arriving.front().map(|(at, _)| *at);
            let handler = side.handlers.keys().next().map(|(at, _)| *at);
            let timeout = side.core.next_timeout();
            [arrival.filter(|_| self.connected), handler, timeout]
        };
        self.sides.iter().flat_map(of_side).flatten().min()
    }

    fn receive(&mut self, side: usize) -> bool {
        let this = &mut self.sides[side];
        let mut any = false;
        while self.connected && this.arriving.front().is_some_and(|(at, _)| *at <= self.now) {
            let (_, frame) = this.arriving.pop_front().unwrap();
            this.core.keepalive().heard(self.now);
            if !frame.is_empty() {
                this.core.receive(frame);
            }
            any = true;
        }
        if this
            .core
            .next_timeout()
            .is_some_and(|next| next <= self.now)
        {
            this.core.handle_timeout(self.now);
            any = true;
        }
        any
    }

    /// Starts handlers, and ends those whose time has come.
    fn work(&mut self, side: usize) -> bool {
        let mut any = false;
        while let Some(event) = self.sides[side].core.poll_event() {
            any = true;
            match event {
                Event::Ping => {
                    self.sides[side].pings += 1;
                    // The peer's transport answers, which is a byte in each direction.
                    self.send(side, Bytes::new());
                    self.send(1 - side, Bytes::new());
                }
                Event::Pong => {
                    self.sides[side].pongs += 1;
                    self.send(side, Bytes::new());
                }
                Event::Start(incoming) => {
                    let payload = incoming.payload();
                    let (script, delay) = (self.script)(&payload);
                    let failure = Status::aborted(text_of(&payload));
                    let result = match script {
                        Script::Echo => Ok(payload.clone()),
                        Script::Fail | Script::Never => Err(Refusal::ByHandler(failure)),
                    };
                    self.log.push(Happened::Started(payload));
                    self.handlers += 1;
                    let due = (self.now + delay, self.handlers);
                    let answer = (incoming.slot, result);
                    let this = &mut self.sides[side];
                    match script {
                        Script::Never => this.stuck.push(answer),
                        _ => drop(this.handlers.insert(due, answer)),
                    }
                }
                event => panic!("version 1 has no {event:?}"),
            }
        }
        let this = &mut self.sides[side];
        while let Some(entry) = this.handlers.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let (slot, result) = entry.remove();
            if let Ok(payload) = &result {
                let payload = payload.clone();
                self.log.push(Happened::Answered(payload));
            }
            this.core.answer(slot, result);
            any = true;
        }
        any
    }

    fn transmit(&mut self, side: usize) -> bool {
        let mut any = false;
        while !self.connected || self.sides[1 - side].arriving.len() < self.sides[side].window {
            let mut out = Transmit::default();
            if !self.sides[side].core.transmit(self.now, &mut out) {
                break;
            }
            let frame = out.into_bytes();
            if let Ok(Frame::Request(request)) = wire::decode(frame.clone()) {
                self.log.push(Happened::Transmitted(request.payload));
            }
            self.send(side, frame);
            any = true;
        }
        any
    }

    fn send(&mut self, from: usize, frame: Bytes) {
        let arriving = &mut self.sides[1 - from].arriving;
        // Later latencies may be shorter, but nothing overtakes.
        let last = arriving.back().map_or(self.now, |(at, _)| *at);
        arriving.push_back((last.max(self.now + self.latency), frame));
    }
}

/// The text that a handler fails a call of this payload with.
pub(super) fn text_of(payload: &[u8]) -> String {
    format!("no {:02x?}", &payload[..8.min(payload.len())])
}

fn pair_with(keepalive: KeepaliveConfig) -> Pair {
    let limits = Limits {
        keepalive,
        ..limits()
    };
    Pair::new([limits.clone(), limits], 100)
}

const KEEPALIVE: KeepaliveConfig = KeepaliveConfig {
    ping_after: Duration::from_secs(15),
    idle_timeout: Duration::from_secs(45),
    tick_after: Duration::from_secs(5),
    write_timeout: Duration::from_secs(10),
};

#[test]
fn two_idle_sides_keep_each_other_alive_for_a_day() {
    let mut pair = pair_with(KEEPALIVE);
    pair.run_for(Duration::from_secs(24 * 3600));
    for side in &pair.sides {
        assert_eq!(side.core.ended(), None);
        assert_eq!(side.pongs, 24 * 3600 / 5);
        assert_eq!(side.pings, 0, "a pong every 5 s is life enough");
    }
}

#[test]
fn pings_alone_keep_two_idle_sides_alive() {
    let mut pair = pair_with(KeepaliveConfig {
        tick_after: Duration::MAX,
        ..KEEPALIVE
    });
    pair.run_for(Duration::from_secs(3600));
    for side in &pair.sides {
        assert_eq!(side.core.ended(), None);
        assert!((200..=240).contains(&side.pings), "{} pings", side.pings);
    }
}

#[test]
fn a_link_that_falls_silent_ends_both_sides_and_their_calls() {
    let mut pair = pair_with(KEEPALIVE);
    pair.script = Box::new(|_| (Script::Never, Duration::ZERO));
    let waker = std::task::Waker::noop();
    let core = &mut pair.sides[0].core;
    let key = core.open("Ping", "x".into(), None, None, waker).unwrap();
    pair.run_for(Duration::from_secs(7));
    pair.connected = false;
    pair.run_for(Duration::from_secs(43));
    assert_eq!(pair.sides[0].core.calls_in_flight(), 1);
    pair.run_for(Duration::from_secs(1));
    let end = SessionEnd::KeepaliveTimeout(KEEPALIVE.idle_timeout);
    for side in &pair.sides {
        assert_eq!(side.core.ended(), Some(&end));
    }
    let result = pair.sides[0].core.poll_call(key, waker).unwrap();
    assert_eq!(result.unwrap_err(), end.call_error(crate::Outcome::Unknown));
}
