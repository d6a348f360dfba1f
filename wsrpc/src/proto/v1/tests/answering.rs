//! The calls that this side answers.

use bytes::Bytes;

use super::half::{Half, limits, request};
use crate::{
    proto::{Incoming, Limits, Refusal},
    session_end::SessionEnd,
    status::Status,
};

fn two_at_once() -> Limits {
    Limits {
        max_running: 2,
        ..limits()
    }
}

fn started(half: &mut Half) -> Vec<Incoming> {
    std::iter::from_fn(|| half.started()).collect()
}

#[test]
fn a_call_is_started_and_answered_under_its_own_id() {
    let mut half = Half::new(limits());
    half.receive_call("whatever the caller chose", "x");
    let incoming = half.started().unwrap();
    assert_eq!(incoming.method.as_str(), "Ping");
    assert_eq!(incoming.payload(), "x");
    half.answer(&incoming, "y");
    let answer = (String::from("whatever the caller chose"), Ok("y".into()));
    assert_eq!(half.sent_answer(), answer);
    assert_eq!(half.frame(), None);
}

#[test]
fn calls_over_the_limit_wait_and_start_in_order() {
    let mut half = Half::new(two_at_once());
    for id in ["1", "2", "3", "4"] {
        half.receive_call(id, id);
    }
    let running = started(&mut half);
    assert_eq!(running.len(), 2);
    half.answer(&running[1], "second");
    half.frame().unwrap();
    let third = started(&mut half);
    assert_eq!(third.len(), 1);
    assert_eq!(third[0].payload(), "3");
    half.answer(&third[0], "third");
    half.answer(&running[0], "first");
    half.frame().unwrap();
    assert_eq!(half.started().unwrap().payload(), "4");
    half.frame().unwrap();
    assert_eq!(half.started(), None);
}

#[test]
fn a_slot_is_held_until_its_answer_was_transmitted() {
    let mut half = Half::new(two_at_once());
    for id in ["1", "2", "3"] {
        half.receive_call(id, id);
    }
    for incoming in started(&mut half) {
        half.answer(&incoming, "y");
    }
    assert_eq!(half.started(), None, "both answers still wait");
    half.frame().unwrap();
    assert_eq!(half.started().unwrap().payload(), "3");
}

#[test]
fn a_call_over_the_queue_is_answered_with_an_error_that_says_so() {
    let mut half = Half::new(Limits {
        // A queued call counts its payload, its method and 256 bytes.
        max_queued_bytes: 2 * (256 + 4 + 1),
        ..two_at_once()
    });
    for id in ["1", "2", "3", "4", "5"] {
        half.receive_call(id, "x");
    }
    let (id, result) = half.sent_answer();
    assert_eq!(id, "5");
    let text = result.unwrap_err();
    assert!(text.starts_with("resource_exhausted: "), "{text}");
    assert!(
        text.contains("2 calls") && text.contains("522 bytes"),
        "{text}"
    );
    assert_eq!(started(&mut half).len(), 2);
    // Made again, it is a call like any other.
    half.receive_call("5", "x");
    assert_eq!(half.sent_answer().0, "5");
    assert_eq!(half.core.ended(), None);
}

#[test]
fn the_queue_has_room_again_once_a_call_has_started() {
    let mut half = Half::new(Limits {
        max_running: 1,
        max_queued_bytes: 256 + 4 + 1,
        ..limits()
    });
    half.receive_call("0", "x");
    for id in 1..20 {
        half.receive_call(&id.to_string(), "x");
        let running = half.started().unwrap();
        half.answer(&running, "y");
        half.sent_answer().1.unwrap();
    }
}

#[test]
fn an_id_that_is_in_use_breaks_the_protocol() {
    for max_running in [1, 2] {
        // A duplicate of a call that runs, and of one that waits.
        let mut half = Half::new(Limits {
            max_running,
            ..limits()
        });
        half.receive_call("1", "x");
        half.receive_call("2", "x");
        assert_eq!(half.core.ended(), None);
        half.receive_call("2", "x");
        let end = half.core.ended().unwrap();
        assert_eq!(
            end,
            &SessionEnd::Protocol("the call id \"2\" is in use".into())
        );
    }
}

