//! After the upgrade: frames that are wrong as WebSocket, or as protobuf.

use std::time::Duration;

use bytes::Bytes;
use integration::{
    keys::Who,
    raw::{self, Exchange, Key, Request},
    scene::{Scene, end_of, settings, soon},
};
use tungstenite::protocol::frame::{
    Frame, FrameHeader,
    coding::{Control, Data, OpCode},
};
use wsrpc::{SessionConfig, SessionEnd};

const PROTOCOL: u16 = 1002;
const UNSUPPORTED: u16 = 1003;
const TOO_BIG: u16 = 1009;

/// What the server says, in its close frame and to those who watch it, to a client that sends these bytes.
async fn verdict_on(
    bytes: impl AsRef<[u8]>,
    set_up: fn(SessionConfig) -> SessionConfig,
) -> Verdict {
    let scene = Scene::with(|server| server.session(set_up(settings()))).await;
    let mut events = scene.peers.events();
    let key = Key::new();
    let mut offender = raw::connect(scene.address, &key).await;
    offender.write(bytes.as_ref()).await.unwrap();
    let (code, text) = soon(offender.close_frame()).await;
    soon(offender.ended()).await;
    drop(offender);
    let end = end_of(&mut events, key.public()).await;
    scene.finish().await;
    Verdict { code, text, end }
}

struct Verdict {
    code: u16,
    text: String,
    end: SessionEnd,
}

impl Verdict {
    #[track_caller]
    fn is_breach(&self, what: &str) {
        assert_eq!(self.code, PROTOCOL, "{}", self.text);
        assert!(self.text.starts_with("protocol error: "), "{}", self.text);
        assert!(self.text.contains(what), "{}", self.text);
        assert!(matches!(self.end, SessionEnd::Protocol(_)), "{}", self.end);
    }
}

/// The bytes of a frame as a client sends it.
fn frame(opcode: OpCode, payload: impl Into<Bytes>, is_final: bool) -> Vec<u8> {
    let header = FrameHeader {
        is_final,
        opcode,
        mask: Some([9, 8, 7, 6]),
        ..FrameHeader::default()
    };
    let mut bytes = Vec::new();
    let frame = Frame::from_payload(header, payload.into());
    frame.format(&mut bytes).unwrap();
    bytes
}

const BINARY: OpCode = OpCode::Data(Data::Binary);
const CONTINUE: OpCode = OpCode::Data(Data::Continue);

fn binary(payload: impl Into<Bytes>) -> Vec<u8> {
    frame(BINARY, payload, true)
}

fn ping_request(call_id: &str) -> Bytes {
    raw::frame(Exchange::Request(Request {
        method: "Ping".into(),
        call_id: call_id.into(),
        payload: Bytes::new(),
    }))
}

#[tokio::test]
async fn what_is_not_protobuf_ends_the_session() {
    let verdict = verdict_on(binary("this is no protobuf"), |config| config).await;
    verdict.is_breach("not a protobuf message");
}

#[tokio::test]
async fn a_truncated_frame_ends_the_session() {
    let whole = ping_request("1");
    let cut = whole.slice(..whole.len() - 1);
    verdict_on(binary(cut), |config| config)
        .await
        .is_breach("not a protobuf message");
}

#[tokio::test]
async fn a_method_that_is_not_utf8_ends_the_session() {
    let bytes = Bytes::from_static(b"\x12\x07\x0a\x02\xff\xfe\x12\x01a");
    verdict_on(binary(bytes), |config| config)
        .await
        .is_breach("`method` is not UTF-8");
}

#[tokio::test]
async fn a_text_frame_ends_the_session() {
    let text = frame(OpCode::Data(Data::Text), "hello", true);
    let verdict = verdict_on(text, |config| config).await;
    assert_eq!(verdict.code, UNSUPPORTED);
    assert!(
        verdict.text.contains("only binary ones are understood"),
        "{}",
        verdict.text
    );
    assert_eq!(verdict.end, SessionEnd::TextFrame);
}

