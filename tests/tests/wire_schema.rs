//! `proto/wsrpc.proto` is what goes over the wire: Go's own frames are the proof.

#![allow(clippy::unwrap_used)]

use prost::Message as _;
use serde_json::Value;

mod wire {
    #![allow(missing_docs, unreachable_pub)]
    include!(concat!(env!("OUT_DIR"), "/wsrpc.rs"));
}

use wire::{Message, Request, Response, message::Exchange};

fn frames() -> Vec<Value> {
    serde_json::from_str(include_str!("../fixtures/go-frames.json")).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .map(|digit| (digit as char).to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

#[test]
fn the_schema_says_what_go_sends() {
    let frames = frames();
    assert!(frames.len() >= 14);
    for frame in frames {
        let text = |field: &str| frame[field].as_str().unwrap().to_owned();
        let payload = hex(&text("payload_hex"));
        let exchange = match text("kind").as_str() {
            "request" => Exchange::Request(Request {
                method: text("method"),
                call_id: text("call_id"),
                payload,
            }),
            "response" => Exchange::Response(Response {
                call_id: text("call_id"),
                payload,
                error: text("error"),
            }),
            kind => panic!("{kind}"),
        };
        let message = Message {
            exchange: Some(exchange),
        };
        let bytes = hex(&text("frame_hex"));
        assert_eq!(message.encode_to_vec(), bytes, "{}", text("name"));
        assert_eq!(
            Message::decode(bytes.as_slice()).unwrap(),
            message,
            "{}",
            text("name")
        );
    }
}
