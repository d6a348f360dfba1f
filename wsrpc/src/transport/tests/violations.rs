//! What a peer must not send.

use super::pipe::{MAX, Ours};
use crate::transport::{Received, Role, TransportError};

/// The error that these bytes of the peer's end in.
fn error_of(role: Role, bytes: &[u8]) -> TransportError {
    let mut ours = Ours::new(role);
    ours.io.inject(bytes);
    ours.read_error()
}

#[test]
fn a_message_over_the_limit_is_refused_by_its_header() {
    for (len, role) in [
        (MAX as u64 + 1, Role::Client),
        (1 << 62, Role::Client),
        (1 << 62, Role::Server),
    ] {
        let mask = if role == Role::Server { 0x80 } else { 0 };
        let header = [&[0x82, mask | 127][..], &len.to_be_bytes(), &[0; 4]].concat();
        let error = error_of(role, &header);
        assert!(
            matches!(error, TransportError::TooBig { size, limit: MAX } if size as u64 == len),
            "{error}"
        );
    }
}

#[test]
fn a_message_of_exactly_the_limit_is_received() {
    let mut ours = Ours::new(Role::Client);
    ours.io.inject(&[0x82, 127]);
    ours.io.inject(&(MAX as u64).to_be_bytes());
    ours.io.inject(&vec![7; MAX]);
    assert_eq!(ours.received(), Received::Message(vec![7; MAX].into()));
}

#[test]
fn fragments_that_add_up_to_more_than_the_limit_are_refused() {
    let mut ours = Ours::new(Role::Client);
    let half = MAX as u64 / 2 + 1;
    for op_code in [0x02, 0x00] {
        ours.io.inject(&[op_code, 127]);
        ours.io.inject(&half.to_be_bytes());
        ours.io.inject(&vec![7; half as usize]);
    }
    let error = ours.read_error();
    assert!(
        matches!(error, TransportError::TooBig { size, limit: MAX } if size as u64 == 2 * half),
        "{error}"
    );
}

#[test]
fn a_text_message_is_told_apart() {
    let mut ours = Ours::new(Role::Client);
    ours.io.inject(b"\x81\x02hi\x82\x01b");
    assert_eq!(ours.received(), Received::Text);
}

#[test]
fn breaches_of_the_protocol_are_named() {
    for (role, bytes, what) in [
        (Role::Server, &b"\x82\x01a"[..], "unmasked"),
        (Role::Client, b"\x82\x81\0\0\0\0a", "masked"),
        (Role::Client, b"\xc2\x00", "reserved"),
        (Role::Client, b"\x83\x00", "opcode"),
        (Role::Client, b"\x8b\x00", "opcode"),
        (Role::Client, b"\x80\x00", "continue"),
        (Role::Client, b"\x02\x00\x82\x00", "fragment"),
        (Role::Client, b"\x09\x00", "fragment"),
        (Role::Client, b"\x89\x7e\x00\x7e", "control frame"),
        (Role::Client, b"\x88\x01a", "close"),
        (Role::Client, b"\x81\x01\xff", "utf-8"),
        (Role::Client, b"\x88\x03\x03\xe9\xff", "utf-8"),
    ] {
        let bytes = [bytes, &[0; 200]].concat();
        match error_of(role, &bytes) {
            TransportError::Protocol(text) => {
                let text = text.to_lowercase();
                assert!(text.contains(what), "{text:?} does not speak of {what}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn data_after_the_peers_close_is_a_breach() {
    let error = error_of(Role::Client, b"\x88\x00\x82\x01a");
    assert!(matches!(error, TransportError::Protocol(_)), "{error:?}");
}

#[test]
fn a_peer_that_hangs_up_is_told_apart_wherever_it_does() {
    for bytes in [&b""[..], b"\x82", b"\x82\x05abc", b"\x02\x01a"] {
        let mut ours = Ours::new(Role::Client);
        ours.io.inject(bytes);
        ours.io.pipe().ended = true;
        let error = ours.read_error();
        assert!(matches!(error, TransportError::HungUp), "{error:?}");
    }
}