#[tokio::test]
async fn breaches_of_the_websocket_protocol_end_the_session() {
    let mut unmasked = Frame::message("x", BINARY, true);
    unmasked.header_mut().mask = None;
    let mut plain = Vec::new();
    unmasked.format(&mut plain).unwrap();
    let mut compressed = binary("x");
    compressed[0] |= 0x40;
    let mut reserved = binary("x");
    reserved[0] = 0x83;
    let mut long_ping = frame(OpCode::Control(Control::Ping), vec![0; 126], true);
    long_ping[0] = 0x89;
    for (bytes, what) in [
        (plain, "mask"),
        (compressed, "eserved bits"),
        (reserved, "opcode"),
        (long_ping, "ontrol frame"),
        (
            frame(OpCode::Control(Control::Ping), "", false),
            "ontrol frame",
        ),
        (frame(CONTINUE, "x", true), "ontinu"),
        (
            [frame(BINARY, "x", false), binary("y")].concat(),
            "waiting for more fragments",
        ),
    ] {
        verdict_on(bytes, |config| config).await.is_breach(what);
    }
}

#[tokio::test]
async fn an_oversize_message_is_refused_before_there_is_memory_for_it() {
    // A terabyte is announced, and none of it follows: the answer can only come from what was announced.
    let mut announced = vec![0x82, 0xff];
    announced.extend_from_slice(&(1u64 << 40).to_be_bytes());
    announced.extend_from_slice(&[0; 4]);
    let verdict = verdict_on(announced, |config| config).await;
    assert_eq!(verdict.code, TOO_BIG);
    let text = "a message of over 10000000 bytes";
    assert_eq!(verdict.text, text);
    let (size, limit) = (1 << 40, 10_000_000);
    assert_eq!(verdict.end, SessionEnd::TooBig { size, limit });
}

#[tokio::test]
async fn an_oversize_message_in_small_fragments_is_refused_at_the_limit() {
    let mut bytes = frame(BINARY, vec![0; 600], false);
    bytes.extend(frame(CONTINUE, vec![0; 600], false));
    let verdict = verdict_on(bytes, |config| config.max_recv_message_size(1000)).await;
    assert_eq!(verdict.code, TOO_BIG);
    assert!(matches!(
        verdict.end,
        SessionEnd::TooBig { limit: 1000, .. }
    ));
}

#[tokio::test]
async fn an_oversize_message_is_refused_while_it_is_still_being_sent() {
    let scene = Scene::with(|server| {
        server.session(
            settings()
                .max_recv_message_size(100_000)
                .close_timeout(Duration::from_secs(5)),
        )
    })
    .await;
    let mut offender = raw::connect(scene.address, &Key::new()).await;
    let message = offender.binary(vec![0; 4_000_000]);
    // It may well fail half-way: the server has stopped to read.
    offender.write(&message).await.ok();
    let (code, text) = soon(offender.close_frame()).await;
    assert_eq!(code, TOO_BIG);
    assert!(text.contains("a message of over 100000 bytes"), "{text}");
    drop(offender);
    scene.finish().await;
}

#[tokio::test]
async fn a_message_at_the_limit_is_taken_and_one_byte_more_is_not() {
    let scene = Scene::with(|server| server.session(settings().max_recv_message_size(1000))).await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    // An unknown field, as long as it takes.
    let of_size = |size: usize| {
        let len = size - 3;
        let key_and_len = [0x7a, (len & 0x7f) as u8 | 0x80, (len >> 7) as u8];
        [&key_and_len[..], &vec![b'x'; len]].concat()
    };
    peer.send_binary(of_size(1000)).await;
    peer.send_request("Ping", "1", "").await;
    assert_eq!(soon(peer.next_response()).await.call_id, "1");
    peer.send_binary(of_size(1001)).await;
    assert_eq!(soon(peer.close_frame()).await.0, TOO_BIG);
    scene.finish().await;
}

#[tokio::test]
async fn frames_of_a_later_version_are_skipped() {
    let scene = Scene::new().await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    for unknown in [
        &b""[..],
        b"\x78\x01",        // field 15, a number
        b"\x22\x03abc",     // member 4 of the exchange
        b"\xa2\x06\x03abc", // member 100
    ] {
        peer.send_binary(unknown.to_vec()).await;
    }
    // A request with a field that this version does not know.
    let request = Bytes::from_static(b"\x12\x0c\x0a\x04Ping\x12\x01a\x7a\x00\x7a\x00"[..].as_ref());
    let request = [&[0x12, request.len() as u8 - 2], &request[2..]].concat();
    peer.send_binary(request).await;
    let answer = soon(peer.next_response()).await;
    assert_eq!((answer.call_id.as_str(), answer.error.as_str()), ("a", ""));
    scene.finish().await;
}

