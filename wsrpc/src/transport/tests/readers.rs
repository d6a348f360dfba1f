//! Who reads what: binary messages of one frame are ours, and all else is tungstenite's.

use bytes::Bytes;
use tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use super::pipe::{Ours, PING, PONG, ROLES, connected, pattern, raw_frames};
use crate::{
    transport::{Received, Role, TransportError},
    wire::random::Random,
};

/// A frame of a message in fragments.
fn fragment(payload: &[u8], kind: Data, is_last: bool) -> Message {
    let payload = Bytes::copy_from_slice(payload);
    Message::Frame(Frame::message(payload, OpCode::Data(kind), is_last))
}

#[test]
fn tungstenite_is_there_only_while_it_has_something_to_remember() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        assert!(!ours.socket.has_tungstenite());
        for size in [0, 100, 5_000, 70_000] {
            peer.send(Message::binary(pattern(size))).unwrap();
            assert_eq!(ours.received(), Received::Message(pattern(size).into()));
            assert!(!ours.socket.has_tungstenite());
        }
        peer.send(Message::Ping("p".into())).unwrap();
        assert_eq!(ours.received(), Received::Ping);
        assert!(!ours.socket.has_tungstenite());
        peer.send(fragment(b"ab", Data::Binary, false)).unwrap();
        assert!(ours.read().is_pending());
        assert!(ours.socket.has_tungstenite());
        peer.send(Message::Ping("p".into())).unwrap();
        assert_eq!(ours.received(), Received::Ping);
        assert!(ours.socket.has_tungstenite(), "a message has begun");
        peer.send(fragment(b"c", Data::Continue, true)).unwrap();
        assert_eq!(ours.received(), Received::Message("abc".into()));
        assert!(!ours.socket.has_tungstenite());
        ours.push_ping();
        ours.push_pong();
        assert!(!ours.socket.has_tungstenite());
        ours.push_close(1000, "done");
        ours.flush_all();
        assert!(ours.read().is_pending());
        assert!(ours.socket.has_tungstenite(), "it knows that it closes");
    }
}

#[test]
fn a_header_that_has_come_in_part_is_remembered() {
    let mut ours = Ours::new(Role::Client);
    for header in [&b"\x82"[..], b"\x7e", b"\x00"] {
        ours.io.inject(header);
        assert!(ours.read().is_pending());
        assert!(ours.socket.has_tungstenite());
    }
    ours.io.inject(b"\x02ab\x82\x01c");
    assert_eq!(ours.received(), Received::Message("ab".into()));
    assert!(!ours.socket.has_tungstenite());
    assert_eq!(ours.received(), Received::Message("c".into()));
}

#[test]
fn a_ping_is_answered_although_another_reads_what_follows() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        peer.send(Message::Ping("p".into())).unwrap();
        peer.send(Message::binary("m")).unwrap();
        assert_eq!(ours.received(), Received::Ping);
        assert_eq!(ours.received(), Received::Message("m".into()));
        ours.flush_all();
        let [pong] = raw_frames(&ours.io.written()).try_into().unwrap();
        assert_eq!((pong.op_code, &pong.payload[..]), (PONG, &b"p"[..]));
    }
}

#[test]
fn a_ping_that_has_to_wait_leaves_a_message_that_has_begun_alone() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        peer.send(Message::binary(pattern(20_000))).unwrap();
        peer.send(Message::binary("next")).unwrap();
        let rest = ours.io.pipe().to_us.split_off(10_000);
        assert!(ours.read().is_pending());
        ours.io.pipe().room = 0;
        while ours.socket.is_ready() {
            ours.push(b"", pattern(10_000));
        }
        ours.push_ping();
        assert!(ours.socket.has_tungstenite(), "it holds the ping");
        ours.io.pipe().to_us.extend(rest);
        assert_eq!(ours.received(), Received::Message(pattern(20_000).into()));
        assert_eq!(ours.received(), Received::Message("next".into()));
        ours.io.pipe().room = usize::MAX;
        ours.flush_all();
        assert!(!ours.socket.has_tungstenite());
        let written = raw_frames(&ours.io.written());
        assert_eq!(written.last().map(|frame| frame.op_code), Some(PING));
    }
}

#[test]
fn a_close_that_we_begin_lets_a_message_that_has_begun_arrive_first() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        peer.send(Message::binary(pattern(20_000))).unwrap();
        let rest = ours.io.pipe().to_us.split_off(10_000);
        assert!(ours.read().is_pending());
        ours.push_close(1000, "done");
        ours.flush_all();
        assert!(ours.read().is_pending());
        ours.io.pipe().to_us.extend(rest);
        assert_eq!(ours.received(), Received::Message(pattern(20_000).into()));
        assert!(matches!(peer.read(), Ok(Message::Close(Some(_)))));
        peer.flush().ok();
        assert!(matches!(
            ours.received(),
            Received::Close { code: 1000, .. }
        ));
    }
}

#[test]
fn a_message_in_fragments_that_never_ends_does_not_keep_others_from_their_turn() {
    let mut ours = Ours::new(Role::Client);
    ours.io.inject(b"\x02\x00");
    ours.io.inject(&b"\x00\x00".repeat(10_000));
    let mut turns = 0;
    while ours.socket.received() < 20_002 {
        assert!(ours.read().is_pending());
        turns += 1;
    }
    assert!((10..20).contains(&turns), "{turns}");
    ours.io.inject(b"\x80\x01a");
    assert_eq!(ours.received(), Received::Message("a".into()));
}

#[test]
fn a_length_beyond_all_bounds_is_over_the_limit() {
    for (role, header) in [
        (Role::Client, &b"\x82\x7f"[..]),
        (Role::Server, b"\x82\xff"),
    ] {
        let mut ours = Ours::new(role);
        ours.io.inject(header);
        ours.io
            .inject(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        assert!(matches!(ours.read_error(), TransportError::TooBig { .. }));
    }
}

#[test]
fn everything_arrives_whole_and_in_order_whoever_reads_it_and_however_it_is_cut() {
    let mut random = Random::new(21);
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        for _ in 0..200 {
            let mut sent = Vec::new();
            for _ in 0..1 + random.below(4) {
                let payload = pattern(random.below(6_000));
                match random.below(4) {
                    0 => {
                        peer.send(Message::Ping(Bytes::new())).unwrap();
                        sent.push(Received::Ping);
                        continue;
                    }
                    1 => {
                        let (first, rest) = payload.split_at(payload.len() / 2);
                        peer.send(fragment(first, Data::Binary, false)).unwrap();
                        if random.below(2) == 0 {
                            peer.send(Message::Ping(Bytes::new())).unwrap();
                            sent.push(Received::Ping);
                        }
                        peer.send(fragment(rest, Data::Continue, true)).unwrap();
                    }
                    _ => peer.send(Message::binary(payload.clone())).unwrap(),
                }
                sent.push(Received::Message(payload.into()));
            }
            let mut bytes: Vec<u8> = ours.io.pipe().to_us.drain(..).collect();
            let mut received = Vec::new();
            while !bytes.is_empty() {
                let rest = bytes.split_off(1 + random.below(bytes.len()));
                ours.io.inject(&bytes);
                bytes = rest;
                while let std::task::Poll::Ready(read) = ours.read() {
                    received.push(read.unwrap());
                }
            }
            assert_eq!(received, sent);
            assert!(!ours.socket.has_tungstenite());
            ours.flush_all();
        }
    }
}
