//! Calls: time-outs, missing services and methods, floods, errors.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use integration::{
    behaviour::{gnip, ping},
    keys::Who,
    ping::{
        GnipRequest, GnipResponse,
        gnip_client::GnipClient,
        gnip_server::{Gnip, GnipServer},
    },
    raw::{self, Key},
    scene::{Scene, settings, soon},
};
use tokio::{runtime::Handle, sync::Notify, task::JoinSet, time::sleep};
use wsrpc::{Blame, Code, Outcome, Request, Response, SessionConfig, Status};

use super::{bob, message};

/// Answers after as long as the caller says, in microseconds.
struct Punctual;

impl Gnip for Punctual {
    async fn gnip(&self, request: Request<GnipRequest>) -> Result<Response<GnipResponse>, Status> {
        sleep(Duration::from_micros(request.body.parse().unwrap())).await;
        Ok(Response::default())
    }
}

/// Go: the whole server deadlocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_out_that_races_the_answer_blocks_nobody() {
    let scene = Scene::new().await;
    let client = soon(
        bob()
            .add_service(GnipServer::new(Punctual))
            .connect(scene.address.to_string()),
    )
    .await
    .unwrap();
    soon(scene.peers.connected(Who::Bob.public())).await;
    let stub = GnipClient::new(scene.peers.channel(Who::Bob.public()));
    let (mut answered, mut late) = (0, 0);
    for round in 0..60u64 {
        // The time-out is moved over the whole width of the race, from far too short to long enough.
        let mut calls = JoinSet::new();
        for call in 0..50u64 {
            let stub = stub.clone();
            let body = "1000".to_owned();
            let timeout = Duration::from_micros(200 + (round * 50 + call) * 2);
            calls.spawn(async move { stub.gnip(GnipRequest { body }).timeout(timeout).await });
        }
        while let Some(called) = soon(calls.join_next()).await {
            match called.unwrap() {
                Ok(_) => answered += 1,
                Err(error) => {
                    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED, "{error}");
                    late += 1;
                }
            }
        }
    }
    assert!(late > 100, "{late} of 3000 calls timed out");
    assert_eq!(answered + late, 3000);
    // All of the server is well, and so is the session of the calls that raced.
    assert_eq!(
        soon(ping(&client.channel(), "hi")).await.unwrap(),
        "pong:hi"
    );
    stub.gnip(GnipRequest { body: "0".into() }).await.unwrap();
    scene.finish().await;
}

/// The same with answers that come when they are told to: at the very moment of the time-out, or just behind it.
#[tokio::test]
async fn an_answer_behind_its_time_out_is_dropped() {
    let scene = Scene::new().await;
    let key = Key::new();
    let mut peer = raw::connect(scene.address, &key).await;
    let channel = scene.peers.channel(key.public());
    soon(scene.peers.connected(key.public())).await;
    for _ in 0..100 {
        let hasty = channel.clone().timeout(Duration::from_millis(1));
        let call = tokio::spawn(async move { gnip(&hasty, "hello").await });
        match soon(call).await.unwrap() {
            Ok(_) => panic!("nobody has answered"),
            // On a slow machine the deadline passes before the call is sent.
            Err(error) if error.outcome() == Outcome::NotSent => continue,
            Err(error) => assert_eq!(error.code(), Code::DEADLINE_EXCEEDED),
        }
        let request = soon(peer.next_request()).await;
        peer.send_response(&request.call_id, "").await;
    }
    let call = tokio::spawn(async move { gnip(&channel, "hello").await });
    let request = soon(peer.next_request()).await;
    peer.send_response(&request.call_id, message("on time"))
        .await;
    assert_eq!(soon(call).await.unwrap().unwrap(), "on time");
    scene.finish().await;
}

/// Go: the process of the side that is called crashes.
#[tokio::test]
async fn a_side_without_a_service_answers_that_it_has_none() {
    let server = wsrpc::Server::builder(Who::Server.secret())
        .allow_any()
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let (address, peers) = (server.local_addr().unwrap().to_string(), server.peers());
    tokio::spawn(server.serve());
    let client = soon(bob().connect(&address)).await.unwrap();
    soon(peers.connected(Who::Bob.public())).await;
    let to_client = peers.channel(Who::Bob.public());
    for _ in 0..3 {
        for error in [
            soon(ping(&client.channel(), "hello")).await.unwrap_err(),
            soon(gnip(&to_client, "hello")).await.unwrap_err(),
        ] {
            assert_eq!(
                (error.outcome(), error.blame()),
                (Outcome::Refused, Blame::Remote)
            );
            let text = error.to_string();
            assert!(text.starts_with("unimplemented: no method "), "{text}");
            let text = error.message();
            assert!(text.ends_with("the callee has no services"), "{text}");
        }
    }
    assert!(peers.is_connected(&Who::Bob.public()));
}

/// Counts how many of it run.
#[derive(Clone, Default)]
struct Counting {
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    go_on: Arc<Notify>,
}

