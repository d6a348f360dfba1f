//! The close handshake, in both directions.

use tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::pipe::{BINARY, CLOSE, Ours, ROLES, connected, pattern, peer_reads, raw_frames};
use crate::transport::{Received, Role, TransportError};

fn close(code: u16, reason: &str) -> Received {
    Received::Close {
        code,
        reason: reason.into(),
    }
}

#[test]
fn the_peer_learns_why_we_close_and_confirms() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        ours.push(b"", pattern(10));
        ours.push_close(4001, "revoked");
        ours.flush_all();
        assert_eq!(peer_reads(&mut peer), Message::binary(pattern(10)));
        let frame = CloseFrame {
            code: CloseCode::Library(4001),
            reason: "revoked".into(),
        };
        assert_eq!(peer_reads(&mut peer), Message::Close(Some(frame)));
        peer.flush().ok();
        assert_eq!(ours.received(), close(4001, "revoked"));
        ours.shut_down();
        ours.io.pipe().ended = true;
        assert!(matches!(ours.read_error(), TransportError::Closed));
    }
}

#[test]
fn we_confirm_the_close_of_the_peer_and_know_why() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        peer.send(Message::binary(pattern(5))).unwrap();
        let frame = CloseFrame {
            code: CloseCode::Away,
            reason: "good night".into(),
        };
        peer.close(Some(frame.clone())).unwrap();
        assert_eq!(ours.received(), Received::Message(pattern(5).into()));
        assert_eq!(ours.received(), close(1001, "good night"));
        if role == Role::Server {
            // The server is the first to hang up.
            assert!(matches!(ours.read_error(), TransportError::Closed));
        } else {
            assert!(ours.read().is_pending());
        }
        ours.flush_all();
        assert_eq!(peer_reads(&mut peer), Message::Close(Some(frame)));
    }
}

#[test]
fn a_close_without_a_code_is_1005() {
    let (mut ours, mut peer) = connected(Role::Client);
    peer.close(None).unwrap();
    assert_eq!(ours.received(), close(1005, ""));
}

#[test]
fn messages_that_come_after_our_close_are_still_read() {
    let (mut ours, mut peer) = connected(Role::Client);
    ours.push_close(1001, "");
    ours.flush_all();
    peer.send(Message::binary(pattern(5))).unwrap();
    peer.send(Message::Ping("".into())).unwrap();
    assert_eq!(ours.received(), Received::Message(pattern(5).into()));
    assert_eq!(ours.received(), Received::Ping);
    peer_reads(&mut peer);
    peer.flush().ok();
    assert_eq!(ours.received(), close(1001, ""));
}

#[test]
fn a_reason_is_cut_to_what_fits_between_two_characters() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        let reason = format!("a{}", "✓".repeat(100));
        ours.push_close(1002, &reason);
        ours.flush_all();
        let Message::Close(Some(frame)) = peer_reads(&mut peer) else {
            panic!("not a close frame");
        };
        assert_eq!(frame.reason.as_str(), format!("a{}", "✓".repeat(40)));
    }
}

#[test]
fn we_close_once() {
    let mut ours = Ours::new(Role::Server);
    ours.push_close(1001, "first");
    ours.push_close(1002, "second");
    ours.push_ping();
    ours.push_pong();
    ours.flush_all();
    let frames = raw_frames(&ours.io.written());
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].payload, &b"\x03\xe9first"[..]);
}

#[test]
fn nothing_follows_our_close_frame_and_it_does_not_wait_for_a_large_message() {
    for role in ROLES {
        let (mut ours, _) = connected(role);
        ours.io.pipe().room = 1_000;
        ours.push(b"", pattern(1 << 20));
        assert!(ours.flush().is_pending());
        ours.push_close(1001, "bye");
        ours.io.pipe().room = usize::MAX;
        ours.flush_all();
        let frames = raw_frames(&ours.io.written());
        let op_codes: Vec<_> = frames.iter().map(|frame| frame.op_code).collect();
        assert_eq!(op_codes, [BINARY, CLOSE]);
    }
}

#[test]
fn nothing_follows_our_confirmation_of_the_peers_close() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        ours.io.pipe().room = 1_000;
        ours.push(b"", pattern(1 << 20));
        assert!(ours.flush().is_pending());
        peer.close(None).unwrap();
        assert_eq!(ours.received(), close(1005, ""));
        drop(ours.read());
        ours.io.pipe().room = usize::MAX;
        ours.flush_all();
        let frames = raw_frames(&ours.io.written());
        assert_eq!(frames.last().unwrap().op_code, CLOSE);
        assert_eq!(frames.len(), 2);
    }
}

#[test]
fn a_close_goes_out_however_many_pongs_are_held_back() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        ours.io.pipe().room = 0;
        while ours.socket.is_ready() {
            ours.push(b"", pattern(1_000));
        }
        for _ in 0..10 {
            peer.send(Message::Ping("p".repeat(125).into())).unwrap();
            assert_eq!(ours.received(), Received::Ping);
        }
        assert!(ours.read().is_pending());
        ours.push_close(4001, &"r".repeat(123));
        ours.io.pipe().room = usize::MAX;
        ours.flush_all();
        let frames = raw_frames(&ours.io.written());
        assert_eq!(frames.last().unwrap().op_code, CLOSE);
    }
}

#[test]
fn what_is_left_of_the_stream_can_be_read_and_dropped() {
    let mut ours = Ours::new(Role::Server);
    ours.io.inject(&pattern(100_000));
    assert!(ours.discard().is_pending());
    assert!(ours.io.pipe().to_us.is_empty());
    ours.io.pipe().ended = true;
    assert!(ours.discard().is_ready());
}