#[test]
fn an_id_is_free_again_once_its_answer_was_transmitted() {
    let mut half = Half::new(limits());
    for _ in 0..3 {
        half.receive_call("1", "x");
        let incoming = half.started().unwrap();
        half.answer(&incoming, "y");
        half.frame().unwrap();
    }
    assert_eq!(half.core.ended(), None);
}

#[test]
fn an_id_that_is_empty_or_too_long_breaks_the_protocol() {
    let mut half = Half::new(limits());
    half.receive_call(&"x".repeat(64), "x");
    assert_eq!(half.core.ended(), None);
    for (id, len) in [(String::new(), 0), ("x".repeat(65), 65)] {
        let mut half = Half::new(limits());
        half.receive_call(&id, "x");
        let end = half.core.ended().unwrap().to_string();
        assert!(end.contains(&format!("this one {len}")), "{end}");
    }
}

#[test]
fn a_handler_answers_once() {
    let mut half = Half::new(limits());
    half.receive_call("1", "x");
    let incoming = half.started().unwrap();
    half.answer(&incoming, "first");
    half.answer(&incoming, "second");
    assert_eq!(half.sent_answer().1, Ok("first".into()));
    half.answer(&incoming, "third");
    assert_eq!(half.frame(), None);
}

#[test]
fn an_answer_does_not_reach_a_later_call_in_the_same_place() {
    let mut half = Half::new(limits());
    half.receive_call("1", "x");
    let first = half.started().unwrap();
    half.answer(&first, "y");
    half.frame().unwrap();
    half.receive_call("2", "x");
    half.started().unwrap();
    half.answer(&first, "again");
    assert_eq!(half.frame(), None);
}

#[test]
fn a_handlers_text_goes_out_verbatim_and_ours_with_its_code() {
    let cases = [
        (
            Refusal::ByHandler(Status::not_found("as Go does")),
            "as Go does",
        ),
        (Refusal::ByHandler(Status::not_found("")), "not_found"),
        (
            Refusal::ByUs(Status::unimplemented("no such method")),
            "unimplemented: no such method",
        ),
        (Refusal::ByUs(Status::internal("")), "internal"),
    ];
    for (refusal, text) in cases {
        let mut half = Half::new(limits());
        half.receive_call("1", "x");
        let incoming = half.started().unwrap();
        half.core.answer(incoming.slot, Err(refusal));
        assert_eq!(half.sent_answer().1, Err(text.into()));
    }
}

#[test]
fn calls_that_wait_or_are_refused_keep_nothing_alive_that_is_not_counted() {
    let mut half = Half::new(Limits {
        max_running: 1,
        max_queued_bytes: 300,
        ..limits()
    });
    half.receive_call("1", "x");
    // A megabyte in a field that nobody knows, of a call that counts as a few bytes.
    let padding = [&b"\x4a\x80\x80\x40"[..], &[0; 1 << 20]].concat();
    for (id, what) in [("2", "queued"), ("3", "refused")] {
        let frame = Bytes::from([&request(id, "x"), &padding[..]].concat());
        half.core.receive(frame.clone());
        assert!(
            frame.is_unique(),
            "a {what} call holds the frame it came in"
        );
    }
    assert_eq!(half.sent_answer().0, "3");
    let running = half.started().unwrap();
    half.answer(&running, "y");
    half.sent_answer().1.unwrap();
    let queued = half.started().unwrap();
    assert_eq!(
        (queued.method.as_str(), &queued.payload()[..]),
        ("Ping", &b"x"[..])
    );
    half.answer(&queued, "z");
    assert_eq!(half.sent_answer(), ("2".into(), Ok("z".into())));
}

#[test]
fn frames_that_are_not_understood_are_skipped_and_rubbish_ends_the_session() {
    let mut half = Half::new(limits());
    half.core.receive(Bytes::from_static(b"\x4a\x02hi"));
    half.core.receive(Bytes::new());
    assert_eq!(half.core.ended(), None);
    assert_eq!(half.core.poll_event(), None);
    half.core.receive(Bytes::from_static(b"\xff"));
    assert!(matches!(half.core.ended(), Some(SessionEnd::Protocol(_))));
    half.core.receive(request("1", "x"));
    assert_eq!(half.core.poll_event(), None);
}
