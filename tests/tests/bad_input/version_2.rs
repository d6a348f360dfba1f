//! Peers that speak version 2, and badly.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use integration::{
    grpc_testing::test_service_server::TestServiceServer,
    ping::{PingRequest, PingResponse},
    raw::{
        Key,
        version_2::{
            self as raw, Connection, cancel, credit, data, frame, hello, open,
            wire::{self, message::Exchange},
        },
    },
    scene::{Scene, end_of, settings, soon, until},
    test_service::TestService,
};
use prost::Message as _;
use serde_json::Value;
use tokio::runtime::Handle;
use tungstenite::protocol::frame::{
    Frame,
    coding::{Data, OpCode},
};
use wsrpc::{Code, SessionConfig, SessionEnd};

const PROTOCOL: u16 = 1002;
const UNSUPPORTED: u16 = 1003;
const TOO_BIG: u16 = 1009;

const PING: &str = "ping.Ping/Ping";
const INPUT: &str = "grpc.testing.TestService/StreamingInputCall";

/// What this implementation's hello gives a call, and what a frame costs of it beside its payload.
const WINDOW: u64 = 144 * 1024;
const OVERHEAD: u64 = 16;

fn ping(body: &str) -> Vec<u8> {
    PingRequest { body: body.into() }.encode_to_vec()
}

