//! Whose turn it is to send, and how windows grow.

use std::time::Duration;

use bytes::Bytes;

use super::half::{
    Half, credit_frame, data_frame, end_frame, limits, open_frame, outgoing, peer, whole,
};
use crate::{
    proto::{Answer, Event, Limits, PeerLimits},
    wire::v2::Frame,
};

fn id_of(frame: &Frame) -> u64 {
    match frame {
        Frame::Open(open) => open.id,
        Frame::Data(data) => data.id,
        Frame::End(end) => end.id,
        Frame::Credit { id, .. } | Frame::Cancel(id) => *id,
        other => panic!("of no call: {other:?}"),
    }
}

fn wide() -> PeerLimits {
    PeerLimits {
        initial_window: 1 << 30,
        ..peer()
    }
}

#[test]
fn a_small_call_behind_large_ones_goes_out_within_one_round() {
    let mut half = Half::with(limits(), wide());
    for _ in 0..3 {
        half.call(vec![7; 300_000]);
    }
    for _ in 0..10 {
        half.frame().unwrap();
    }
    half.call("small");
    let round: Vec<_> = (0..4).map(|_| id_of(&half.frame().unwrap())).collect();
    assert!(round.contains(&7), "{round:?}");
}

#[test]
fn large_messages_take_turns() {
    let mut half = Half::with(limits(), wide());
    for _ in 0..3 {
        half.call(vec![7; 300_000]);
    }
    let turns: Vec<_> = (0..9).map(|_| id_of(&half.frame().unwrap())).collect();
    assert_eq!(turns, [1, 3, 5, 1, 3, 5, 1, 3, 5]);
}

#[test]
fn cancel_and_credit_go_ahead_of_messages() {
    let mut half = Half::with(limits(), wide());
    let (stream, id) = half.sent(None, true);
    let (dropped, other) = half.sent(None, true);
    half.call(vec![7; 300_000]);
    half.receive(data_frame(id, whole(&[7; 40_000]), false));
    half.message(stream).unwrap();
    half.core.release(dropped);
    let bytes = 40_016;
    assert_eq!(half.frame(), Some(Frame::Credit { id, bytes }));
    assert_eq!(half.frame(), Some(Frame::Cancel(other)));
    assert!(matches!(half.frame(), Some(Frame::Open(_))));
}

#[test]
fn a_call_without_credit_costs_the_others_no_turn() {
    let mut half = Half::new();
    half.call(vec![7; 200_000]);
    while half.frame().is_some() {}
    assert!(!half.core.has_unsent());
    half.call("small");
    assert!(matches!(half.frame(), Some(Frame::Open(open)) if open.id == 3));
    half.receive(credit_frame(1, 20_000));
    assert!(matches!(half.frame(), Some(Frame::Data(data)) if data.id == 1));
}

#[test]
fn calls_that_are_given_up_in_the_queue_leave_little_behind() {
    let mut half = Half::new();
    for _ in 0..10_000 {
        let key = half.call("x");
        half.core.release(key);
    }
    assert!(half.core.outbox.scheduled() < 1_000);
    half.call("x");
    assert!(matches!(half.frame(), Some(Frame::Open(open)) if open.id == 1));
}

#[test]
fn the_last_response_goes_out_with_the_end_if_it_is_whole() {
    for (len, frames) in [(10, 1), (65_536, 6), (70_000, 6)] {
        let mut half = Half::new();
        half.receive(open_frame(2, (None, None), true));
        let slot = half.started().slot;
        let answer = Answer {
            message: Some(Bytes::from(vec![7; len]).into()),
            ..Answer::default()
        };
        half.core.answer(slot, Ok(answer));
        let mut written = half.frames();
        half.receive(credit_frame(2, 100_000));
        written.extend(half.frames());
        assert_eq!(written.len(), frames, "{len} bytes");
        let Some(Frame::End(end)) = written.last() else {
            panic!("no end");
        };
        assert_eq!(end.chunk.is_some(), frames == 1);
    }
}

/// Reads `rounds` of half a window each, each after `delay`, and returns what credit was given.
fn credits(half: &mut Half, rounds: usize, delay: Duration) -> Vec<u64> {
    let (stream, id) = half.sent(None, true);
    let mut given = Vec::new();
    for _ in 0..rounds {
        half.now += delay;
        half.receive(data_frame(id, whole(&[7; 32_752]), false));
        half.message(stream).unwrap();
        let frames = half.frames();
        given.extend(frames.iter().filter_map(|frame| match frame {
            Frame::Credit { bytes, .. } => Some(*bytes),
            _ => None,
        }));
        while let Some(event) = half.core.poll_event() {
            assert_eq!(event, Event::Ping);
            half.core.ponged(half.now + Duration::from_millis(100));
        }
    }
    half.core.release(stream);
    half.frames();
    half.receive(end_frame(id, 1, false, None));
    given
}

#[test]
fn a_window_grows_where_the_round_trip_holds_it_up() {
    let mut half = Half::new();
    let given = credits(&mut half, 4, Duration::from_millis(150));
    // The first credit tells nothing, the second asks for a ping.
    assert_eq!(given, [32_768, 32_768, 32_768 + 65_536]);
    assert_eq!(half.core.pool.free(), 4 << 20, "the end gives it back");
}

#[test]
fn a_window_stays_where_the_reader_is_slow() {
    let mut half = Half::new();
    let given = credits(&mut half, 6, Duration::from_millis(250));
    assert_eq!(given, [32_768; 6]);
}

#[test]
fn a_window_stays_where_there_is_no_memory_for_it() {
    let mut half = Half::with(
        Limits {
            max_recv_memory: 0,
            ..limits()
        },
        peer(),
    );
    let given = credits(&mut half, 6, Duration::from_millis(10));
    assert_eq!(given, [32_768; 6]);
}

#[test]
fn a_call_of_one_frame_each_way_leaves_no_trace() {
    let mut half = Half::new();
    for _ in 0..100 {
        let key = half.call("x");
        let id = id_of(&half.frame().unwrap());
        half.receive(end_frame(id, 0, false, Some(b"y")));
        assert_eq!(half.reply(key).unwrap().unwrap().message.payload, "y");
        assert_eq!(half.frames(), []);
        super::schedules::assert_empty(&half.core);
    }
    let call = outgoing(Some("x".into()), false);
    assert!(call.deadline.is_none());
}
