//! Messages there and back, with a plain tungstenite peer.

use std::{
    future::poll_fn,
    task::{Poll, ready},
};

use tungstenite::Message;

use super::pipe::{
    BINARY, CLOSE, CONTINUATION, Ours, PING, PONG, ROLES, connected, pattern, peer_reads,
    raw_frames,
};
use crate::transport::{Received, Role, WebSocket, buffered};

const FRAGMENT: usize = 65 * 1024;

const SIZES: [usize; 11] = [
    0,
    1,
    125,
    126,
    127,
    FRAGMENT - 1,
    FRAGMENT,
    FRAGMENT + 1,
    2 * FRAGMENT,
    2 * FRAGMENT + 1,
    1 << 20,
];

#[test]
fn messages_of_every_size_reach_the_peer() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        for size in SIZES {
            for head in [0, 1, 60] {
                ours.push(&vec![0xaa; head], pattern(size));
                ours.flush_all();
                let expected = [vec![0xaa; head], pattern(size)].concat();
                assert_eq!(peer_reads(&mut peer), Message::binary(expected), "{size}");
            }
        }
    }
}

#[test]
fn messages_of_every_size_reach_us() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        for size in SIZES {
            peer.send(Message::binary(pattern(size))).unwrap();
            assert_eq!(ours.received(), Received::Message(pattern(size).into()));
            assert!(ours.read().is_pending());
        }
    }
}

#[test]
fn a_message_goes_out_in_fragments_of_at_most_65_kib() {
    for role in ROLES {
        for size in SIZES {
            let mut ours = Ours::new(role);
            ours.push(b"head", pattern(size));
            ours.flush_all();
            let frames = raw_frames(&ours.io.written());
            assert_eq!(frames.len(), (size + 4).div_ceil(FRAGMENT), "{size}");
            let last = frames.len() - 1;
            for (at, frame) in frames.iter().enumerate() {
                assert_eq!(frame.fin, at == last);
                assert_eq!(frame.op_code, if at == 0 { BINARY } else { CONTINUATION });
                assert_eq!(frame.masked, role == Role::Client);
                assert!(frame.payload.len() <= FRAGMENT);
            }
        }
    }
}

#[test]
fn no_two_frames_of_a_client_have_the_same_mask() {
    let mut ours = Ours::new(Role::Client);
    for _ in 0..200 {
        ours.push(&[0; 4], Vec::new());
    }
    ours.flush_all();
    // The payload is zeros, so that what is sent of it is the mask.
    let bytes = ours.io.written();
    let masks: std::collections::HashSet<_> = bytes.chunks(10).map(|frame| &frame[6..]).collect();
    assert!(masks.len() > 190, "{} masks for 200 frames", masks.len());
}

#[test]
fn many_messages_go_out_with_one_flush_and_few_writes() {
    let mut ours = Ours::new(Role::Server);
    for _ in 0..100 {
        ours.push(b"h", pattern(100));
    }
    ours.flush_all();
    assert_eq!(ours.io.pipe().steps, 2, "one write and one flush");
    ours.flush_all();
    assert_eq!(ours.io.pipe().steps, 2, "nothing is left to do");
}

/// What was written, frame by frame.
fn written(ours: &mut Ours) -> Vec<(u8, Vec<u8>)> {
    ours.flush_all();
    let frames = raw_frames(&ours.io.written()).into_iter();
    frames
        .map(|frame| (frame.op_code, frame.payload.to_vec()))
        .collect()
}

#[test]
fn a_message_is_shared_by_32_if_they_fit_into_16_kib() {
    for role in ROLES {
        let mut ours = Ours::new(role);
        ours.socket.share_messages();
        for sizes in [
            &[1][..],
            &[60, 65],
            &[60, 66],
            &[100; 300],
            &[8_000, 8_384],
            &[8_000, 8_385],
            &[16_384, 1],
            &[1, 16_385, 1],
            &[1, 40_000, 1, 1],
        ] {
            let mut expected: Vec<Vec<u8>> = vec![Vec::new()];
            let mut sharers = 0;
            for &size in sizes {
                ours.push(&pattern(size)[..1], pattern(size)[1..].to_vec());
                let last = expected.last_mut().unwrap();
                if last.is_empty() || (last.len() + size <= 16_384 && sharers < 32) {
                    last.extend(pattern(size));
                    sharers += 1;
                } else {
                    expected.push(pattern(size));
                    sharers = 1;
                }
            }
            let mut messages: Vec<Vec<u8>> = Vec::new();
            for (op_code, payload) in written(&mut ours) {
                match op_code {
                    BINARY => messages.push(payload),
                    _ => messages.last_mut().unwrap().extend(payload),
                }
            }
            assert_eq!(messages, expected, "{sizes:?}");
        }
    }
}

#[test]
fn a_message_alone_is_the_same_whether_it_may_be_shared_or_not() {
    // Larger ones go out in fragments unless they may be shared.
    for size in SIZES.into_iter().filter(|size| *size <= 65_532) {
        let [alone, shared] = [false, true].map(|shares| {
            let mut ours = Ours::new(Role::Server);
            if shares {
                ours.socket.share_messages();
            }
            ours.push(b"head", pattern(size));
            ours.flush_all();
            ours.io.written()
        });
        assert_eq!(alone, shared);
    }
}

#[test]
fn what_comes_between_two_messages_stays_between_them() {
    for role in ROLES {
        let mut ours = Ours::new(role);
        ours.socket.share_messages();
        ours.push(b"a", b"b".to_vec());
        ours.push(b"c", b"d".to_vec());
        ours.push_ping();
        ours.push(b"e", b"f".to_vec());
        ours.push_pong();
        ours.push(b"g", Vec::new());
        ours.push_close(1001, "");
        let expected = [
            (BINARY, &b"abcd"[..]),
            (PING, b""),
            (BINARY, b"ef"),
            (PONG, b""),
            (BINARY, b"g"),
            (CLOSE, b"\x03\xe9"),
        ];
        assert_eq!(
            written(&mut ours),
            expected.map(|(op_code, payload)| (op_code, payload.to_vec()))
        );
    }
}

