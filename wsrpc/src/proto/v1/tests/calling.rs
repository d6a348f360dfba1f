//! The calls that this side makes.

use std::{task::Waker, time::Duration};

use super::half::{Alarm, Half, limits};
use crate::{
    call_error::{Blame, Outcome},
    proto::OpenError,
    session_end::SessionEnd,
    status::Code,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_answer_goes_to_its_caller_whatever_the_order() {
    let mut half = Half::new(limits());
    let keys = ["a", "b", "c"].map(|payload| half.call(payload));
    let sent = [(); 3].map(|()| half.sent_request());
    assert_eq!(sent[1].method.as_str(), "Ping");
    assert_eq!(&sent[1].payload[..], b"b");
    for request in sent.iter().rev() {
        let payload = std::str::from_utf8(&request.payload).unwrap();
        half.receive_answer(request.call_id.as_str(), Ok(payload));
    }
    for (key, payload) in keys.into_iter().zip(["a", "b", "c"]) {
        assert_eq!(half.result(key).unwrap().unwrap(), payload);
    }
    assert_eq!(half.core.calls_in_flight(), 0);
}

#[test]
fn a_call_wakes_its_latest_waker_once() {
    let mut half = Half::new(limits());
    let key = half.call("x");
    let (first, first_waker) = Alarm::new();
    let (second, second_waker) = Alarm::new();
    assert!(half.core.poll_call(key, &first_waker).is_none());
    assert!(half.core.poll_call(key, &second_waker).is_none());
    let request = half.sent_request();
    half.receive_answer(request.call_id.as_str(), Ok("y"));
    half.wake();
    assert_eq!((first.rang(), second.rang()), (0, 1));
}

#[test]
fn an_error_text_becomes_unknown_and_ran() {
    let mut half = Half::new(limits());
    let key = half.call("x");
    let request = half.sent_request();
    half.receive_answer(request.call_id.as_str(), Err("no such thing"));
    let error = half.error(key);
    assert_eq!(error.code(), Code::UNKNOWN);
    assert_eq!(error.message(), "no such thing");
    assert_eq!(error.outcome(), Outcome::Ran);
    assert_eq!(error.blame(), Blame::Remote);
}

#[test]
fn answers_to_nobody_are_ignored() {
    let mut half = Half::new(limits());
    let key = half.call("x");
    let request = half.sent_request();
    for id in ["", "1", "11111111-1111-4111-9111-111111111111"] {
        half.receive_answer(id, Ok("not yours"));
    }
    assert_eq!(half.result(key), None);
    half.receive_answer(request.call_id.as_str(), Ok("first"));
    half.receive_answer(request.call_id.as_str(), Ok("second"));
    assert_eq!(half.result(key).unwrap().unwrap(), "first");
    half.receive_answer(request.call_id.as_str(), Ok("third"));
    assert_eq!(half.core.ended(), None);
}

#[test]
fn an_answer_to_an_earlier_call_in_the_same_slot_is_nobodys() {
    let mut half = Half::new(limits());
    let old = half.call("old");
    let request = half.sent_request();
    half.core.cancel(old);
    let new = half.call("new");
    half.sent_request();
    half.receive_answer(request.call_id.as_str(), Ok("late"));
    assert_eq!(half.result(new), None);
}

#[test]
fn an_answer_to_a_call_that_was_not_sent_is_ignored() {
    // The id of a first call is known to a peer that saw another session end up with the same salt.
    let mut twin = Half::new(limits());
    twin.call("x");
    let id = twin.sent_request().call_id;
    let mut half = Half::new(limits());
    let key = half.call("x");
    half.receive_answer(id.as_str(), Ok("guessed"));
    assert_eq!(half.result(key), None);
    assert_eq!(half.sent_request().call_id, id);
    half.receive_answer(id.as_str(), Ok("true"));
    assert_eq!(half.result(key).unwrap().unwrap(), "true");
}

#[test]
fn a_sent_call_that_times_out_may_have_run() {
    let mut half = Half::new(limits());
    let key = half.call_within(SECOND);
    half.sent_request();
    half.advance(SECOND - Duration::from_nanos(1));
    assert_eq!(half.result(key), None);
    half.advance(Duration::from_nanos(1));
    let error = half.error(key);
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Local);
    assert_eq!(half.core.calls_in_flight(), 0);
}

