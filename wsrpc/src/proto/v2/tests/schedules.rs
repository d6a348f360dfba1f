//! Thousands of random schedules on a [`Pair`], each held against what must be true of any.
//!
//! A schedule that fails names its seed: `check(seed)` alone runs it again.

use std::{
    collections::BTreeMap,
    sync::OnceLock,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    actors::{Call, Script},
    half::limits,
    pair::Pair,
};
use crate::{
    proto::{Limits, v2::Core},
    session_end::SessionEnd,
    wire::random::Random,
};

const SCHEDULES: u64 = 3_000;
const STEPS: usize = 40;

#[test]
fn whatever_the_schedule_each_call_ends_once_and_truly() {
    let mut all = BTreeMap::<String, usize>::new();
    for seed in 0..SCHEDULES {
        match std::panic::catch_unwind(|| check(seed)) {
            Ok(ends) => ends
                .into_iter()
                .for_each(|end| *all.entry(end).or_default() += 1),
            Err(_) => panic!("the schedule of seed {seed} failed, as said above"),
        }
    }
    // Schedules in which nothing happens prove nothing.
    for end in ["ok", "dropped", "NotSent", "Refused", "Ran", "Unknown"] {
        let times = all.get(end).copied().unwrap_or_default();
        assert!(times >= 500, "only {times} calls ended as {end}: {all:?}");
    }
}

fn check(seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    let limits = [(); 2].map(|()| random_limits(&mut random));
    let capacity = [1, 2_000, 100_000][random.below(3)];
    let mut pair = Pair::new(limits.clone(), Random::new(seed ^ 0xffff), capacity);
    for _ in 0..STEPS {
        step(&mut pair, &mut random);
        compare_windows(&mut pair);
    }
    finish(&mut pair, &limits);
    let end = |call: &Call| match call.ended.as_ref().unwrap() {
        None => "dropped".into(),
        Some(Ok(())) => "ok".into(),
        Some(Err(error)) => format!("{:?}", error.outcome()),
    };
    pair.calls.iter().map(end).collect()
}

/// Small enough that everything overflows.
fn random_limits(random: &mut Random) -> Limits {
    Limits {
        max_running: 1 + random.below(6),
        max_unsent_bytes: random.below(4) * 3_000,
        max_recv_size: [20_000, 150_000, 400_000][random.below(3)],
        max_recv_memory: [0, 200_000, 1_000_000][random.below(3)],
        initial_window: [1_024, 1_025, 5_000, 65_536, 131_072][random.below(5)],
        ..limits()
    }
}

fn step(pair: &mut Pair, random: &mut Random) {
    match random.below(100) {
        0..=44 => {
            let mut call = plan(random, pair.now);
            call.side = random.below(2);
            pair.call(call);
        }
        45..=52 if !pair.callers.is_empty() => {
            let at = random.below(pair.callers.len());
            pair.drop_caller(at);
        }
        53..=95 => {
            pair.latency = Duration::from_millis(random.below(80) as u64);
            pair.run_for(Duration::from_millis(random.below(300) as u64));
        }
        96 if random.percent(30) => {
            let spread = Duration::from_secs(random.below(10) as u64);
            pair.sides[random.below(2)].core.drain(spread);
        }
        97 if random.percent(30) => pair.lose(),
        _ => {}
    }
}

/// A call at random, of any kind.
pub(super) fn plan(random: &mut Random, now: Instant) -> Call {
    let (streams_requests, streams_responses) = (random.percent(50), random.percent(50));
    let messages = |random: &mut Random, streams| {
        let number = if streams { random.below(12) } else { 1 };
        (0..number).map(|_| message(random)).collect::<Vec<_>>()
    };
    let requests = messages(random, streams_requests);
    let responses = messages(random, streams_responses);
    let timeout = random.percent(30).then(|| random.below(2_000) as u64);
    let nested = random.percent(20);
    Call {
        streams_requests,
        streams_responses,
        script: Script {
            refused: random.percent(5),
            // One that keeps requests from being read must not wait for others.
            reads: nested || random.percent(80),
            nested,
            fails_after: random
                .percent(15)
                .then(|| random.below(responses.len() + 1)),
            never: random.percent(8),
            slow: [0, 0, 10, 60][random.below(4)],
        },
        requests,
        responses,
        deadline: timeout.map(|timeout| now + Duration::from_millis(timeout)),
        ..Call::default()
    }
}

