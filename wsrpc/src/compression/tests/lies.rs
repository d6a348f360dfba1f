//! Peers that say of a message what is not true.

use std::future::IntoFuture;

use bytes::Bytes;
use prost::Message as _;

use super::{compressed, start};
use crate::{
    Blame, Code, Metadata, Outcome,
    compression::{Compression, compress},
    proto::Message,
    service::test_support::{ECHO, Echo, Raw, Text, echo},
    transport::Role,
    wire::v2::{self as wire, Body, EndHead, Frame},
};

fn body(message: &Message, last: bool) -> Body {
    Body {
        last,
        inflated: message.inflated,
        total: None,
        payload_len: Some(message.payload.len()),
    }
}

/// Messages that do not inflate to what they say, and what comes of them as requests and as responses.
fn lies() -> Vec<(Message, Code, Code)> {
    let text = Text::new("x".repeat(1000)).encode_to_vec();
    let size = text.len() as u64;
    let good = compress(text.into(), Compression::Zstd).payload;
    let undecodable = (Code::INVALID_ARGUMENT, Code::INTERNAL);
    let too_large = (Code::RESOURCE_EXHAUSTED, Code::RESOURCE_EXHAUSTED);
    let cases = [
        (good.clone(), size - 1, undecodable),
        (good.clone(), size + 1, undecodable),
        (good.slice(..good.len() - 1), size, undecodable),
        (Bytes::from_static(b"no frame"), size, undecodable),
        (good, 5 * 1024 * 1024, too_large),
    ];
    cases
        .map(|(payload, size, (request, response))| (compressed(payload, size), request, response))
        .into()
}

#[tokio::test]
async fn a_response_that_lies_fails_its_call_and_nothing_else() {
    let (io, raw) = tokio::io::duplex(4096);
    let client = start(io, Role::Client, Echo::silent(), true);
    let mut raw = Raw::new(raw, Role::Server);
    for (lie, _, code) in lies() {
        let call = tokio::spawn(echo(&client.channel(), "x").into_future());
        let Frame::Open(open) = raw.frame_of_version_2().await else {
            panic!("no open");
        };
        let end = EndHead {
            code: 0,
            message: "",
            metadata: &Metadata::new(),
            details: &[],
            refused: false,
        };
        let mut bytes = Vec::new();
        wire::encode_end_head(&mut bytes, open.id, &end, &body(&lie, false));
        bytes.extend(&lie.payload);
        raw.message(&bytes);
        raw.flush().await;
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        let expected = match code {
            Code::INTERNAL => (Outcome::Ran, Blame::Remote),
            _ => (Outcome::Unknown, Blame::Local),
        };
        assert_eq!((error.outcome(), error.blame()), expected);
    }
}

#[tokio::test]
async fn a_request_that_lies_is_refused_and_nothing_else() {
    let (io, raw) = tokio::io::duplex(4096);
    let _server = start(io, Role::Server, Echo::plain(), true);
    let mut raw = Raw::new(raw, Role::Client);
    for (index, (lie, code, _)) in lies().into_iter().enumerate() {
        let id = index as u64 * 2 + 1;
        let mut bytes = Vec::new();
        let none = Metadata::new();
        let method = &ECHO.methods()[0];
        let (service, name) = (method.service(), method.name());
        wire::encode_open_head(&mut bytes, id, service, name, 0, &none, &body(&lie, true));
        bytes.extend(&lie.payload);
        raw.message(&bytes);
        raw.flush().await;
        let Frame::End(end) = raw.frame_of_version_2().await else {
            panic!("no end");
        };
        let failure = end.failure.unwrap();
        assert_eq!((end.id, Code::from(failure.code)), (id, code));
        assert!(failure.refused);
    }
}
