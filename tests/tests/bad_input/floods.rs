//! Peers that send too much, or take too little.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use integration::{
    behaviour::gnip,
    ping::{
        GnipRequest, GnipResponse, PingRequest,
        gnip_server::{Gnip, GnipServer},
    },
    raw::{self, Key},
    scene::{Scene, end_of, settings, soon, until},
};
use prost::Message as _;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    sync::Notify,
    task::JoinSet,
};
use tungstenite::protocol::frame::{
    Frame,
    coding::{Control, OpCode},
};
use wsrpc::{Blame, Code, Outcome, Request, Response, SessionEnd, Status};

const OVER_LIMIT: u16 = 4003;

fn ping(body: &str) -> Bytes {
    PingRequest { body: body.into() }.encode_to_vec().into()
}

/// Writes until the session of `key` has ended, or the server has had enough.
async fn flood_to_the_end(
    scene: &Scene,
    key: &Key,
    offender: &mut raw::Socket<impl AsyncRead + AsyncWrite + Unpin>,
    next: impl Fn(&str) -> Bytes,
) {
    let mut calls = 0;
    while scene.peers.is_connected(&key.public()) {
        let mut bytes = Vec::new();
        for _ in 0..500 {
            calls += 1;
            bytes.extend(offender.binary(next(&calls.to_string())));
        }
        if soon(offender.write(&bytes)).await.is_err() {
            return;
        }
    }
}

/// Tells when it is called.
struct Bell(Arc<Notify>);