/// Of any size that makes a difference.
fn message(random: &mut Random) -> Bytes {
    static NOISE: OnceLock<Bytes> = OnceLock::new();
    let noise = NOISE.get_or_init(|| Random::new(1).bytes(400_000).into());
    let len = match random.below(100) {
        0..=9 => 0,
        10..=59 => random.below(300),
        60..=79 => random.below(5_000),
        80..=93 => random.below(70_000),
        _ => random.below(300_000),
    };
    let at = random.below(noise.len() - len);
    noise.slice(at..at + len)
}

/// When nothing is on its way, both sides agree on every window.
fn compare_windows(pair: &mut Pair) {
    let [first, second] = &pair.sides;
    for core in [&first.core, &second.core] {
        for (_, exchange) in core.exchanges.iter() {
            exchange.receive.check();
        }
    }
    if !pair.is_quiet() {
        return;
    }
    for (ours, theirs) in [(&first.core, &second.core), (&second.core, &first.core)] {
        for (_, exchange) in ours.exchanges.iter() {
            let peers = theirs.exchanges.iter().find(|(_, e)| e.id == exchange.id);
            let Some((_, peers)) = peers.filter(|_| exchange.id != 0) else {
                continue;
            };
            if exchange.is_live() && peers.is_live() {
                let (left, ..) = peers.receive.window();
                assert_eq!(exchange.send.credit(), left, "call {}", exchange.id);
            }
        }
    }
}

/// Lets every call end by itself, and then looks for what was left behind.
fn finish(pair: &mut Pair, limits: &[Limits; 2]) {
    pair.latency = Duration::from_millis(1);
    pair.run_for(Duration::from_secs(60));
    compare_windows(pair);
    for caller in &pair.callers {
        let deadline = pair.calls[caller.call].deadline;
        assert_eq!(deadline, None, "call {} is overdue", caller.call);
    }
    while pair.stop_handlers() {
        pair.run_for(Duration::from_secs(60));
        compare_windows(pair);
    }
    let left: Vec<_> = pair.callers.iter().map(|caller| caller.call).collect();
    assert!(left.is_empty(), "nobody woke the callers {left:?}");
    assert!(pair.handlers.is_empty(), "nobody woke the handlers");
    for call in &pair.calls {
        if let Some(Some(Err(error))) = &call.ended {
            let safe = error.outcome().is_safe_to_retry();
            assert!(!(safe && call.started), "it ran after all: {error}");
        }
    }
    for (side, limits) in pair.sides.iter().zip(limits) {
        let core = &side.core;
        assert_empty(core);
        match core.ended() {
            Some(end) => assert!(matches!(end, SessionEnd::Lost(_)), "{end}"),
            None => {
                let size = limits.max_recv_memory.max(limits.max_recv_size);
                assert_eq!(core.pool.free(), size as u64, "bytes are lost");
            }
        }
    }
}

/// Nothing is left of any call.
pub(super) fn assert_empty(core: &Core) {
    assert!(core.exchanges.is_empty(), "{:?}", core.exchanges);
    assert_eq!(core.ids.len(), 0);
    assert_eq!((core.calling, core.answering, core.unopened), (0, 0, 0));
    assert_eq!(core.pool.waiting(), 0);
    assert!(!core.has_unsent());
    if core.ended().is_none() {
        assert_eq!(core.unsent_refusals, 0);
    }
}