#[test]
fn a_queued_call_that_times_out_is_never_sent() {
    for sweep_first in [true, false] {
        let mut half = Half::new(limits());
        let key = half.call_within(SECOND);
        half.now += SECOND;
        // Whether the writer or the timer comes first.
        if sweep_first {
            half.core.handle_timeout(half.now);
        }
        assert_eq!(half.frame(), None);
        half.core.handle_timeout(half.now);
        let error = half.error(key);
        assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
        assert_eq!(error.outcome(), Outcome::NotSent);
        assert!(!half.core.has_unsent());
    }
}

#[test]
fn an_answer_that_races_a_time_out_loses_or_wins_as_a_whole() {
    for answer_first in [true, false] {
        let mut half = Half::new(limits());
        let (alarm, waker) = Alarm::new();
        let key = half.call_within(SECOND);
        assert_eq!(half.core.poll_call(key, &waker), None);
        let id = half.sent_request().call_id;
        half.now += SECOND;
        if answer_first {
            half.receive_answer(id.as_str(), Ok("in time"));
            half.core.handle_timeout(half.now);
        } else {
            half.core.handle_timeout(half.now);
            half.receive_answer(id.as_str(), Ok("late"));
        }
        half.wake();
        assert_eq!(alarm.rang(), 1);
        let result = half.result(key).unwrap();
        assert_eq!(result.is_ok(), answer_first, "{result:?}");
        assert_eq!(half.core.calls_in_flight(), 0);
    }
}

#[test]
fn only_calls_whose_time_has_come_end() {
    let mut half = Half::new(limits());
    let keys = [3, 1, 2].map(|seconds| half.call_within(SECOND * seconds));
    for _ in 0..3 {
        half.sent_request();
    }
    half.advance(SECOND * 2);
    assert_eq!(half.result(keys[0]), None);
    assert_eq!(half.error(keys[1]).outcome(), Outcome::Unknown);
    assert_eq!(half.error(keys[2]).outcome(), Outcome::Unknown);
    assert_eq!(half.core.next_timeout(), Some(half.now + SECOND));
}

#[test]
fn a_queued_call_that_is_cancelled_is_never_sent() {
    let mut half = Half::new(limits());
    let first = half.call("first");
    half.call("second");
    half.core.cancel(first);
    assert_eq!(&half.sent_request().payload[..], b"second");
    assert_eq!(half.frame(), None);
    assert_eq!(half.core.calls_in_flight(), 1);
}

#[test]
fn a_call_may_be_cancelled_at_any_time_and_twice() {
    let mut half = Half::new(limits());
    let queued = half.call("queued");
    let sent = half.call("sent");
    half.core.cancel(queued);
    let sent_id = half.sent_request().call_id;
    half.core.cancel(sent);
    half.receive_answer(sent_id.as_str(), Ok("late"));
    let answered = half.call("answered");
    let id = half.sent_request().call_id;
    half.receive_answer(id.as_str(), Ok("y"));
    half.core.cancel(answered);
    for key in [queued, sent, answered] {
        half.core.cancel(key);
    }
    assert_eq!(half.core.calls_in_flight(), 0);
    assert_eq!(half.frame(), None);
}

#[test]
fn a_result_that_was_taken_is_not_given_again_and_claims_nothing() {
    let mut half = Half::new(limits());
    let key = half.call("x");
    let id = half.sent_request().call_id;
    half.receive_answer(id.as_str(), Ok("y"));
    half.result(key).unwrap().unwrap();
    let error = half.error(key);
    assert_eq!(error.code(), Code::INTERNAL);
    assert_eq!(error.outcome(), Outcome::Unknown, "it was sent");
}

#[test]
fn no_call_is_taken_once_the_session_has_ended() {
    let mut half = Half::new(limits());
    half.core.end(SessionEnd::Revoked);
    let error = match half.try_call("x", None, Waker::noop()) {
        Err(OpenError::Failed(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::NotSent);
}

#[test]
fn time_outs_are_left_to_the_owner_who_knows_the_default() {
    let mut limits = limits();
    limits.default_timeout = Some(SECOND);
    let mut half = Half::new(limits);
    assert_eq!(half.core.default_timeout(), Some(SECOND));
    let key = half.call("no deadline");
    half.sent_request();
    half.advance(SECOND * 60);
    assert_eq!(half.result(key), None);
}