#[test]
fn what_was_flushed_is_not_shared_any_more() {
    for role in ROLES {
        let mut ours = Ours::new(role);
        ours.socket.share_messages();
        ours.io.pipe().room = 3;
        ours.push(b"ab", Vec::new());
        assert!(ours.flush().is_pending());
        ours.push(b"c", Vec::new());
        ours.push(b"d", Vec::new());
        ours.io.pipe().room = usize::MAX;
        let expected = [&b"ab"[..], b"cd"].map(|payload| (BINARY, payload.to_vec()));
        assert_eq!(written(&mut ours), expected);
    }
}

#[test]
fn a_buffer_of_shared_messages_that_is_never_empty_does_not_grow() {
    let mut ours = Ours::new(Role::Client);
    ours.socket.share_messages();
    let mut pushed = 0;
    let mut bytes = Vec::new();
    for _ in 0..1_000 {
        while ours.socket.is_ready() {
            ours.push(b"", pattern(100));
            pushed += 1;
        }
        ours.io.pipe().room = 9_000;
        assert!(ours.flush().is_pending());
        bytes.extend(ours.io.written());
    }
    let buffered = ours.socket.buffer_capacity();
    assert!(
        buffered < 4 * FRAGMENT,
        "{buffered} bytes for what is unsent"
    );
    ours.io.pipe().room = usize::MAX;
    ours.flush_all();
    bytes.extend(ours.io.written());
    let frames = raw_frames(&bytes);
    let payloads: Vec<_> = frames.iter().map(|frame| &frame.payload[..]).collect();
    assert!(payloads.concat() == pattern(100).repeat(pushed));
}

#[test]
fn fragments_of_the_peer_and_what_comes_between_them_are_read() {
    let mut ours = Ours::new(Role::Client);
    ours.io
        .inject(b"\x02\x02ab\x89\x01p\x00\x00\x8a\x00\x80\x01c");
    assert_eq!(ours.received(), Received::Ping);
    assert_eq!(ours.received(), Received::Pong);
    assert_eq!(ours.received(), Received::Message("abc".into()));
}

#[test]
fn a_message_that_comes_byte_by_byte_is_read() {
    let mut ours = Ours::new(Role::Client);
    let bytes = [&b"\x82\x7e\x01\x00"[..], &pattern(256)].concat();
    for byte in &bytes {
        assert!(ours.read().is_pending());
        ours.io.inject(&[*byte]);
    }
    assert_eq!(ours.received(), Received::Message(pattern(256).into()));
    assert_eq!(ours.socket.received(), bytes.len() as u64);
}

#[test]
fn pings_and_pongs_go_both_ways() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        ours.push_ping();
        ours.push_pong();
        ours.flush_all();
        assert_eq!(peer_reads(&mut peer), Message::Ping("".into()));
        assert_eq!(peer_reads(&mut peer), Message::Pong("".into()));
        peer.flush().unwrap();
        assert_eq!(ours.received(), Received::Pong);
        peer.send(Message::Ping("echo".into())).unwrap();
        assert_eq!(ours.received(), Received::Ping);
        assert!(ours.read().is_pending());
        ours.flush_all();
        assert_eq!(peer_reads(&mut peer), Message::Pong("echo".into()));
    }
}

#[test]
fn a_ping_goes_out_between_two_fragments() {
    let mut ours = Ours::new(Role::Server);
    ours.io.pipe().room = 4_000;
    ours.push(b"", pattern(10 * FRAGMENT));
    assert!(ours.flush().is_pending());
    ours.push_ping();
    ours.io.pipe().room = usize::MAX;
    ours.flush_all();
    let op_codes: Vec<_> = raw_frames(&ours.io.written())
        .iter()
        .map(|frame| frame.op_code)
        .collect();
    assert_eq!(op_codes[..3], [BINARY, PING, CONTINUATION]);
    assert_eq!(op_codes.len(), 11);
}

#[tokio::test]
async fn two_of_us_understand_each_other_over_a_narrow_pipe() {
    let (client, server) = tokio::io::duplex(1_000);
    let mut client = WebSocket::new(buffered(client), Role::Client, 4 << 20);
    let mut server = WebSocket::new(buffered(server), Role::Server, 4 << 20);
    for size in SIZES {
        client.push_message(b"up", pattern(size).into());
        server.push_message(b"down", pattern(size).into());
        let mut received = [None, None];
        poll_fn(|cx| {
            let sides = [&mut client, &mut server];
            for (socket, received) in sides.into_iter().zip(&mut received) {
                let flushed = socket.poll_flush(cx, &mut 0);
                assert!(!matches!(flushed, Poll::Ready(Err(_))));
                if received.is_none() {
                    if let Poll::Ready(message) = socket.poll_read(cx) {
                        *received = Some(message.unwrap());
                        cx.waker().wake_by_ref();
                    }
                }
            }
            let all = received.iter().all(Option::is_some);
            if all { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let [from_server, from_client] = received.map(Option::unwrap);
        let with = |head: &[u8]| Received::Message([head, &pattern(size)].concat().into());
        assert_eq!(from_server, with(b"down"));
        assert_eq!(from_client, with(b"up"));
    }
    drop(client);
    let end = poll_fn(|cx| {
        let read = ready!(server.poll_read(cx));
        Poll::Ready(read.unwrap_err())
    });
    assert_eq!(end.await.to_string(), "the peer hung up");
}