#[tokio::test]
async fn a_call_in_a_thousand_fragments_with_pings_between_them_is_answered() {
    let scene = Scene::new().await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    let payload = raw::frame(Exchange::Request(Request {
        method: "Ping".into(),
        call_id: "fragments".into(),
        payload: prost_string("len:".to_owned() + &"x".repeat(996)),
    }));
    let mut bytes = frame(BINARY, "", false);
    for byte in payload.chunks(1) {
        bytes.extend(frame(CONTINUE, byte.to_vec(), false));
        bytes.extend(frame(OpCode::Control(Control::Ping), "", true));
    }
    bytes.extend(frame(CONTINUE, "", true));
    peer.write(&bytes).await.unwrap();
    let answer = soon(peer.next_response()).await;
    assert_eq!(answer.payload, prost_string("1000".into()));
    scene.finish().await;
}

/// A message whose field 1 is this text.
fn prost_string(text: String) -> Bytes {
    use prost::Message;
    integration::ping::PingRequest { body: text }
        .encode_to_vec()
        .into()
}

#[tokio::test]
async fn a_peer_that_hangs_up_within_a_frame_is_gone_and_no_more() {
    let scene = Scene::new().await;
    let mut events = scene.peers.events();
    let key = Key::new();
    let mut offender = raw::connect(scene.address, &key).await;
    let message = offender.binary(vec![0; 1000]);
    offender.write(&message[..500]).await.unwrap();
    drop(offender);
    let end = end_of(&mut events, key.public()).await;
    assert!(matches!(end, SessionEnd::Lost(_)), "{end}");
    assert_ne!(key.public(), Who::Alice.public());
    scene.finish().await;
}

#[tokio::test]
async fn a_peer_that_resets_its_connection_is_gone_and_no_more() {
    let scene = Scene::new().await;
    let mut events = scene.peers.events();
    let key = Key::new();
    let mut offender = raw::connect(scene.address, &key).await;
    offender
        .send_request("Ping", "1", prost_string("sleep:60000".into()))
        .await;
    raw::reset(offender.stream.into_inner().0);
    let end = end_of(&mut events, key.public()).await;
    assert!(matches!(end, SessionEnd::Lost(_)), "{end}");
    scene.finish().await;
}

#[tokio::test]
async fn a_peer_that_closes_is_told_that_it_is_closed() {
    let scene = Scene::new().await;
    let mut events = scene.peers.events();
    for (payload, code, reason) in [
        (&b""[..], 1005, ""),
        (b"\x03\xe8bye", 1000, "bye"),
        (b"\x0f\xa0mine", 4000, "mine"),
    ] {
        let key = Key::new();
        let mut peer = raw::connect(scene.address, &key).await;
        let close = frame(OpCode::Control(Control::Close), payload.to_vec(), true);
        peer.write(&close).await.unwrap();
        assert_eq!(soon(peer.close_frame()).await.0, code);
        soon(peer.ended()).await;
        let reason = reason.to_owned();
        let closed = SessionEnd::PeerClosed { code, reason };
        assert_eq!(end_of(&mut events, key.public()).await, closed);
    }
    scene.finish().await;
}

#[tokio::test]
async fn close_frames_that_are_wrong_end_the_session_too() {
    let scene = Scene::new().await;
    let mut events = scene.peers.events();
    for payload in [&b"\x03"[..], b"\x00\x00", b"\x03\xed", b"\x03\xe8\xff\xff"] {
        let key = Key::new();
        let mut peer = raw::connect(scene.address, &key).await;
        let close = frame(OpCode::Control(Control::Close), payload.to_vec(), true);
        peer.write(&close).await.unwrap();
        soon(peer.ended()).await;
        drop(peer);
        end_of(&mut events, key.public()).await;
    }
    scene.finish().await;
}
