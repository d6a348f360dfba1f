//! A peer that takes its answers slowly, or not at all.

use std::time::Duration;

use super::half::{Half, credit_frame, limits, open_frame, peer, whole};
use crate::{
    proto::{Answer, Limits},
    session_end::SessionEnd,
};

const TICK: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(10);

/// A side that has answered one call with so many bytes, and has sent what the caller had room for.
fn answered(bytes: usize) -> Half {
    let mut limits = Limits {
        max_unsent_bytes: 1 << 20,
        max_send_size: 4 << 20,
        ..limits()
    };
    limits.keepalive.tick_after = TICK;
    limits.keepalive.write_timeout = PATIENCE;
    let mut peer = peer();
    peer.max_message_size = 4 << 20;
    let mut half = Half::with(limits, peer);
    half.receive(open_frame(2, whole(b"x"), true));
    let slot = half.started().slot;
    let answer = Answer {
        message: Some(bytes::Bytes::from(vec![7; bytes]).into()),
        ..Answer::default()
    };
    half.core.answer(slot, Ok(answer));
    half.frames();
    half
}

fn tick(half: &mut Half) {
    half.now += TICK;
    half.core.handle_timeout(half.now);
}

#[test]
fn a_peer_that_takes_none_of_much_is_cut_off() {
    let mut half = answered(2 << 20);
    for _ in 0..2 {
        tick(&mut half);
        assert_eq!(half.core.ended(), None);
    }
    tick(&mut half);
    assert_eq!(half.core.ended(), Some(&SessionEnd::WriteTimeout(PATIENCE)));
}

#[test]
fn a_peer_that_takes_some_now_and_then_is_borne() {
    let mut half = answered(3 << 20);
    for _ in 0..20 {
        tick(&mut half);
        half.receive(credit_frame(2, 20_000));
        assert_ne!(half.frames(), []);
    }
    assert_eq!(half.core.ended(), None);
}

#[test]
fn a_little_may_wait_for_as_long_as_it_likes() {
    let mut half = answered(1 << 20);
    for _ in 0..20 {
        tick(&mut half);
    }
    assert_eq!(half.core.ended(), None);
}
