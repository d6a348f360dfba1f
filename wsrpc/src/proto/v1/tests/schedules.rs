//! Thousands of random schedules on a [`Pair`], each held against what must be true of any.
//!
//! A schedule that fails names its seed: `check(seed)` alone runs it again.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    half::{Alarm, limits},
    pair::{Happened, Pair, Script, text_of},
};
use crate::{
    call_error::{CallError, Outcome},
    proto::{CallKey, Limits, OpenError, Ticket, v1::Core},
    session_end::SessionEnd,
    status::Code,
    wire::random::Random,
};

const SCHEDULES: u64 = 2_000;
const STEPS: usize = 60;

#[test]
fn whatever_the_schedule_each_call_ends_once_and_truly() {
    let mut all = Ends::default();
    for seed in 0..SCHEDULES {
        let result = std::panic::catch_unwind(|| check(seed));
        match result {
            Ok(ends) => ends
                .into_iter()
                .for_each(|(end, n)| *all.entry(end).or_default() += n),
            Err(_) => panic!("the schedule of seed {seed} failed, as said above"),
        }
    }
    // Schedules in which nothing happens prove nothing.
    for end in [
        "ok",
        "NotSent",
        "Unknown",
        "Ran",
        "refused",
        "cancelled",
        "full",
    ] {
        let times = all.get(end).copied().unwrap_or_default();
        assert!(times >= 200, "only {times} calls ended as {end}: {all:?}");
    }
}

/// How many calls ended how.
type Ends = HashMap<&'static str, usize>;

/// A caller that is polled when it is woken and never else.
struct Caller {
    id: u64,
    side: usize,
    payload: Bytes,
    deadline: Option<Instant>,
    alarm: Arc<Alarm>,
    waker: Waker,
    /// How often it had been woken when it was last polled.
    seen: usize,
    /// `None` while it waits for room.
    key: Option<CallKey>,
    ticket: Option<Ticket>,
}

/// What is known of each call, by its payload.
#[derive(Default)]
struct Model {
    transmitted: HashSet<Bytes>,
    started: HashSet<Bytes>,
    answered: HashSet<Bytes>,
    /// Calls whose callers are told already: nothing of them may be sent any more.
    over: HashSet<Bytes>,
}

struct Schedule {
    random: Random,
    limits: [Limits; 2],
    pair: Pair,
    callers: Vec<Caller>,
    model: Model,
    ends: Ends,
    calls: u64,
}

fn check(seed: u64) -> Ends {
    let mut random = Random::new(seed);
    let sides = [(); 2].map(|()| random_limits(&mut random));
    let window = 1 + random.below(4);
    let mut pair = Pair::new(sides.clone(), window);
    let mut handlers = Random::new(seed ^ 0xffff);
    pair.script = Box::new(move |_| {
        let script = match handlers.below(10) {
            0 => Script::Never,
            1 | 2 => Script::Fail,
            _ => Script::Echo,
        };
        (script, Duration::from_millis(handlers.below(300) as u64))
    });
    let mut schedule = Schedule {
        random,
        limits: sides,
        pair,
        callers: Vec::new(),
        model: Model::default(),
        ends: Ends::new(),
        calls: 0,
    };
    for _ in 0..STEPS {
        schedule.step();
    }
    schedule.finish();
    schedule.ends
}

/// Small enough that queues overflow.
fn random_limits(random: &mut Random) -> Limits {
    Limits {
        max_running: 1 + random.below(3),
        max_queued_bytes: random.below(3) * 400,
        max_unsent_bytes: random.below(4) * 300,
        max_send_size: 500,
        ..limits()
    }
}

impl Schedule {
    fn step(&mut self) {
        let side = self.random.below(2);
        match self.random.below(100) {
            0..=54 => self.call(side),
            55..=64 => self.cancel(),
            65..=95 => {
                self.pair.latency = Duration::from_millis(self.random.below(80) as u64);
                let millis = self.random.below(150) as u64;
                self.pair.run_for(Duration::from_millis(millis));
            }
            96 => self.pair.sides[side].core.drain(),
            97 if self.random.percent(20) => self.lose(),
            _ => {}
        }
        self.compare();
    }

    fn call(&mut self, side: usize) {
        self.calls += 1;
        let mut payload = self.calls.to_be_bytes().to_vec();
        payload.resize(8 + self.random.below(200), 0);
        let timeout = self
            .random
            .percent(70)
            .then(|| self.random.below(400) as u64);
        let now = self.pair.now;
        let (alarm, waker) = Alarm::new();
        let mut caller = Caller {
            id: self.calls,
            side,
            payload: payload.into(),
            deadline: timeout.map(|timeout| now + Duration::from_millis(timeout)),
            alarm,
            waker,
            seen: 0,
            key: None,
            ticket: None,
        };
        match poll(&mut caller, &mut self.pair.sides[side].core) {
            Some(result) => self.ended(&caller, result),
            None => {
                if caller.key.is_none() {
                    self.count("full");
                }
                self.callers.push(caller);
            }
        }
    }

    fn cancel(&mut self) {
        if self.callers.is_empty() {
            return;
        }
        let at = self.random.below(self.callers.len());
        let caller = self.callers.swap_remove(at);
        let core = &mut self.pair.sides[caller.side].core;
        if let Some(key) = caller.key {
            core.cancel(key);
        }
        if let Some(ticket) = caller.ticket {
            core.return_ticket(ticket);
        }
        self.model.over.insert(caller.payload);
        self.count("cancelled");
    }

