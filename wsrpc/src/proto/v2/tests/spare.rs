//! The memory of large messages, as a core uses it again.

use std::task::Waker;

use bytes::Bytes;

use super::half::{Half, data_frame, whole};
use crate::{proto::Key, session_end::SessionEnd, wire::v2::Frame};

/// Four of them are a message that memory is set aside for.
const QUARTER: usize = 50_000;

/// A message of that size on a call that sends many, whose reader has taken those before.
fn large_message(half: &mut Half, (reader, id): (Key, u64), content: u8) -> Bytes {
    assert_eq!(half.core.poll_message(reader, Waker::noop()), None);
    let chunk = [content; QUARTER];
    half.receive(data_frame(
        id,
        (Some(&chunk), Some(4 * QUARTER as u64)),
        false,
    ));
    assert!(matches!(half.frames()[..], [Frame::Credit { .. }]));
    for _ in 1..4 {
        half.receive(data_frame(id, whole(&chunk), false));
    }
    let message = half.message(reader).unwrap();
    assert_eq!(message, [content; 4 * QUARTER][..]);
    message
}

/// Memory for such a message that the session has kept.
fn kept(half: &mut Half) -> Option<Vec<u8>> {
    half.core.spare.take(4 * QUARTER)
}

#[test]
fn a_large_message_has_the_memory_of_the_last_one_once_nobody_reads_that_any_more() {
    let mut half = Half::new();
    let call = half.sent(None, true);
    let first = large_message(&mut half, call, 1);
    let place = first.as_ptr();
    drop(first);
    let second = large_message(&mut half, call, 2);
    assert_eq!(second.as_ptr(), place);
    assert_eq!(kept(&mut half), None, "it is in use again");
    let beside = large_message(&mut half, call, 3);
    assert_eq!(second, [2; 4 * QUARTER][..]);
    drop(beside);
    assert!(kept(&mut half).is_some());
    let free = half.core.pool.free();
    assert_eq!(free, half.core.limits.max_recv_memory as u64);
}

#[test]
fn memory_of_a_large_message_is_given_back_when_no_other_comes() {
    let mut half = Half::new();
    let call = half.sent(None, true);
    drop(large_message(&mut half, call, 1));
    assert!(half.core.look(), "it is looked at until it is quiet");
    assert!(half.core.look());
    assert_eq!(kept(&mut half), None, "it lay there for the whole time");

    let late = large_message(&mut half, call, 2);
    half.core.shrink();
    assert!(!half.core.look());
    let other = large_message(&mut half, call, 3);
    drop(late);
    assert_eq!(
        kept(&mut half),
        None,
        "it was in use when the session was quiet"
    );
    drop(other);
    half.core.end(SessionEnd::Closed);
    assert!(half.core.spare.is_clear());
}
