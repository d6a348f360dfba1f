//! A peer that speaks version 2, whose every frame the test decides.

use std::{
    future::{Future, IntoFuture, poll_fn},
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use prost::Message;
use tokio::{io::AsyncWriteExt, time::Instant};

use crate::{
    Blame, Code, Metadata, Outcome,
    ProtocolVersion::V2,
    Response, Service, SessionConfig, SessionEnd,
    service::test_support::{
        Echo, End, Raw, Text, echo, settle, spawn_echo, start_on,
        streams::{Scripted, list, rest},
    },
    transport::Role,
    wire::v2::{self as wire, Body, EndHead, Frame},
};

fn against(service: impl Service) -> (End, Raw) {
    let (io, raw) = tokio::io::duplex(64 * 1024);
    let config = SessionConfig::default();
    (
        start_on(V2, io, Role::Client, service, config),
        Raw::new(raw, Role::Server),
    )
}

async fn send(raw: &mut Raw, encode: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = Vec::new();
    encode(&mut bytes);
    raw.message(&bytes);
    raw.flush().await;
}

fn body(payload: Option<&Bytes>, last: bool) -> Body {
    Body {
        last,
        inflated: None,
        total: None,
        payload_len: payload.map(Bytes::len),
    }
}

fn text(body: &str) -> Bytes {
    Text::new(body).encode_to_vec().into()
}

/// Opens a call of `test.Streams`.
fn open(out: &mut Vec<u8>, id: u64, method: &str, timeout_us: u64, request: &str, last: bool) {
    let payload = text(request);
    let body = body(Some(&payload), last);
    let metadata = Metadata::new();
    wire::encode_open_head(
        out,
        id,
        "test.Streams",
        method,
        timeout_us,
        &metadata,
        &body,
    );
    out.extend_from_slice(&payload);
}

fn end(out: &mut Vec<u8>, id: u64, metadata: &Metadata, payload: Option<&Bytes>) {
    let head = EndHead {
        code: 0,
        message: "",
        metadata,
        details: &[],
        refused: false,
    };
    wire::encode_end_head(out, id, &head, &body(payload, false));
    out.extend_from_slice(payload.map_or(&[], |payload| payload));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_cancel_is_told_that_its_deadline_has_passed() {
    let (service, mut watched) = Echo::watched();
    let (client, mut raw) = against(service);
    let began = Instant::now();
    send(&mut raw, |out| {
        let payload = text("x");
        let body = body(Some(&payload), true);
        wire::encode_open_head(
            out,
            2,
            "test.Echo",
            "Echo",
            3_000_000,
            &Metadata::new(),
            &body,
        );
        out.extend_from_slice(&payload);
    })
    .await;
    let Frame::End(end) = raw.frame_of_version_2().await else {
        panic!("not an end");
    };
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    let failure = end.failure.unwrap();
    assert_eq!(failure.code, u32::from(Code::DEADLINE_EXCEEDED));
    assert!(!failure.refused);
    watched.drops.recv().await.unwrap();
    assert_eq!(client.session.ended(), None);
}

#[tokio::test(start_paused = true)]
async fn metadata_that_trail_a_stream_are_there_once_it_has_ended_well() {
    let (client, mut raw) = against(Echo::plain());
    let call = tokio::spawn(IntoFuture::into_future(list(&client.channel(), "x")));
    let Frame::Open(opened) = raw.frame_of_version_2().await else {
        panic!("not an open");
    };
    let mut trailing = Metadata::new();
    trailing.insert("count", "1").unwrap();
    send(&mut raw, |out| {
        wire::encode_data_head(out, opened.id, &Metadata::new(), &body(None, false));
    })
    .await;
    let mut stream = call.await.unwrap().unwrap().into_inner();
    assert_eq!(stream.trailers(), None);
    send(&mut raw, |out| {
        end(out, opened.id, &trailing, Some(&text("only")))
    })
    .await;
    assert_eq!(rest(&mut stream).await.unwrap(), ["only"]);
    assert_eq!(stream.trailers(), Some(trailing));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_before_the_handler_has_run_stops_it_and_is_answered_once() {
    let (service, mut watched) = Echo::watched();
    let (_client, mut raw) = against(service);
    // All in one read: the call, its cancel, and the cancel again.
    let mut opened = Vec::new();
    let payload = text("x");
    let body = body(Some(&payload), true);
    wire::encode_open_head(
        &mut opened,
        2,
        "test.Echo",
        "Echo",
        0,
        &Metadata::new(),
        &body,
    );
    opened.extend_from_slice(&payload);
    raw.message(&opened);
    for _ in 0..2 {
        let mut cancel = Vec::new();
        wire::encode_cancel(&mut cancel, 2);
        raw.message(&cancel);
    }
    raw.flush().await;
    let Frame::End(end) = raw.frame_of_version_2().await else {
        panic!("not an end");
    };
    assert_eq!(end.failure.unwrap().code, u32::from(Code::CANCELLED));
    if watched.starts.try_recv().is_ok() {
        watched.drops.try_recv().unwrap();
    }
    // A late one is nobody's, and nothing more comes.
    send(&mut raw, |out| wire::encode_cancel(out, 2)).await;
    settle().await;
    send(&mut raw, |out| {
        let payload = text("y");
        wire::encode_open_head(
            out,
            4,
            "test.Echo",
            "Missing",
            0,
            &Metadata::new(),
            &Body {
                last: true,
                inflated: None,
                total: None,
                payload_len: Some(payload.len()),
            },
        );
        out.extend_from_slice(&payload);
    })
    .await;
    let Frame::End(end) = raw.frame_of_version_2().await else {
        panic!("not an end");
    };
    assert_eq!(end.id, 4);
    assert!(end.failure.unwrap().refused);
}

#[tokio::test(start_paused = true)]
async fn an_answer_and_a_cancel_that_cross_end_the_call_once() {
    for answers_first in [false, true] {
        let (client, mut raw) = against(Echo::plain());
        let call = spawn_echo(&client.channel(), "x");
        let Frame::Open(opened) = raw.frame_of_version_2().await else {
            panic!("not an open");
        };
        if answers_first {
            raw.message(&{
                let mut out = Vec::new();
                end(
                    &mut out,
                    opened.id,
                    &Metadata::new(),
                    Some(&text("crossed")),
                );
                out
            });
            call.abort();
            raw.flush().await;
        } else {
            call.abort();
            settle().await;
            send(&mut raw, |out| {
                end(out, opened.id, &Metadata::new(), Some(&text("crossed")));
            })
            .await;
        }
        settle().await;
        assert_eq!(client.session.calls_in_flight(), 0);
        assert_eq!(client.session.ended(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_above_the_last_id_of_a_go_away_are_refused_and_the_others_end() {
    let (client, mut raw) = against(Echo::plain());
    let channel = client.channel();
    let first = spawn_echo(&channel, "first");
    let Frame::Open(opened) = raw.frame_of_version_2().await else {
        panic!("not an open");
    };
    let second = spawn_echo(&channel, "second");
    raw.frame_of_version_2().await;
    let spread = Duration::from_secs(7);
    send(&mut raw, |out| {
        wire::encode_go_away(out, opened.id, "an update", spread)
    })
    .await;
    let error = second.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::Refused);
    assert_eq!(error.blame(), Blame::Remote);
    assert_eq!(client.session.spread(), Some(spread));
    let error = spawn_echo(&channel, "third").await.unwrap().unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
    send(&mut raw, |out| {
        end(out, opened.id, &Metadata::new(), Some(&text("done")))
    })
    .await;
    assert_eq!(first.await.unwrap().unwrap().body, "done");
}

#[tokio::test(start_paused = true)]
async fn a_first_request_that_came_with_the_call_does_not_outlive_a_revocation() {
    let session = std::sync::Arc::new(std::sync::OnceLock::<crate::session::Session>::new());
    let own = session.clone();
    let (told, mut is_told) = tokio::sync::mpsc::unbounded_channel();
    let service = Scripted::new().put(move |request| {
        own.get().unwrap().end(crate::SessionEnd::Revoked);
        let told = told.clone();
        async move {
            told.send(request.into_inner().message().await).unwrap();
            Ok(Response::default())
        }
    });
    let (client, mut raw) = against(service.serve());
    session.set(client.session.clone()).unwrap();
    send(&mut raw, |out| open(out, 2, "Put", 0, "too late", false)).await;
    let error = is_told.recv().await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
}

/// The first turn reads a part of what has come, and what it writes then fails: the rest is read to tell why.
#[tokio::test(start_paused = true)]
async fn a_go_away_that_is_only_read_after_a_failed_write_is_heard() {
    let (io, mut peer) = tokio::io::duplex(4096);
    let mut bytes = [0x8a, 0].repeat(300);
    let mut go_away = Vec::new();
    let spread = Duration::from_secs(7);
    wire::encode_go_away(&mut go_away, 0, "an update", spread);
    bytes.extend([0x82, u8::try_from(go_away.len()).unwrap()]);
    bytes.extend(go_away);
    peer.write_all(&bytes).await.unwrap();
    drop(peer);
    let config = SessionConfig::default();
    let client = start_on(V2, io, Role::Client, Echo::plain(), config);
    let mut call = Box::pin(echo(&client.channel(), "x").into_future());
    let pending = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending()));
    assert!(pending.await);
    client.session.closed().await;
    settle().await;
    assert_eq!(client.session.spread(), Some(spread));
    // That it was written is all that is known, and the go-away says that it was not started.
    let error = call.await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_go_away_is_heard_of_a_peer_that_then_breaks_the_protocol() {
    let (client, mut raw) = against(Echo::plain());
    let spread = Duration::from_secs(7);
    send(&mut raw, |out| {
        open(out, 2, "Echo", 0, "x", true);
        wire::encode_go_away(out, 0, "an update", spread);
        wire::encode_cancel(out, 1);
    })
    .await;
    let end = client.session.closed().await;
    assert!(matches!(end, SessionEnd::Protocol(_)), "{end}");
    settle().await;
    assert_eq!(client.session.spread(), Some(spread));
}

/// The peer's word that it goes away was read together with a call, whose handler is asked first.
#[tokio::test(start_paused = true)]
async fn a_handler_that_calls_back_a_peer_that_goes_away_is_told_so() {
    let service = Scripted::new().put(|request| {
        let back = echo(&request.channel().wait_for_ready(true), "back");
        async move {
            let error = back.await.unwrap_err();
            Err(crate::Status::new(
                error.code(),
                error.outcome().to_string(),
            ))
        }
    });
    let (_client, mut raw) = against(service.serve());
    send(&mut raw, |out| {
        open(out, 2, "Put", 0, "x", true);
        wire::encode_go_away(out, 0, "an update", Duration::ZERO);
    })
    .await;
    let Frame::End(end) = raw.frame_of_version_2().await else {
        panic!("not an end");
    };
    let failure = end.failure.unwrap();
    assert_eq!(failure.code, u32::from(Code::UNAVAILABLE));
    assert_eq!(failure.message.as_str(), Outcome::NotSent.to_string());
}

/// What broke the protocol is only read to explain why a write failed.
#[tokio::test(start_paused = true)]
async fn a_call_on_a_session_that_ended_by_itself_fails_though_it_waits_for_ready() {
    let (io, mut peer) = tokio::io::duplex(4096);
    let mut bytes = [0x8a, 0].repeat(300);
    bytes.extend([0x82, 1, 0xff]);
    peer.write_all(&bytes).await.unwrap();
    drop(peer);
    let config = SessionConfig::default();
    let client = start_on(V2, io, Role::Client, Echo::plain(), config);
    let first = echo(&client.channel(), "x").await.unwrap_err();
    assert_eq!(first.code(), Code::UNAVAILABLE);
    let patient = echo(&client.channel().wait_for_ready(true), "x");
    assert_eq!(patient.await.unwrap_err().outcome(), Outcome::NotSent);
}