impl Gnip for Counting {
    async fn gnip(&self, _: Request<GnipRequest>) -> Result<Response<GnipResponse>, Status> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        self.go_on.notified().await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        Ok(Response::default())
    }
}

/// Go: each request is a goroutine, as many as the peer likes.
#[tokio::test]
async fn a_flood_of_requests_is_bounded_in_tasks_and_in_bytes() {
    const RUN: usize = 8;
    const WAIT: usize = 100;
    const CALLS: usize = 5000;
    let handler = Counting::default();
    let service = GnipServer::new(handler.clone());
    // Each of these requests counts as its method's 4 bytes and 256 more.
    let limits = settings()
        .max_concurrent_handlers(RUN)
        .max_queued_bytes(WAIT * 260);
    let scene = Scene::with(|server| server.session(limits).add_service(service)).await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    let before = Handle::current().metrics().num_alive_tasks();
    let calls: Vec<u8> = (0..CALLS)
        .flat_map(|id| peer.binary(raw::request("Gnip", &id.to_string(), "")))
        .collect();
    peer.write(&calls).await.unwrap();
    for _ in 0..CALLS - RUN - WAIT {
        let refusal = soon(peer.next_response()).await;
        assert!(
            refusal.error.starts_with("resource_exhausted: "),
            "{}",
            refusal.error
        );
    }
    assert_eq!(handler.running.load(Ordering::SeqCst), RUN);
    let tasks = Handle::current().metrics().num_alive_tasks();
    assert!(tasks <= before + RUN, "{tasks} tasks, from {before}");
    // What waited gets its turn.
    for _ in 0..RUN + WAIT {
        handler.go_on.notify_one();
        assert_eq!(soon(peer.next_response()).await.error, "");
    }
    assert_eq!(handler.most.load(Ordering::SeqCst), RUN);
    scene.finish().await;
}

/// Go: it is never answered, and errors are bare strings.
#[tokio::test]
async fn an_unknown_method_and_every_other_failure_has_an_answer_and_a_status() {
    let scene = Scene::with(|server| {
        let limited = settings().max_handler_time(Duration::from_millis(50));
        server
            .session(limited)
            .add_service(GnipServer::new(Panicking))
    })
    .await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    for (method, payload, error) in [
        (
            "Nothing",
            message(""),
            "unimplemented: no method \"Nothing\"",
        ),
        (
            "Ping",
            message("sleep:60000"),
            "deadline_exceeded: the handler took longer than 50ms",
        ),
        ("Ping", message("error:my words"), "my words"),
        ("Ping", message("error:"), "internal"),
        (
            "Ping",
            Bytes::from_static(b"\xff"),
            "invalid_argument: the payload is no request of ",
        ),
        (
            "Gnip",
            message(""),
            "internal: the handler of ping.Gnip/Gnip panicked",
        ),
    ] {
        peer.send_request(method, method, payload).await;
        let answer = soon(peer.next_response()).await;
        assert_eq!(answer.call_id, method);
        assert!(answer.error.starts_with(error), "{}", answer.error);
        assert!(!answer.error.contains("secret"), "{}", answer.error);
    }
    scene.finish().await;
}

struct Panicking;

impl Gnip for Panicking {
    async fn gnip(&self, _: Request<GnipRequest>) -> Result<Response<GnipResponse>, Status> {
        panic!("a secret");
    }
}

/// What a caller of ours is told, where Go has one bare string: code, outcome and blame.
#[tokio::test]
async fn a_failed_call_says_what_is_known_of_it_and_who_is_to_blame() {
    let scene = Scene::new().await;
    let client = bob()
        .session(SessionConfig::default().max_send_message_size(1000))
        .connect(scene.address.to_string());
    let client = soon(client).await.unwrap();
    let channel = client.channel();
    let hasty = channel.clone().timeout(Duration::from_millis(300));
    let nobody = scene.peers.channel(Who::Charlie.public());
    for (failed, code, outcome, blame) in [
        (
            ping(&channel, "error:no").await,
            Code::INTERNAL,
            Outcome::Ran,
            Blame::Remote,
        ),
        (
            ping(&hasty, "sleep:60000").await,
            Code::DEADLINE_EXCEEDED,
            Outcome::Unknown,
            Blame::Local,
        ),
        (
            ping(&channel, "x".repeat(2000)).await,
            Code::RESOURCE_EXHAUSTED,
            Outcome::NotSent,
            Blame::Local,
        ),
        (
            gnip(&nobody, "").await,
            Code::UNAVAILABLE,
            Outcome::NotSent,
            Blame::Transport,
        ),
    ] {
        let error = failed.unwrap_err();
        assert_eq!(
            (error.code(), error.outcome(), error.blame()),
            (code, outcome, blame)
        );
    }
    client.close().await;
    let error = ping(&channel, "").await.unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::UNAVAILABLE, Outcome::NotSent)
    );
    scene.finish().await;
}
