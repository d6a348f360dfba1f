//! A peer that reads slowly, or not at all.

use tungstenite::Message;

use super::pipe::{
    BINARY, CONTINUATION, Ours, PONG, ROLES, RawFrame, connected, pattern, peer_reads, raw_frames,
};
use crate::transport::{Received, Role};

const FULL: usize = 63 * 1024;
const FRAGMENT: usize = 65 * 1024;

/// Fills our buffer while the stream takes nothing.
fn fill(ours: &mut Ours) {
    ours.io.pipe().room = 0;
    while ours.socket.is_ready() {
        ours.push(b"", pattern(1_000));
    }
    assert!(ours.flush().is_pending());
    assert!(!ours.socket.is_flushed());
}

fn op_codes(frames: &[RawFrame]) -> Vec<u8> {
    frames.iter().map(|frame| frame.op_code).collect()
}

#[test]
fn the_buffer_takes_a_bounded_amount() {
    let mut ours = Ours::new(Role::Client);
    fill(&mut ours);
    ours.io.pipe().room = usize::MAX;
    ours.flush_all();
    let len = ours.io.written().len();
    assert!((FULL..FULL + 2_000).contains(&len), "{len} bytes");
    assert!(ours.socket.is_ready());
}

#[test]
fn a_large_message_waits_unencoded() {
    let mut ours = Ours::new(Role::Client);
    ours.io.pipe().room = 0;
    ours.push(b"", pattern(100 * FULL));
    assert!(ours.flush().is_pending());
    assert!(!ours.socket.is_ready(), "one such message at a time");
    assert!(ours.socket.buffer_capacity() < 2 * FRAGMENT + 100);
}

#[test]
fn a_buffer_that_is_never_empty_does_not_grow() {
    // The peer reads all the time, and we always have more to say.
    let mut ours = Ours::new(Role::Server);
    let mut total = 0;
    for _ in 0..2_000 {
        while ours.socket.is_ready() {
            ours.push(b"", pattern(10_000));
        }
        ours.io.pipe().room = 9_000;
        assert!(ours.flush().is_pending());
        total += ours.io.written().len();
    }
    assert_eq!(total, 2_000 * 9_000);
    let buffered = ours.socket.buffer_capacity();
    assert!(buffered < 4 * FULL, "{buffered} bytes for what is unsent");
}

#[test]
fn a_flood_of_pings_is_answered_with_the_newest_when_there_is_room() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        fill(&mut ours);
        for n in 0..10_000 {
            peer.send(Message::Ping(format!("{n:0125}").into()))
                .unwrap();
            assert_eq!(ours.received(), Received::Ping);
        }
        assert!(ours.read().is_pending());
        assert!(ours.socket.buffer_capacity() < 3 * FULL);
        ours.io.pipe().room = usize::MAX;
        ours.flush_all();
        let mut pongs = Vec::new();
        while let Ok(message) = peer.read() {
            if let Message::Pong(text) = message {
                pongs.push(text);
            }
        }
        assert!(pongs.len() < 5, "{} pongs", pongs.len());
        assert_eq!(pongs.last().unwrap(), &format!("{:0125}", 9_999).as_str());
    }
}

#[test]
fn a_flood_of_pings_to_a_slow_reader_does_not_grow_the_buffer() {
    let (mut ours, mut peer) = connected(Role::Server);
    ours.push(b"", pattern(10_000));
    for n in 0..20_000 {
        peer.send(Message::Ping(format!("{n:0125}").into()))
            .unwrap();
        assert_eq!(ours.received(), Received::Ping);
        assert!(ours.read().is_pending());
        // Less than the pongs that are owed.
        ours.io.pipe().room = 100;
        assert!(ours.flush().is_pending());
        ours.io.written();
    }
    let buffered = ours.socket.buffer_capacity();
    assert!(buffered < 4 * FULL, "{buffered} bytes");
}

#[test]
fn a_control_frame_that_was_held_back_goes_out_with_the_next_flush() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        fill(&mut ours);
        ours.push_ping();
        ours.push_pong();
        ours.io.pipe().room = usize::MAX;
        ours.flush_all();
        let mut controls = Vec::new();
        while let Ok(message) = peer.read() {
            if !message.is_binary() {
                controls.push(message);
            }
        }
        let expected = [Message::Ping("".into()), Message::Pong("".into())];
        assert_eq!(controls, expected);
    }
}

#[test]
fn a_control_frame_that_was_held_back_does_not_wait_for_a_large_message() {
    let mut ours = Ours::new(Role::Server);
    ours.io.pipe().room = 0;
    ours.push(b"", pattern(20 * FULL));
    assert!(ours.flush().is_pending());
    ours.push_pong();
    // The peer takes a bit less than a fragment at a time.
    for _ in 0..10 {
        ours.io.pipe().room = FULL - 1_000;
        assert!(ours.flush().is_pending());
    }
    ours.io.pipe().room = usize::MAX;
    ours.flush_all();
    let frames = raw_frames(&ours.io.written());
    let op_codes = op_codes(&frames);
    let at = op_codes.iter().position(|op_code| *op_code == PONG);
    assert!(at.is_some_and(|at| at <= 2), "{op_codes:?}");
}

#[test]
fn pongs_for_a_blocked_peer_do_not_pile_up() {
    let mut ours = Ours::new(Role::Client);
    fill(&mut ours);
    for _ in 0..1_000 {
        ours.push_pong();
        ours.push_ping();
    }
    ours.io.pipe().room = usize::MAX;
    ours.flush_all();
    let frames = raw_frames(&ours.io.written());
    let controls = op_codes(&frames)
        .iter()
        .filter(|op_code| ![BINARY, CONTINUATION].contains(op_code))
        .count();
    assert!((2..100).contains(&controls), "{controls} control frames");
}

#[test]
fn progress_is_what_the_stream_took() {
    let mut ours = Ours::new(Role::Server);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    ours.push(b"", pattern(100));
    let mut progress = 0;
    for (room, expected) in [(0, 0), (10, 10), (0, 10), (92, 102)] {
        ours.io.pipe().room = room;
        let flushed = ours.socket.poll_flush(&mut cx, &mut progress);
        assert_eq!(progress, expected);
        assert_eq!(flushed.is_ready(), expected == 102);
    }
}

#[test]
fn an_idle_connection_gives_its_buffer_back() {
    let (mut ours, mut peer) = connected(Role::Client);
    ours.push(b"", pattern(10 * FULL));
    ours.socket.shrink();
    assert!(!ours.socket.has_large_spare(), "it holds what is not sent");
    ours.flush_all();
    assert!(ours.socket.buffer_capacity() > FULL);
    assert!(ours.socket.has_large_spare());
    ours.socket.shrink();
    assert_eq!(ours.socket.buffer_capacity(), 0);
    assert_eq!(peer_reads(&mut peer), Message::binary(pattern(10 * FULL)));
    ours.push(b"", pattern(100));
    ours.flush_all();
    assert!(!ours.socket.has_large_spare(), "it is a small one");
    assert_eq!(peer_reads(&mut peer), Message::binary(pattern(100)));
}
