//! Two cores on a link with latency and little room, in virtual time, with callers and handlers that are polled when
//! they are woken and never else.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::actors::{Call, Caller, Handler};
use crate::{
    proto::{
        Event, Limits, PeerLimits, Transmit,
        v2::{Core, Parity},
    },
    session_end::SessionEnd,
    wire::{
        random::Random,
        v2::{self as wire, Frame},
    },
};

/// A waker that counts how often it was woken.
#[derive(Debug, Default)]
pub(super) struct Alarm(AtomicUsize);

impl Alarm {
    pub(super) fn new() -> (Arc<Self>, Waker) {
        let alarm = Arc::<Self>::default();
        (alarm.clone(), alarm.into())
    }

    pub(super) fn rang(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// When an actor goes on: when it is woken, and after its pauses.
#[derive(Debug)]
pub(super) struct Pace {
    alarm: Arc<Alarm>,
    pub(super) waker: Waker,
    seen: usize,
    /// It does nothing before, and something then.
    resumes: Option<Instant>,
    /// In how many of a hundred cases it pauses.
    slow: usize,
}

impl Pace {
    pub(super) fn new(slow: usize, now: Instant) -> Self {
        let (alarm, waker) = Alarm::new();
        Self {
            alarm,
            waker,
            seen: 0,
            resumes: Some(now),
            slow,
        }
    }

    /// Whether it is its turn.
    pub(super) fn goes_on(&mut self, now: Instant) -> bool {
        let goes_on = match self.resumes {
            Some(resumes) => resumes <= now,
            None => self.alarm.rang() > self.seen,
        };
        if goes_on {
            self.resumes = None;
            self.seen = self.alarm.rang();
        }
        goes_on
    }

    /// Whether it makes a pause now.
    pub(super) fn pauses(&mut self, random: &mut Random, now: Instant) -> bool {
        let pauses = random.percent(self.slow);
        if pauses {
            self.resume_at(now + Duration::from_millis(1 + random.below(200) as u64));
        }
        pauses
    }

    pub(super) fn resume_at(&mut self, at: Instant) {
        self.resumes = Some(at);
    }
}

#[derive(Debug)]
enum Packet {
    Frame(Bytes),
    Ping,
    Pong,
}

/// One side: its core, and what is on its way to it.
pub(super) struct Side {
    pub(super) core: Core,
    arriving: VecDeque<(Instant, Packet)>,
    arriving_bytes: usize,
}

pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) sides: [Side; 2],
    pub(super) random: Random,
    pub(super) calls: Vec<Call>,
    pub(super) callers: Vec<Caller>,
    pub(super) handlers: Vec<Handler>,
    pub(super) latency: Duration,
    /// Bytes that the link takes each way before some have arrived.
    pub(super) capacity: usize,
    pub(super) connected: bool,
}

/// What a side's limits promise to the other.
pub(super) fn promised(limits: &Limits) -> PeerLimits {
    PeerLimits {
        initial_window: limits.initial_window,
        max_message_size: limits.max_recv_size as u64,
        max_metadata_size: 8192,
        zstd: false,
    }
}

impl Pair {
    pub(super) fn new(limits: [Limits; 2], random: Random, capacity: usize) -> Self {
        let now = Instant::now();
        let [first, second] = limits;
        let peers = [promised(&second), promised(&first)];
        let core = |limits: Limits, parity, peer| Side {
            core: Core::new(limits.into(), parity, peer, now),
            arriving: VecDeque::new(),
            arriving_bytes: 0,
        };
        Self {
            now,
            sides: [
                core(first, Parity::Odd, peers[0]),
                core(second, Parity::Even, peers[1]),
            ],
            random,
            calls: Vec::new(),
            callers: Vec::new(),
            handlers: Vec::new(),
            latency: Duration::from_millis(20),
            capacity,
            connected: true,
        }
    }

    /// Lets everything happen that happens within `duration`, in order.
    pub(super) fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
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

