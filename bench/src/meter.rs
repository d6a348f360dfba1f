//! What is counted while a load is carried.

use std::{
    cell::Cell,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::order::{Counted, Latency};

/// Calls of a minute and more count as a minute.
const LONGEST: u64 = 60_000_000_000;
/// Significant decimal digits of a latency.
const DIGITS: u8 = 3;
/// At least as many as the threads that count.
const SHARDS: usize = 4;

/// Counts calls and messages between [`begin`](Self::begin) and [`end`](Self::end), and nothing before and after.
///
/// Each thread has a shard of its own, so that its lock is free.
#[derive(Debug)]
pub struct Meter {
    counting: AtomicBool,
    began: Mutex<Option<Instant>>,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug)]
struct Shard {
    /// In nanoseconds.
    calls: Histogram<u64>,
    messages: u64,
}

impl Meter {
    /// Counts nothing yet.
    pub fn new() -> Self {
        let shard = |_| {
            let calls = Histogram::new_with_max(LONGEST, DIGITS);
            let calls = calls.expect("the bounds of the histogram are constants that it takes");
            Mutex::new(Shard { calls, messages: 0 })
        };
        Self {
            counting: AtomicBool::new(false),
            began: Mutex::new(None),
            shards: std::array::from_fn(shard),
        }
    }

    /// A call was answered, and took this long.
    pub fn call(&self, took: Duration) {
        self.calls(took, 1);
    }

    /// Calls were answered, each of which took this long.
    pub fn calls(&self, took: Duration, count: u64) {
        if self.counting.load(Ordering::Relaxed) {
            let nanos = u64::try_from(took.as_nanos()).unwrap_or(LONGEST);
            let calls = &mut self.shard().calls;
            calls.saturating_record_n(nanos, count);
        }
    }

    /// A message of a stream arrived.
    pub fn message(&self) {
        self.messages(1);
    }

    /// Messages of streams arrived.
    pub fn messages(&self, count: u64) {
        if self.counting.load(Ordering::Relaxed) {
            self.shard().messages += count;
        }
    }

    /// Counts from now on.
    pub fn begin(&self) {
        *lock(&self.began) = Some(Instant::now());
        self.counting.store(true, Ordering::Relaxed);
    }

    /// Counts no longer. Returns what was counted.
    pub fn end(&self) -> Counted {
        self.counting.store(false, Ordering::Relaxed);
        let seconds = lock(&self.began).map_or(0.0, |began| began.elapsed().as_secs_f64());
        let mut calls = Histogram::<u64>::new_from(&lock(&self.shards[0]).calls);
        let mut messages = 0;
        for shard in &self.shards {
            let shard = lock(shard);
            let added = calls.add(&shard.calls);
            added.expect("all shards have the same bounds");
            messages += shard.messages;
        }
        Counted {
            count: calls.len() + messages,
            seconds,
            latency: (!calls.is_empty()).then(|| latency(&calls)),
        }
    }

    fn shard(&self) -> MutexGuard<'_, Shard> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static THREAD: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed));
        }
        lock(&self.shards[THREAD.get() % SHARDS])
    }
}

fn latency(calls: &Histogram<u64>) -> Latency {
    let micros = |nanos: u64| nanos as f64 / 1e3;
    Latency {
        p50: micros(calls.value_at_quantile(0.5)),
        p99: micros(calls.value_at_quantile(0.99)),
        p999: micros(calls.value_at_quantile(0.999)),
        max: micros(calls.max()),
    }
}

/// A panic while counting has already ended the measurement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_between_its_beginning_and_its_end() {
        let meter = Meter::new();
        meter.call(Duration::from_micros(1));
        meter.begin();
        meter.calls(Duration::from_micros(10), 98);
        meter.call(Duration::from_micros(500));
        meter.call(Duration::from_secs(3600));
        let counted = meter.end();
        meter.call(Duration::from_micros(1));

        assert_eq!(counted.count, 100);
        let latency = counted.latency.unwrap_or_default();
        let close = |value: f64, to: f64| (value / to - 1.0).abs() < 0.002;
        assert!(close(latency.p50, 10.0), "{latency:?}");
        assert!(close(latency.p99, 500.0), "{latency:?}");
        assert!(close(latency.max, 60e6), "{latency:?}");
    }

    #[test]
    fn messages_of_streams_have_no_latency() {
        let meter = Meter::new();
        meter.begin();
        meter.messages(2);
        meter.message();
        let counted = meter.end();
        assert_eq!((counted.count, counted.latency), (3, None));
    }
}