fn open_ping(id: u64, body: &str) -> Bytes {
    frame(Exchange::Open(open(id, PING, ping(body))))
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The frames that are wrong whatever came before them, and what they are called.
fn invalid_frames() -> Vec<(String, Vec<u8>)> {
    let file = include_str!("../../../docs/vectors/invalid-frames.json");
    let frames: Vec<Value> = serde_json::from_str(file).unwrap();
    let text = |frame: &Value, field: &str| frame[field].as_str().unwrap().to_owned();
    frames
        .iter()
        .map(|frame| (text(frame, "name"), hex(&text(frame, "hex"))))
        .collect()
}

/// The answer to one more call of the peer's, which is still served.
async fn is_served(peer: &mut Connection, id: u64) {
    peer.send_binary(open_ping(id, "served?")).await;
    let end = soon(async {
        loop {
            let end = peer.next_end().await;
            if end.id == id {
                return end;
            }
        }
    })
    .await;
    let answer = PingResponse::decode(&end.payload.unwrap()[..]).unwrap();
    assert_eq!((end.code, answer.body.as_str()), (0, "pong:served?"));
}

/// Sends all these messages at once.
async fn send_all(peer: &mut Connection, messages: impl IntoIterator<Item = Bytes>) {
    let bytes: Vec<u8> = messages
        .into_iter()
        .flat_map(|message| peer.binary(message))
        .collect();
    soon(peer.write(&bytes)).await.unwrap();
}

/// Sends these payloads on a call, as many as there is room for at a time.
async fn send_within_window(
    peer: &mut Connection,
    id: u64,
    mut window: u64,
    payloads: impl IntoIterator<Item = Vec<u8>>,
) {
    let mut payloads = payloads.into_iter().peekable();
    while payloads.peek().is_some() {
        let mut batch = Vec::new();
        while let Some(payload) =
            payloads.next_if(|payload| payload.len() as u64 + OVERHEAD <= window)
        {
            window -= payload.len() as u64 + OVERHEAD;
            batch.push(data(id, payload));
        }
        send_all(peer, batch).await;
        if payloads.peek().is_some() {
            match soon(peer.next()).await {
                Exchange::Credit(credit) if credit.id == id => window += credit.bytes,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn every_frame_that_is_always_wrong_ends_the_session() {
    let scene = Scene::new().await;
    let mut events = scene.peers.events();
    let frames = invalid_frames();
    assert!(frames.len() > 50);
    for (name, bytes) in frames {
        let key = Key::new();
        let mut offender = raw::connect(scene.address, &key).await;
        offender.send_binary(bytes).await;
        let (code, text) = soon(offender.close_frame()).await;
        assert_eq!(code, PROTOCOL, "{name}: {text}");
        // Its server waits for it to hang up.
        drop(offender);
        let end = end_of(&mut events, key.public()).await;
        assert!(matches!(end, SessionEnd::Protocol(_)), "{name}: {end}");
    }
    scene.finish().await;
}

#[tokio::test]
async fn a_frame_that_is_always_wrong_is_so_instead_of_a_hello() {
    let scene = Scene::new().await;
    let other = [("another frame".to_owned(), open_ping(1, "x").to_vec())];
    for (name, bytes) in invalid_frames().into_iter().chain(other) {
        let mut offender = raw::upgraded(scene.address, &Key::new()).await;
        offender.send_binary(bytes).await;
        let (code, text) = soon(offender.close_frame()).await;
        assert_eq!(code, PROTOCOL, "{name}: {text}");
    }
    scene.finish().await;
}

#[tokio::test]
async fn a_client_that_never_ends_its_hello_is_cut_off() {
    let scene = Scene::with(|server| server.handshake_timeout(Duration::from_millis(300))).await;
    let said = frame(Exchange::Hello(hello()));
    let mut silent = raw::upgraded(scene.address, &Key::new()).await;
    let mut halting = raw::upgraded(scene.address, &Key::new()).await;
    let message = halting.binary(said.clone());
    halting.write(&message[..message.len() - 1]).await.unwrap();
    let mut evasive = raw::upgraded(scene.address, &Key::new()).await;
    send_all(&mut evasive, vec![Bytes::new(); 1000]).await;
    for offender in [&mut silent, &mut halting, &mut evasive] {
        soon(offender.ended()).await;
    }
    scene.finish().await;
}

#[tokio::test]
async fn text_and_messages_over_the_limit_end_the_session() {
    let scene = Scene::new().await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    let text = Frame::message("hello", OpCode::Data(Data::Text), true);
    peer.send(text.clone()).await;
    assert_eq!(soon(peer.close_frame()).await.0, UNSUPPORTED);
    let mut early = raw::upgraded(scene.address, &Key::new()).await;
    early.send(text).await;
    assert_eq!(soon(early.close_frame()).await.0, UNSUPPORTED);

    let mut peer = raw::connect(scene.address, &Key::new()).await;
    let message = peer.binary(vec![0; 128 * 1024 + 1]);
    // It may well fail half-way: the server has stopped to read.
    peer.write(&message).await.ok();
    assert_eq!(soon(peer.close_frame()).await.0, TOO_BIG);
    drop(peer);

    let mut peer = raw::connect(scene.address, &Key::new()).await;
    // Frames of a member that is not known, which are no error by themselves.
    peer.send_binary(b"\x5a\x00".repeat(8_192)).await;
    is_served(&mut peer, 1).await;
    peer.send_binary(b"\x5a\x00".repeat(8_193)).await;
    assert_eq!(soon(peer.close_frame()).await.0, PROTOCOL);
    drop(peer);
    scene.finish().await;
}

#[tokio::test]
async fn limits_in_a_hello_that_are_as_large_as_can_be_are_taken() {
    let scene = Scene::new().await;
    for largest in [u64::MAX, (1 << 53) - 1] {
        let boundless = wire::Hello {
            initial_window: largest,
            max_message_size: largest,
            max_calls: u32::MAX,
            max_metadata_size: u32::MAX,
            ..hello()
        };
        let mut peer = raw::connect_as(scene.address, &Key::new(), boundless).await;
        is_served(&mut peer, 1).await;
        // One byte more than can be counted.
        let calls = [open_ping(3, "sleep:60000"), credit(3, 1)];
        send_all(&mut peer, calls).await;
        assert_eq!(soon(peer.close_frame()).await.0, PROTOCOL);
    }
    scene.finish().await;
}

#[tokio::test]
async fn limits_in_a_hello_that_are_as_small_as_can_be_are_kept() {
    let scene = Scene::new().await;
    let narrow = wire::Hello {
        initial_window: 1024,
        max_message_size: 100,
        max_calls: 1,
        max_metadata_size: 1,
        ..hello()
    };
    let mut peer = raw::connect_as(scene.address, &Key::new(), narrow).await;
    is_served(&mut peer, 1).await;
    peer.send_binary(open_ping(3, "size:200")).await;
    let end = soon(peer.next_end()).await;
    assert_eq!(Code::from(end.code), Code::RESOURCE_EXHAUSTED);
    is_served(&mut peer, 5).await;
    scene.finish().await;
}

#[tokio::test]
async fn deadlines_as_far_and_as_near_as_can_be_are_taken() {
    let scene = Scene::new().await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    let timed = |id, body, timeout_us| {
        let open = open(id, PING, ping(body));
        frame(Exchange::Open(wire::Open { timeout_us, ..open }))
    };
    send_all(&mut peer, [timed(1, "far", u64::MAX)]).await;
    assert_eq!(soon(peer.next_end()).await.code, 0);
    let mut ids = (3..).step_by(2);
    for _ in 0..20 {
        let calls: Vec<Bytes> = ids
            .by_ref()
            .take(100)
            .map(|id| timed(id, "sleep:60000", 1))
            .collect();
        send_all(&mut peer, calls).await;
        for _ in 0..100 {
            let end = soon(peer.next_end()).await;
            assert_eq!(Code::from(end.code), Code::DEADLINE_EXCEEDED);
        }
    }
    is_served(&mut peer, ids.next().unwrap()).await;
    scene.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_opened_and_cancelled_by_the_thousand_leave_nothing_behind() {
    let scene = Scene::with(|server| server.session(settings().max_concurrent_handlers(8))).await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    let tasks = Handle::current().metrics().num_alive_tasks();
    let mut ids = (1..).step_by(2);
    let mut most = 0;
    for _ in 0..40 {
        let calls = ids.by_ref().take(250);
        let frames = calls.flat_map(|id| [open_ping(id, "sleep:60000"), cancel(id)]);
        send_all(&mut peer, frames).await;
        for _ in 0..250 {
            most = most.max(Handle::current().metrics().num_alive_tasks());
            let end = soon(peer.next_end()).await;
            let code = Code::from(end.code);
            let cancelled = code == Code::CANCELLED && !end.refused;
            let refused = code == Code::RESOURCE_EXHAUSTED && end.refused;
            assert!(cancelled || refused, "{end:?}");
        }
    }
    assert!(most <= tasks + 8 + 4, "{most} tasks, from {tasks}");
    is_served(&mut peer, ids.next().unwrap()).await;
    until(|| Handle::current().metrics().num_alive_tasks() <= tasks + 1).await;
    scene.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_calls_that_are_refused_and_not_read_ends_the_session() {
    let settings = settings()
        .max_concurrent_handlers(1)
        .write_timeout(Duration::from_secs(5));
    let scene = Scene::with(|server| server.session(settings)).await;
    let mut events = scene.peers.events();
    let key = Key::new();
    let mut offender = raw::connect(scene.address, &key).await;
    soon(scene.peers.connected(key.public())).await;
    let mut ids = (1..).step_by(2);
    while scene.peers.is_connected(&key.public()) {
        let calls = ids.by_ref().take(1000);
        let bytes: Vec<u8> = calls
            .flat_map(|id| offender.binary(open_ping(id, "sleep:60000")))
            .collect();
        if soon(offender.write(&bytes)).await.is_err() {
            break;
        }
    }
    let end = end_of(&mut events, key.public()).await;
    assert!(matches!(end, SessionEnd::OverLimit(_)), "{end}");
    scene.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_in_chunks_of_one_byte_is_taken() {
    let scene = Scene::new().await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    let message = ping(&format!("len:{}", "x".repeat(20_000)));
    let begun = wire::Open {
        last: false,
        total: message.len() as u64,
        ..open(1, PING, &message[..1])
    };
    peer.send_binary(frame(Exchange::Open(begun))).await;
    let chunks = message[1..].iter().map(|byte| vec![*byte]);
    send_within_window(&mut peer, 1, WINDOW - 1 - OVERHEAD, chunks).await;
    let last = wire::Data {
        id: 1,
        last: true,
        ..wire::Data::default()
    };
    peer.send_binary(frame(Exchange::Data(last))).await;
    let end = soon(peer.next_end()).await;
    let answer = PingResponse::decode(&end.payload.unwrap()[..]).unwrap();
    assert_eq!(answer.body, "20004");
    scene.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_nothing_but_empty_messages_is_taken() {
    let service = Arc::new(TestService::default());
    let scene =
        Scene::with(|server| server.add_service(TestServiceServer::from_arc(service))).await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    let begun = wire::Open {
        last: false,
        payload: None,
        ..open(1, INPUT, "")
    };
    peer.send_binary(frame(Exchange::Open(begun))).await;
    send_within_window(&mut peer, 1, WINDOW, vec![Vec::new(); 50_000]).await;
    // What has no payload costs nothing, and says nothing.
    let idle = wire::Data {
        id: 1,
        ..wire::Data::default()
    };
    let mut frames = vec![frame(Exchange::Data(idle.clone())); 20_000];
    let last = wire::Data { last: true, ..idle };
    frames.push(frame(Exchange::Data(last)));
    send_all(&mut peer, frames).await;
    assert_eq!(soon(peer.next_end()).await.code, 0);
    scene.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_frames_that_change_little_are_borne() {
    let scene = Scene::new().await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    is_served(&mut peer, 1).await;
    peer.send_binary(open_ping(3, "sleep:60000")).await;
    let times = 20_000;
    // A byte at a time for a call that runs, and whatever comes too late for one that has ended.
    send_all(&mut peer, vec![credit(3, 1); times]).await;
    send_all(&mut peer, vec![credit(1, 1); times]).await;
    send_all(&mut peer, vec![cancel(1); times]).await;
    send_all(&mut peer, vec![data(1, "x"); times]).await;
    is_served(&mut peer, 5).await;
    send_all(&mut peer, vec![cancel(3); times]).await;
    send_all(&mut peer, vec![data(3, "x"); 1000]).await;
    // Going away, a little further each time.
    let going = (0..times as u64).map(|less| {
        frame(Exchange::GoAway(wire::GoAway {
            last_id: (1 << 53) - 1 - less,
            reason: "r".repeat(less as usize % 100),
            spread_ms: u32::MAX,
        }))
    });
    send_all(&mut peer, going).await;
    // Frames of a later version.
    send_all(&mut peer, vec![Bytes::from_static(b"\x7a\x00"); times]).await;
    is_served(&mut peer, 7).await;
    scene.finish().await;
}

#[tokio::test]
async fn a_peer_that_overruns_a_window_is_cut_off() {
    let config = SessionConfig::default().stream_window(128 * 1024);
    let scene = Scene::with(|server| server.session(config)).await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    let begun = wire::Open {
        last: false,
        payload: None,
        ..open(1, PING, "")
    };
    peer.send_binary(frame(Exchange::Open(begun))).await;
    // It fits into a frame, and with what a frame costs not into the window.
    peer.send_binary(data(1, vec![0; 131_060])).await;
    let (code, text) = soon(peer.close_frame()).await;
    assert_eq!(code, PROTOCOL, "{text}");
    assert!(text.contains("than the window has room for"), "{text}");
    drop(peer);
    scene.finish().await;
}