    /// Whether nothing is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        let quiet = |side: &Side| side.arriving.is_empty() && !side.core.has_unsent();
        self.connected && self.sides.iter().all(quiet)
    }

    /// Both sides learn that the link is gone, one after the other.
    pub(super) fn lose(&mut self) {
        self.connected = false;
        for side in [0, 1] {
            let end = SessionEnd::Lost("cut".into());
            self.sides[side].core.end(end);
            self.run_for(Duration::from_millis(30));
        }
    }

    /// Does all that is due now, on both sides.
    fn settle(&mut self) {
        loop {
            let mut any = false;
            for side in [0, 1] {
                any |= self.receive(side) | self.run_events(side) | self.transmit(side);
            }
            for side in &mut self.sides {
                let mut wakers = Vec::new();
                side.core.take_wakers(&mut wakers);
                wakers.into_iter().for_each(Waker::wake);
            }
            if !(any | self.run_actors()) {
                return;
            }
        }
    }

    fn next_event(&self) -> Option<Instant> {
        let of_side = |side: &Side| {
            let arrival = side.arriving.front().map(|(at, _)| *at);
            [arrival.filter(|_| self.connected), side.core.next_timeout()]
        };
        let callers = self.callers.iter().map(|caller| &caller.pace);
        let handlers = self.handlers.iter().map(|handler| &handler.pace);
        let resumes = callers.chain(handlers).filter_map(|pace| pace.resumes);
        let sides = self.sides.iter().flat_map(of_side).flatten();
        sides.chain(resumes).min()
    }

    fn receive(&mut self, side: usize) -> bool {
        let now = self.now;
        let mut any = false;
        self.sides[side].core.shelve();
        loop {
            let this = &mut self.sides[side];
            let due = this.arriving.front().is_some_and(|(at, _)| *at <= now);
            if !self.connected || !due {
                break;
            }
            let Some((_, packet)) = this.arriving.pop_front() else {
                break;
            };
            any = true;
            this.core.keepalive().heard(now);
            match packet {
                Packet::Frame(frame) => {
                    this.arriving_bytes -= frame.len();
                    this.core.receive(&frame, now);
                }
                Packet::Ping => self.send(side, Packet::Pong),
                Packet::Pong => this.core.ponged(now),
            }
        }
        let core = &mut self.sides[side].core;
        if core.next_timeout().is_some_and(|next| next <= now) {
            core.handle_timeout(now);
            any = true;
        }
        any
    }

    fn run_events(&mut self, side: usize) -> bool {
        let mut any = false;
        while let Some(event) = self.sides[side].core.poll_event() {
            any = true;
            match event {
                Event::Ping => self.send(side, Packet::Ping),
                Event::Start(incoming) => self.start(side, incoming),
                Event::Stop(slot) => self.stop(side, slot),
                Event::Shrink | Event::GoingAway { .. } => {}
                Event::Pong => panic!("version 2 has no pongs that nobody asked for"),
            }
        }
        any
    }

    fn transmit(&mut self, side: usize) -> bool {
        let mut any = false;
        let mut out = Transmit::default();
        while !self.connected || self.sides[1 - side].arriving_bytes < self.capacity {
            if !self.sides[side].core.transmit(self.now, &mut out) {
                break;
            }
            let frame = Bytes::from([&*out.head, &*out.payload].concat());
            out.head.clear();
            out.payload.clear();
            assert!(frame.len() <= 131_072, "a frame of {} bytes", frame.len());
            if let Ok(Frame::Open(open)) = wire::decode(frame.clone()) {
                self.opened(&open.metadata);
            }
            self.send(side, Packet::Frame(frame));
            any = true;
        }
        any
    }

    fn send(&mut self, from: usize, packet: Packet) {
        let to = &mut self.sides[1 - from];
        if let Packet::Frame(frame) = &packet {
            to.arriving_bytes += frame.len();
        }
        // Later latencies may be shorter, but nothing overtakes.
        let last = to.arriving.back().map_or(self.now, |(at, _)| *at);
        let at = last.max(self.now + self.latency);
        to.arriving.push_back((at, packet));
    }
}
