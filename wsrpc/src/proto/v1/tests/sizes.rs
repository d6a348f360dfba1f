//! Messages over the limit to send.

use bytes::Bytes;

use super::half::{Half, limits};
use crate::{
    call_error::{Blame, Outcome},
    proto::{Limits, OpenError, Refusal},
    status::{Code, Status},
};

fn at_most(max_send_size: usize) -> Half {
    Half::new(Limits {
        max_send_size,
        ..limits()
    })
}

/// What a handler's result is sent as.
fn sent(max_send_size: usize, result: Result<Bytes, Refusal>) -> (usize, Result<String, String>) {
    let mut half = at_most(max_send_size);
    half.receive_call(&"i".repeat(64), "x");
    let incoming = half.started().unwrap();
    half.core.answer(incoming.slot, result.clone());
    let size = half.transmit().unwrap().len();
    half.receive_call(&"j".repeat(64), "x");
    let incoming = half.started().unwrap();
    half.core.answer(incoming.slot, result);
    (size, half.sent_answer().1)
}

#[test]
fn no_frame_is_over_the_limit_and_one_that_is_surely_not_is_sent() {
    for limit in [1_000usize, 20_000, 3_000_000] {
        for len in (limit - 150..=limit).chain([limit - 200]) {
            let mut half = at_most(limit);
            let payload = Bytes::from(vec![0; len]);
            let opened = half.core.open(
                "Method",
                payload.clone(),
                None,
                None,
                std::task::Waker::noop(),
            );
            match opened {
                Ok(_) => assert!(half.transmit().unwrap().len() <= limit),
                Err(_) => assert!(len + 6 + 64 > limit, "{len} of {limit}"),
            }
            let (size, _) = sent(limit, Ok(payload));
            assert!(size <= limit, "an answer of {len}: {size} over {limit}");
        }
    }
}

#[test]
fn a_request_over_the_limit_fails_at_once_and_says_what_to_do() {
    let mut half = at_most(1_000);
    let opened = half.core.open(
        "Ping",
        vec![0; 1_001].into(),
        None,
        None,
        std::task::Waker::noop(),
    );
    let Err(OpenError::Failed(error)) = opened else {
        panic!("{opened:?}");
    };
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert_eq!(error.blame(), Blame::Local);
    for part in ["1001 bytes", "limit of 1000 bytes", "max_send_message_size"] {
        assert!(error.message().contains(part), "{error}");
    }
    assert_eq!(half.core.calls_in_flight(), 0);
    assert!(!half.core.has_unsent());
}

#[test]
fn a_response_over_the_limit_becomes_an_error() {
    let (_, result) = sent(1_000, Ok(vec![0; 1_001].into()));
    assert_eq!(
        result.unwrap_err(),
        "resource_exhausted: the response of 1001 bytes is over the limit of 1000 bytes to send; \
         split it, or raise max_send_message_size at its sender and the limit of its receiver"
    );
}

#[test]
fn an_error_text_is_cut_to_the_limit_between_two_characters() {
    for extra in 0..4 {
        let text = "a".repeat(extra) + &"✓".repeat(1_000);
        let refusal = Refusal::ByHandler(Status::unknown(&*text));
        let (size, result) = sent(1_000, Err(refusal));
        let cut = result.unwrap_err();
        assert!(text.starts_with(&cut));
        assert!(
            (860..=1_000).contains(&size),
            "{size} bytes of {} of text",
            cut.len()
        );
    }
}

#[test]
fn a_failure_is_never_sent_as_the_empty_text_that_means_success() {
    for limit in 0..300 {
        for refusal in [
            Refusal::ByHandler(Status::unknown("")),
            Refusal::ByHandler(Status::unknown("✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓")),
            Refusal::ByUs(Status::internal("it went wrong")),
        ] {
            let (_, result) = sent(limit, Err(refusal));
            assert!(!result.unwrap_err().is_empty(), "limit {limit}");
        }
        let (_, result) = sent(limit, Ok(vec![0; 500].into()));
        assert!(!result.unwrap_err().is_empty(), "limit {limit}");
    }
}
