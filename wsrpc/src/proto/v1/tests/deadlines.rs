//! The heap of deadlines, and the memory that it takes.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::proto::{CallKey, deadlines::Deadlines, v1::calls::Calls};

const SECOND: Duration = Duration::from_secs(1);

fn key(sequence: u32) -> CallKey {
    CallKey { index: 0, sequence }
}

#[test]
fn the_soonest_comes_first() {
    let start = Instant::now();
    let mut deadlines = Deadlines::default();
    for seconds in [3, 1, 2] {
        deadlines.insert(start + SECOND * seconds, key(seconds), 3, |_| true);
    }
    assert_eq!(deadlines.next(), Some(start + SECOND));
    assert_eq!(deadlines.pop_expired(start), None);
    let end = start + SECOND * 2;
    assert_eq!(deadlines.pop_expired(end), Some(key(1)));
    assert_eq!(deadlines.pop_expired(end), Some(key(2)));
    assert_eq!(deadlines.pop_expired(end), None);
    assert_eq!(deadlines.next(), Some(start + SECOND * 3));
    deadlines.clear();
    assert_eq!(deadlines.next(), None);
}

#[test]
fn the_deadlines_of_calls_that_have_ended_are_swept_out() {
    let start = Instant::now();
    let mut deadlines = Deadlines::default();
    // One long call, and many short ones that end long before their deadline.
    let mut most = 0;
    for sequence in 0..100_000 {
        let live = |key: CallKey| key.sequence == 0 || key.sequence == sequence;
        deadlines.insert(start + SECOND, key(sequence), 2, live);
        most = most.max(deadlines.len());
    }
    assert!(most < 600, "{most} entries for two calls");
    let mut expired = std::iter::from_fn(|| deadlines.pop_expired(start + SECOND));
    assert!(expired.any(|expired| expired == key(0)));
}

#[test]
fn calls_in_flight_are_never_swept_out() {
    let start = Instant::now();
    let mut deadlines = Deadlines::default();
    for sequence in 0..10_000 {
        deadlines.insert(start + SECOND, key(sequence), sequence as usize, |_| true);
    }
    assert_eq!(deadlines.len(), 10_000);
}

#[test]
fn the_deadlines_of_calls_whose_results_nobody_took_yet_are_swept_out_too() {
    let start = Instant::now();
    let mut calls = Calls::default();
    let keys = [(); 600].map(|()| calls.insert(Some(start + SECOND)));
    for key in keys {
        calls.mark_sent(key);
        let _ = calls.complete(key, Ok(Bytes::new()));
    }
    calls.insert(Some(start + SECOND * 60));
    assert_eq!(calls.next_deadline(), Some(start + SECOND * 60));
}

#[test]
fn calls_that_ended_leave_nothing_behind() {
    let start = Instant::now();
    let mut calls = Calls::default();
    for _ in 0..1_000 {
        let key = calls.insert(Some(start + SECOND));
        calls.cancel(key);
    }
    assert_eq!((calls.len(), calls.unended()), (0, 0));
    assert!(calls.expire_next(start + SECOND).is_none());
}
