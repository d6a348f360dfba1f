//! Draining, and the end.

use super::half::{Half, limits};
use crate::{
    call_error::{Blame, Outcome},
    proto::Limits,
    session_end::SessionEnd,
    status::Code,
};

#[test]
fn a_side_that_drains_refuses_what_is_new() {
    let mut half = Half::new(limits());
    half.core.drain();
    half.receive_call("1", "x");
    assert_eq!(half.started(), None);
    let refused = (
        String::from("1"),
        Err("unavailable: shutting down".to_owned()),
    );
    assert!(!half.core.is_drained(), "the refusal waits to be sent");
    assert_eq!(half.sent_answer(), refused);
    assert!(half.core.is_drained());
}

#[test]
fn a_side_that_drains_answers_what_runs_and_what_waits_to_run() {
    let mut half = Half::new(Limits {
        max_running: 1,
        ..limits()
    });
    half.receive_call("1", "x");
    half.receive_call("2", "x");
    half.core.drain();
    for id in ["1", "2"] {
        let running = half.started().unwrap();
        assert!(!half.core.is_drained());
        half.answer(&running, "y");
        assert!(!half.core.is_drained());
        assert_eq!(half.sent_answer(), (id.into(), Ok("y".into())));
    }
    assert!(half.core.is_drained());
}

#[test]
fn a_side_that_drains_waits_for_its_own_calls() {
    let mut half = Half::new(limits());
    let key = half.call("before");
    half.core.drain();
    let id = half.sent_request().call_id;
    assert!(!half.core.is_drained());
    half.receive_answer(id.as_str(), Ok("y"));
    assert!(half.core.is_drained());
    assert_eq!(half.result(key).unwrap().unwrap(), "y");
}

#[test]
fn a_side_that_does_not_drain_is_never_drained() {
    let mut half = Half::new(limits());
    assert!(!half.core.is_drained());
    half.core.drain();
    assert!(half.core.is_drained());
    half.core.end(SessionEnd::Shutdown);
    assert!(!half.core.is_drained());
    half.core.drain();
    assert_eq!(half.core.ended(), Some(&SessionEnd::Shutdown));
}

#[test]
fn the_first_reason_stays() {
    let mut half = Half::new(limits());
    half.core.end(SessionEnd::Replaced);
    half.core.end(SessionEnd::Closed);
    half.receive_call("", "over");
    assert_eq!(half.core.ended(), Some(&SessionEnd::Replaced));
}

#[test]
fn the_end_fails_every_call_with_what_is_known_of_it() {
    let mut half = Half::new(limits());
    let [done, sent, queued] = ["done", "sent", "queued"].map(|payload| half.call(payload));
    let id = half.sent_request().call_id;
    half.sent_request();
    half.receive_answer(id.as_str(), Ok("y"));
    half.core.end(SessionEnd::Lost("cable cut".into()));
    assert_eq!(half.core.calls_in_flight(), 0);
    assert_eq!(half.result(done).unwrap().unwrap(), "y");
    for (key, outcome) in [(sent, Outcome::Unknown), (queued, Outcome::NotSent)] {
        let error = half.error(key);
        assert_eq!(error.code(), Code::UNAVAILABLE);
        assert_eq!(error.outcome(), outcome);
        assert_eq!(error.blame(), Blame::Transport);
        assert!(error.message().contains("cable cut"), "{error}");
    }
}

#[test]
fn after_the_end_nothing_is_sent_started_or_answered() {
    let mut half = Half::new(limits());
    half.receive_call("1", "x");
    let running = half.started().unwrap();
    half.receive_call("2", "not started yet");
    half.call("x");
    half.core.ping();
    half.core.end(SessionEnd::Closed);
    half.answer(&running, "dropped");
    half.core.ping();
    half.receive_call("3", "x");
    half.core.handle_timeout(half.now);
    assert_eq!(half.frame(), None);
    assert_eq!(half.core.poll_event(), None);
    assert_eq!(half.core.next_timeout(), None);
    assert!(!half.core.has_unsent());
}

#[test]
fn a_peer_that_calls_on_without_reading_its_refusals_is_cut_off() {
    let mut half = Half::new(limits());
    half.core.drain();
    for id in 0..4096 {
        half.receive_call(&id.to_string(), "x");
    }
    assert_eq!(half.core.ended(), None);
    // It reads one, and may be refused one more.
    half.frame().unwrap();
    half.receive_call("4096", "x");
    assert_eq!(half.core.ended(), None);
    half.receive_call("4097", "x");
    assert!(matches!(half.core.ended(), Some(SessionEnd::OverLimit(_))));
}