impl Gnip for Bell {
    async fn gnip(&self, _: Request<GnipRequest>) -> Result<Response<GnipResponse>, Status> {
        self.0.notify_one();
        Ok(Response::default())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_pings_costs_one_pong_at_a_time() {
    let seen = Arc::new(Notify::new());
    let bell = GnipServer::new(Bell(seen.clone()));
    let scene = Scene::with(|server| server.add_service(bell)).await;
    let mut offender = raw::connect_narrow(scene.address, &Key::new()).await;
    let pings: Vec<u8> = (0..20_000u32)
        .flat_map(|number| offender.encode(Frame::ping(pad(number))))
        .collect();
    soon(offender.write(&pings)).await.unwrap();
    offender.send_request("Gnip", "1", "").await;
    soon(seen.notified()).await;
    // Only now, with all of them received, does the offender begin to read.
    let mut pongs = Vec::new();
    loop {
        let frame = soon(offender.next_frame()).await.unwrap();
        match frame.header().opcode {
            OpCode::Control(Control::Pong) if !frame.payload().is_empty() => {
                let number = frame.payload()[..4].try_into().unwrap();
                pongs.push(u32::from_be_bytes(number));
            }
            OpCode::Data(_) => break,
            _ => {}
        }
    }
    // Those that found no room gave way to the newest, which may come behind the answer.
    assert!(pongs.len() < 10_000, "{} pongs were kept", pongs.len());
    assert!(pongs.is_sorted());
    scene.finish().await;
}

/// A ping's payload, as long as it may be.
fn pad(number: u32) -> Vec<u8> {
    let mut payload = vec![0; 125];
    payload[..4].copy_from_slice(&number.to_be_bytes());
    payload
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_unknown_methods_whose_answers_are_not_read_ends_the_session() {
    let settings = settings().max_queued_bytes(100_000);
    let scene = Scene::with(|server| server.session(settings)).await;
    let mut events = scene.peers.events();
    let key = Key::new();
    let mut offender = raw::connect_narrow(scene.address, &key).await;
    flood_to_the_end(&scene, &key, &mut offender, |id| {
        raw::request(&"m".repeat(200), id, "")
    })
    .await;
    let end = end_of(&mut events, key.public()).await;
    assert!(matches!(end, SessionEnd::OverLimit(_)), "{end}");
    assert!(
        end.to_string()
            .contains("calls were refused before it read one"),
        "{end}"
    );
    scene.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_calls_for_which_there_is_no_room_ends_the_session_and_says_so() {
    let settings = settings()
        .max_concurrent_handlers(1)
        .max_queued_bytes(0)
        .close_timeout(Duration::from_secs(5));
    let scene = Scene::with(|server| server.session(settings)).await;
    let mut events = scene.peers.events();
    let key = Key::new();
    let mut offender = raw::connect_narrow(scene.address, &key).await;
    offender
        .send_request("Ping", "long", ping("sleep:60000"))
        .await;
    flood_to_the_end(&scene, &key, &mut offender, |id| {
        raw::request("Ping", id, "")
    })
    .await;
    // It reads at last, and is told.
    let (code, text) = soon(offender.close_frame()).await;
    drop(offender);
    let end = end_of(&mut events, key.public()).await;
    assert!(matches!(end, SessionEnd::OverLimit(_)), "{end}");
    assert_eq!(code, OVER_LIMIT);
    assert!(
        text.contains("calls were refused before it read one"),
        "{text}"
    );
    scene.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_over_the_limit_queue_and_then_are_refused() {
    let scene = Scene::with(|server| {
        let settings = settings()
            .max_concurrent_handlers(4)
            .max_queued_bytes(4 * 512);
        server.session(settings)
    })
    .await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    let tasks = Handle::current().metrics().num_alive_tasks();
    let calls: Vec<u8> = (0..100)
        .flat_map(|id| {
            let call = raw::request("Ping", &id.to_string(), ping("sleep:300"));
            peer.binary(call)
        })
        .collect();
    peer.write(&calls).await.unwrap();
    let (mut slept, mut refused) = (0, 0);
    let mut most = 0;
    for _ in 0..100 {
        let answer = soon(peer.next_response()).await;
        most = most.max(Handle::current().metrics().num_alive_tasks());
        if answer.error.is_empty() {
            slept += 1;
        } else {
            let expected =
                "resource_exhausted: 4 calls of yours run here and 2048 bytes of them wait";
            assert!(answer.error.starts_with(expected), "{}", answer.error);
            refused += 1;
        }
    }
    // Four run, and seven of less than 300 bytes each wait.
    assert_eq!((slept, refused), (11, 89));
    // No call has a task before it runs.
    assert!(most <= tasks + 4 + 2, "{most} tasks, from {tasks}");
    scene.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_reads_nothing_of_much_is_ended_and_its_calls_fail() {
    let settings = settings()
        .write_timeout(Duration::from_millis(300))
        .max_unsent_bytes(1 << 20);
    let scene = Scene::with(|server| server.session(settings)).await;
    let mut events = scene.peers.events();
    let key = Key::new();
    let _offender = raw::connect_narrow(scene.address, &key).await;
    let channel = scene.peers.channel(key.public());
    soon(scene.peers.connected(key.public())).await;
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let channel = channel.clone();
        calls.spawn(async move { gnip(&channel, "x".repeat(1 << 18)).await });
    }
    let end = end_of(&mut events, key.public()).await;
    assert_eq!(end, SessionEnd::WriteTimeout(Duration::from_millis(300)));
    let mut outcomes = Vec::new();
    while let Some(failed) = soon(calls.join_next()).await {
        let error = failed.unwrap().unwrap_err();
        assert_eq!(
            (error.code(), error.blame()),
            (Code::UNAVAILABLE, Blame::Transport)
        );
        outcomes.push(error.outcome());
    }
    // What was on its way is unknown, and what waited is known not to have been sent.
    let sent = outcomes
        .iter()
        .filter(|outcome| **outcome == Outcome::Unknown)
        .count();
    let unsent = outcomes
        .iter()
        .filter(|outcome| **outcome == Outcome::NotSent)
        .count();
    assert_eq!(sent + unsent, 50);
    assert!((1..25).contains(&sent), "{sent} were sent");
    scene.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_asks_for_much_and_reads_nothing_is_ended() {
    let settings = settings().write_timeout(Duration::from_millis(300));
    let scene = Scene::with(|server| server.session(settings)).await;
    let mut events = scene.peers.events();
    let key = Key::new();
    let mut offender = raw::connect_narrow(scene.address, &key).await;
    for id in 0..100 {
        offender
            .send_request("Ping", &id.to_string(), ping("size:100000"))
            .await;
    }
    let end = end_of(&mut events, key.public()).await;
    assert_eq!(end, SessionEnd::WriteTimeout(Duration::from_millis(300)));
    scene.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_come_and_go_by_the_hundred_leave_nothing_behind() {
    let scene = Scene::new().await;
    // One of each kind first, so that what is only ever made once is there.
    raw::connect(scene.address, &Key::new()).await;
    let tasks = Handle::current().metrics().num_alive_tasks();
    let mut keys = Vec::new();
    for round in 0..200 {
        let stream = raw::tcp(scene.address).await;
        match round % 10 {
            0 => {
                let key = Key::new();
                drop(raw::connect(scene.address, &key).await);
                keys.push(key);
            }
            1 => drop(raw::tls(scene.address, &Key::new()).await),
            2..5 => raw::reset(stream),
            _ => drop(stream),
        }
    }
    for key in keys {
        until(|| !scene.peers.is_connected(&key.public())).await;
    }
    until(|| Handle::current().metrics().num_alive_tasks() <= tasks).await;
    assert_eq!(scene.peers.count(), 1);
    scene.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holders_of_one_key_who_fight_for_it_are_slowed_down_and_seen() {
    let scene = Scene::new().await;
    let key = Key::new();
    let mut first = raw::connect(scene.address, &key).await;
    first.send_request("Ping", "1", ping("one")).await;
    soon(first.next_response()).await;
    let mut current = first;
    for _ in 0..3 {
        let mut next = raw::connect(scene.address, &key).await;
        next.send_request("Ping", "1", ping("next")).await;
        soon(next.next_response()).await;
        let (code, text) = soon(current.close_frame()).await;
        assert_eq!(code, 4000);
        assert!(
            text.contains("replaced by a newer session of the same key"),
            "{text}"
        );
        current = next;
    }
    let mut stream = raw::tls(scene.address, &key).await;
    let answer = soon(raw::http(&mut stream, raw::UPGRADE)).await;
    assert_eq!(answer.status, 429);
    assert!(
        answer.text.contains("give each process a key of its own"),
        "{answer:?}"
    );
    // The one that is there stays.
    current.send_request("Ping", "2", ping("still here")).await;
    soon(current.next_response()).await;
    scene.finish().await;
}
