//! A stream that is put off, or fails, at any chosen step.

use std::task::Poll;

use tungstenite::Message;

use super::pipe::{Ours, Peer, ROLES, connected, pattern};
use crate::transport::{Received, Role, TransportError};
use crate::wire::random::Random;

const LARGE: usize = 140_000;

/// We send two messages and a ping, and receive as much, until both are done or the stream fails.
fn exchange(ours: &mut Ours, peer: &mut Peer) -> Result<(), TransportError> {
    let sizes = [10, LARGE];
    for size in sizes {
        peer.send(Message::binary(pattern(size))).unwrap();
        peer.send(Message::Ping("p".into())).unwrap();
    }
    let mut to_send = sizes.into_iter();
    let mut received = Vec::new();
    let mut at_peer = Vec::new();
    for _ in 0..100_000 {
        while let Poll::Ready(message) = ours.read() {
            received.push(message?);
        }
        if ours.socket.is_ready() {
            if let Some(size) = to_send.next() {
                ours.push(b"head", pattern(size));
                ours.push_ping();
            }
        }
        if let Poll::Ready(flushed) = ours.flush() {
            flushed?;
        }
        while let Ok(message) = peer.read() {
            at_peer.push(message);
        }
        if received.len() >= 6 && at_peer.len() >= 6 {
            break;
        }
    }
    let with_head = |size| Message::binary([b"head".to_vec(), pattern(size)].concat());
    assert_eq!(at_peer.len(), 6, "2 messages, 2 pings and 2 pongs");
    for size in sizes {
        assert!(at_peer.contains(&with_head(size)));
        assert!(received.contains(&Received::Message(pattern(size).into())));
    }
    assert!(received.contains(&Received::Ping) && received.contains(&Received::Pong));
    Ok(())
}

#[test]
fn steps_that_are_put_off_lose_nothing() {
    for role in ROLES {
        for seed in 0..20 {
            for chunk in [1_000, 65_000, usize::MAX] {
                let (mut ours, mut peer) = connected(role);
                let mut pipe = ours.io.pipe();
                pipe.put_off = Some(Random::new(seed));
                pipe.chunk = chunk;
                drop(pipe);
                exchange(&mut ours, &mut peer).unwrap();
            }
        }
    }
}

#[test]
fn a_stream_that_fails_at_any_step_is_told_as_it_is() {
    for role in ROLES {
        let (mut ours, mut peer) = connected(role);
        ours.io.pipe().chunk = 50_000;
        exchange(&mut ours, &mut peer).unwrap();
        let steps = ours.io.pipe().steps;
        for step in 0..steps - 1 {
            let (mut ours, mut peer) = connected(role);
            ours.io.pipe().chunk = 50_000;
            ours.io.pipe().fails_after = Some(step);
            let failed = exchange(&mut ours, &mut peer);
            match failed {
                Err(TransportError::Io(error)) => assert_eq!(error.to_string(), "cut"),
                // The last steps come after all was said.
                Ok(()) if step + 10 > steps => {}
                other => panic!("step {step} of {steps}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_stream_that_takes_nothing_for_good_is_a_failure() {
    let mut ours = Ours::new(Role::Server);
    ours.io.pipe().chunk = 0;
    ours.push(b"x", Vec::new());
    let Poll::Ready(Err(TransportError::Io(error))) = ours.flush() else {
        panic!("it goes on");
    };
    assert_eq!(error.kind(), std::io::ErrorKind::WriteZero);
}