    /// Both sides learn of it, one after the other.
    fn lose(&mut self) {
        self.pair.connected = false;
        for side in [0, 1] {
            let end = SessionEnd::Lost("cut".into());
            self.pair.sides[side].core.end(end);
            self.compare();
            self.pair.run_for(Duration::from_millis(30));
        }
    }

    /// Lets the callers see what has happened, and holds it against the model.
    fn compare(&mut self) {
        // What was sent was sent before anybody was told of it.
        for happened in std::mem::take(&mut self.pair.log) {
            let fresh = match happened {
                Happened::Transmitted(payload) => {
                    assert!(!self.model.over.contains(&payload), "sent after its end");
                    self.model.transmitted.insert(payload)
                }
                Happened::Started(payload) => {
                    assert!(self.model.transmitted.contains(&payload));
                    self.model.started.insert(payload)
                }
                Happened::Answered(payload) => self.model.answered.insert(payload),
            };
            assert!(fresh, "it happened twice");
        }
        loop {
            for side in &mut self.pair.sides {
                let mut wakers = Vec::new();
                side.core.take_wakers(&mut wakers);
                wakers.into_iter().for_each(Waker::wake);
            }
            let woken = |caller: &Caller| caller.alarm.rang() > caller.seen;
            let Some(at) = self.callers.iter().position(woken) else {
                break;
            };
            let caller = &mut self.callers[at];
            caller.seen = caller.alarm.rang();
            if let Some(result) = poll(caller, &mut self.pair.sides[caller.side].core) {
                let caller = self.callers.swap_remove(at);
                self.ended(&caller, result);
            }
        }
    }

    fn ended(&mut self, caller: &Caller, result: Result<Bytes, CallError>) {
        let Model {
            transmitted,
            started,
            answered,
            over,
        } = &mut self.model;
        let payload = &caller.payload;
        assert!(over.insert(payload.clone()), "it ended twice");
        let error = match result {
            Ok(answer) => {
                assert_eq!(&answer, payload, "another caller's answer");
                assert!(answered.contains(payload), "an answer that nobody gave");
                return self.count("ok");
            }
            Err(error) => error,
        };
        if error.code() == Code::DEADLINE_EXCEEDED {
            assert!(caller.deadline.unwrap() <= self.pair.now, "too early");
        }
        let end = match error.outcome() {
            Outcome::NotSent => {
                assert!(!transmitted.contains(payload), "it was sent: {error}");
                "NotSent"
            }
            Outcome::Unknown => {
                assert!(transmitted.contains(payload), "it was not sent: {error}");
                "Unknown"
            }
            Outcome::Ran if error.message() == text_of(payload) => {
                assert!(started.contains(payload), "it never ran: {error}");
                "Ran"
            }
            Outcome::Ran | Outcome::Refused => {
                // A refusal of the callee's side, which version 1 cannot tell from a handler's answer.
                assert!(!started.contains(payload), "it ran: {error}");
                let text = error.message();
                let shuts_down = text == "unavailable: shutting down";
                assert!(
                    shuts_down || text.starts_with("resource_exhausted: "),
                    "{text}"
                );
                "refused"
            }
        };
        self.count(end);
    }

    /// Lets every call end by itself, and then looks for what was left behind.
    fn finish(&mut self) {
        for _ in 0..200 {
            self.pair.run_for(Duration::from_millis(100));
            self.compare();
        }
        for caller in &self.callers {
            assert_eq!(caller.deadline, None, "call {} is overdue", caller.id);
            assert!(!self.model.answered.contains(&caller.payload));
        }
        while self.pair.end_handlers() {
            self.pair.run_for(Duration::from_secs(10));
            self.compare();
        }
        let left: Vec<_> = self.callers.iter().map(|caller| caller.id).collect();
        assert!(left.is_empty(), "nobody woke the callers {left:?}");
        for (side, limits) in self.pair.sides.iter_mut().zip(&self.limits) {
            let core = &mut side.core;
            assert_eq!(core.calls_in_flight(), 0);
            assert!(!core.has_unsent());
            if core.ended().is_none() {
                core.drain();
                assert!(core.is_drained(), "a slot is still held");
                let mut fresh = Core::new(limits.clone().into(), 0, self.pair.now);
                assert_eq!(room(core), room(&mut fresh), "bytes are still counted");
            }
        }
    }

    fn count(&mut self, end: &'static str) {
        *self.ends.entry(end).or_default() += 1;
    }
}

/// How many calls may wait to be sent.
fn room(core: &mut Core) -> usize {
    let mut opened = || core.open("Ping", "x".into(), None, None, Waker::noop());
    std::iter::from_fn(|| opened().ok()).count()
}

/// Does what a caller's future does when it is polled.
fn poll(caller: &mut Caller, core: &mut Core) -> Option<Result<Bytes, CallError>> {
    if caller.key.is_none() {
        let payload = caller.payload.clone();
        let ticket = caller.ticket.take();
        match core.open("Ping", payload, caller.deadline, ticket, &caller.waker) {
            Ok(key) => caller.key = Some(key),
            Err(OpenError::Full(ticket)) => {
                caller.ticket = Some(ticket);
                return None;
            }
            Err(OpenError::Failed(error)) => return Some(Err(error)),
        }
    }
    core.poll_call(caller.key?, &caller.waker)
}
