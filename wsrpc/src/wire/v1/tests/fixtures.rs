//! Frames that the Go library wrote.

use bytes::Bytes;

use super::decoded;
use crate::wire::v1::{
    Frame, Request, decode::Response, encode_error, encode_request_head, encode_response_head,
};

struct Fixture {
    name: String,
    frame: Frame,
    payload: Vec<u8>,
    bytes: Vec<u8>,
}

fn fixtures() -> Vec<Fixture> {
    let text = include_str!("../../../../../tests/fixtures/go-frames.json");
    let fixtures: serde_json::Value = serde_json::from_str(text).unwrap();
    fixtures.as_array().unwrap().iter().map(fixture).collect()
}

fn fixture(value: &serde_json::Value) -> Fixture {
    let text = |field: &str| value[field].as_str().unwrap();
    let payload = hex(text("payload_hex"));
    let frame = match text("kind") {
        "request" => Frame::Request(Request {
            method: text("method").into(),
            call_id: text("call_id").into(),
            payload: payload.clone().into(),
        }),
        "response" => Frame::Response(Response {
            call_id: text("call_id").into(),
            result: match text("error") {
                "" => Ok(payload.clone().into()),
                error => Err(error.into()),
            },
        }),
        kind => panic!("a fixture of kind {kind}"),
    };
    Fixture {
        name: text("name").into(),
        frame,
        payload,
        bytes: hex(text("frame_hex")),
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn encoded(frame: &Frame) -> Vec<u8> {
    let mut out = Vec::new();
    match frame {
        Frame::Request(request) => {
            let id = request.call_id.as_str().as_bytes();
            encode_request_head(&mut out, request.method.as_str(), id, request.payload.len());
            out.extend_from_slice(&request.payload);
        }
        Frame::Response(response) => {
            let id = response.call_id.as_str().as_bytes();
            match &response.result {
                Ok(payload) => {
                    encode_response_head(&mut out, id, payload.len());
                    out.extend_from_slice(payload);
                }
                Err(error) => encode_error(&mut out, id, error.as_str()),
            }
        }
        Frame::Unknown => panic!("not a frame to send"),
    }
    out
}

#[test]
fn frames_of_go_are_read_as_what_was_sent() {
    for fixture in fixtures() {
        assert_eq!(
            decoded(&fixture.bytes),
            Ok(fixture.frame),
            "{}",
            fixture.name
        );
    }
}

#[test]
fn our_frames_are_those_of_go_byte_for_byte() {
    let mut compared = 0;
    for fixture in fixtures() {
        let fails = matches!(&fixture.frame, Frame::Response(response) if response.result.is_err());
        if fails && !fixture.payload.is_empty() {
            // Go sends what a handler returned beside its error. We have either.
            continue;
        }
        assert_eq!(encoded(&fixture.frame), fixture.bytes, "{}", fixture.name);
        compared += 1;
    }
    assert!(compared >= 12, "only {compared} fixtures were compared");
}

#[test]
fn a_head_is_appended_to_what_is_there() {
    let id = b"id";
    let mut out = b"before".to_vec();
    encode_request_head(&mut out, "M", id, 0);
    assert_eq!(out, b"before\x12\x07\x0a\x01M\x12\x02id");
    encode_response_head(&mut out, id, 0);
    encode_error(&mut out, id, "e");
    assert!(out.ends_with(b"\x1a\x04\x0a\x02id\x1a\x07\x0a\x02id\x1a\x01e"));
}

#[test]
fn lengths_of_every_varint_size_are_right() {
    for len in [1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
        let frame = Frame::Response(Response {
            call_id: "id".into(),
            result: Ok(Bytes::from(vec![7; len])),
        });
        assert_eq!(decoded(&encoded(&frame)), Ok(frame), "{len} bytes");
    }
}
