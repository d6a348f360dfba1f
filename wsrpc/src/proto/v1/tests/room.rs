//! What may wait to be sent, and who waits for room.

use std::{sync::Arc, task::Waker, time::Duration};

use super::half::{Alarm, Half, limits};
use crate::{
    proto::{CallKey, Limits, OpenError},
    session_end::SessionEnd,
};

const SECOND: Duration = Duration::from_secs(1);

/// Room for two of [`call`]'s calls.
fn small() -> Half {
    Half::new(Limits {
        // Each counts 128 bytes.
        max_unsent_bytes: 2 * (128 + 100),
        ..limits()
    })
}

const PAYLOAD: &str = "0123456789012345678901234567890123456789\
    012345678901234567890123456789012345678901234567890123456789";

fn call(half: &mut Half, waker: &Waker) -> Result<CallKey, OpenError> {
    half.try_call(PAYLOAD, None, waker)
}

/// A side whose room is used up, the calls that use it, and someone who waits.
fn full() -> (Half, Vec<CallKey>, Arc<Alarm>) {
    let mut half = small();
    let (alarm, waker) = Alarm::new();
    let mut keys = Vec::new();
    let error = loop {
        match call(&mut half, &waker) {
            Ok(key) => keys.push(key),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, OpenError::Full(_)));
    assert_eq!(keys.len(), 2);
    half.wake();
    assert_eq!(alarm.rang(), 0);
    (half, keys, alarm)
}

fn assert_full(opened: Result<CallKey, OpenError>) {
    assert!(matches!(opened, Err(OpenError::Full(_))), "{opened:?}");
}

fn assert_rings_and_has_room(half: &mut Half, alarm: &Alarm) {
    half.wake();
    assert_eq!(alarm.rang(), 1);
    call(half, Waker::noop()).unwrap();
}

#[test]
fn who_waits_for_room_is_woken_once_half_of_it_is_free() {
    let (mut half, _, alarm) = full();
    half.sent_request();
    assert_rings_and_has_room(&mut half, &alarm);
    half.sent_request();
    half.wake();
    assert_eq!(alarm.rang(), 1, "it does not wait any more");
}

#[test]
fn who_waits_for_room_is_woken_when_calls_are_cancelled() {
    let (mut half, keys, alarm) = full();
    for key in keys {
        half.core.cancel(key);
    }
    assert!(!half.core.has_unsent());
    assert_rings_and_has_room(&mut half, &alarm);
}

#[test]
fn who_waits_for_room_is_woken_when_calls_expire() {
    let mut half = small();
    let (alarm, waker) = Alarm::new();
    for _ in 0..2 {
        half.try_call(PAYLOAD, Some(SECOND), Waker::noop()).unwrap();
    }
    assert_full(call(&mut half, &waker));
    half.advance(SECOND);
    assert_eq!(half.frame(), None, "they have expired");
    assert_rings_and_has_room(&mut half, &alarm);
}

#[test]
fn who_waits_for_room_is_woken_when_the_session_ends() {
    let (mut half, _, alarm) = full();
    half.core.end(SessionEnd::Closed);
    half.wake();
    assert_eq!(alarm.rang(), 1);
    let again = call(&mut half, Waker::noop());
    assert!(matches!(again, Err(OpenError::Failed(_))), "{again:?}");
}

#[test]
fn everyone_who_waits_is_woken() {
    let (mut half, _, first) = full();
    let others = [(); 5].map(|()| Alarm::new());
    for (_, waker) in &others {
        assert_full(call(&mut half, waker));
    }
    half.sent_request();
    half.wake();
    assert_eq!(first.rang(), 1);
    assert!(others.iter().all(|(alarm, _)| alarm.rang() == 1));
}

#[test]
fn a_caller_that_asks_again_with_its_ticket_waits_once_and_wakes_its_latest_waker() {
    let (mut half, _, _) = full();
    let (early, early_waker) = Alarm::new();
    let (late, late_waker) = Alarm::new();
    let mut ticket = None;
    for waker in [&early_waker, &early_waker, &late_waker] {
        let opened = half.open_again(PAYLOAD, ticket, waker);
        let Err(OpenError::Full(given)) = opened else {
            panic!("{opened:?}");
        };
        assert!(ticket.is_none() || ticket == Some(given));
        ticket = Some(given);
    }
    half.sent_request();
    half.wake();
    assert_eq!((early.rang(), late.rang()), (0, 1));
}

#[test]
fn a_caller_that_returns_its_ticket_or_gets_in_is_not_woken() {
    let (mut half, keys, _) = full();
    let (alarm, waker) = Alarm::new();
    for gets_in in [false, true] {
        let opened = half.open_again(PAYLOAD, None, &waker);
        let Err(OpenError::Full(ticket)) = opened else {
            panic!("{opened:?}");
        };
        if gets_in {
            half.core.cancel(keys[0]);
            half.core.take_wakers(&mut Vec::new());
            half.open_again(PAYLOAD, Some(ticket), &waker).unwrap();
        } else {
            half.core.return_ticket(ticket);
        }
    }
    while half.frame().is_some() {}
    half.wake();
    assert_eq!(alarm.rang(), 0);
}

#[test]
fn a_cancelled_call_frees_its_bytes() {
    let (mut half, keys, _) = full();
    half.core.cancel(keys[0]);
    call(&mut half, Waker::noop()).unwrap();
    assert_full(call(&mut half, Waker::noop()));
}

#[test]
fn one_call_may_always_wait() {
    let mut half = Half::new(Limits {
        max_unsent_bytes: 0,
        ..limits()
    });
    let (alarm, waker) = Alarm::new();
    half.call("x");
    assert_full(call(&mut half, &waker));
    half.sent_request();
    assert_rings_and_has_room(&mut half, &alarm);
}

#[test]
fn answers_take_room_from_calls_but_never_wait_for_it() {
    let mut half = small();
    for id in ["1", "2", "3", "4"] {
        half.receive_call(id, "x");
        let incoming = half.started().unwrap();
        half.answer(&incoming, PAYLOAD);
    }
    let (alarm, waker) = Alarm::new();
    assert_full(call(&mut half, &waker));
    for _ in 0..4 {
        half.sent_answer().1.unwrap();
    }
    assert_rings_and_has_room(&mut half, &alarm);
}
