//! Shutting down, with grace and without.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, sync::Semaphore};

use crate::{
    Client, Code, ConnectError, Outcome, ProtocolVersion, ReconnectConfig, Response, SecretKey,
    Server, SessionEnd, State,
    service::test_support::{BOTH, Echo, Served, Text, Watched, echo, spawn_echo, tasks, until},
};

const LONG: Duration = Duration::from_secs(3600);

/// A client that never dials again by itself.
async fn connect(server: &Served) -> Client {
    let once = ReconnectConfig::default().base(LONG).cap(LONG);
    let client = server.client(&SecretKey::generate()).reconnect(once);
    client.connect(&server.address).await.unwrap()
}

/// A server whose one handler never ends.
async fn stuck() -> (Served, Watched) {
    let (echoes, watched) = Echo::watched();
    let server = Served::start(|server| server.allow_any().add_service(echoes)).await;
    (server, watched)
}

async fn assert_told(client: &Client) {
    let mut states = client.watch_state();
    states.wait_for(State::Idle).await.unwrap();
    let error = client.last_error().unwrap();
    assert!(
        matches!(
            error,
            ConnectError::SessionEnded(SessionEnd::PeerClosed { code: 1001, .. })
        ),
        "{error}"
    );
}

#[tokio::test]
async fn what_runs_is_finished_and_what_is_new_is_refused() {
    for version in BOTH {
        assert_finishes_what_runs(version).await;
    }
}

async fn assert_finishes_what_runs(version: ProtocolVersion) {
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let gated = Echo::new(move |request| {
        let gate = opened.clone();
        async move {
            if request.body == "running" {
                gate.acquire().await.unwrap().forget();
            }
            Ok(Response::new(request.into_inner()))
        }
    });
    let server =
        Served::start(|server| server.allow_any().add_service(gated).max_version(version)).await;
    let client = connect(&server).await;
    let idle = connect(&server).await;
    let channel = client.channel();
    let running = spawn_echo(&channel, "running");
    assert_eq!(echo(&channel, "before").await.unwrap().body, "before");
    let handle = server.handle.clone();
    let shutdown = tokio::spawn(async move { handle.shutdown(LONG).await });
    // Idle ones go at once.
    assert_told(&idle).await;
    let new = echo(&channel, "new").timeout(Duration::from_millis(50));
    let error = new.await.unwrap_err();
    match version {
        ProtocolVersion::V1 => assert_eq!(error.message(), "unavailable: shutting down"),
        // The client was told, and the call waits for the next session.
        ProtocolVersion::V2 => assert_eq!(error.outcome(), Outcome::NotSent),
    }
    let late = server.client(&SecretKey::generate());
    let late = late.connect_timeout(Duration::from_millis(50));
    let error = late.connect(&server.address).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout { .. }), "{error}");
    assert!(!shutdown.is_finished());
    gate.add_permits(1);
    assert_eq!(running.await.unwrap().unwrap().body, "running");
    shutdown.await.unwrap();
    server.task.await.unwrap();
    if version == ProtocolVersion::V1 {
        assert_told(&client).await;
    }
}

#[tokio::test]
async fn what_outlasts_the_grace_is_ended() {
    let (server, mut watched) = stuck().await;
    let client = connect(&server).await;
    let call = spawn_echo(&client.channel(), "x");
    watched.starts.recv().await.unwrap();
    server.handle.shutdown(Duration::from_millis(50)).await;
    watched.drops.try_recv().unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_told(&client).await;
}

#[tokio::test]
async fn a_draining_server_no_longer_calls_the_session_that_a_channel_remembers() {
    let (server, mut watched) = stuck().await;
    let client = server
        .client(&SecretKey::generate())
        .add_service(Echo::plain());
    let client = client.connect(&server.address).await.unwrap();
    let key = client.public_key();
    server.peers.connected(key).await;
    let channel = server.peers.channel(key);
    assert_eq!(echo(&channel, "before").await.unwrap().body, "before");
    // The session lasts for as long as this call.
    let running = spawn_echo(&client.channel(), "x");
    watched.starts.recv().await.unwrap();
    let patient = server.handle.clone();
    let patient = tokio::spawn(async move { patient.shutdown(LONG).await });
    until("the server drains", || !server.peers.is_connected(&key)).await;
    let error = echo(&channel, "after").await.unwrap_err();
    assert_eq!(
        error,
        SessionEnd::Shutdown.call_error(Outcome::NotSent),
        "{error}"
    );
    assert!(!running.is_finished());
    server.handle.shutdown(Duration::ZERO).await;
    patient.await.unwrap();
}

#[tokio::test]
async fn a_second_shutdown_may_shorten_the_grace_but_not_extend_it() {
    let (server, mut watched) = stuck().await;
    let client = connect(&server).await;
    let call = spawn_echo(&client.channel(), "x");
    watched.starts.recv().await.unwrap();
    let [patient, hasty, late] = [(); 3].map(|()| server.handle.clone());
    let patient = tokio::spawn(async move { patient.shutdown(LONG).await });
    until("the server drains", || {
        !server.peers.is_connected(&client.public_key())
    })
    .await;
    assert!(!patient.is_finished());
    hasty.shutdown(Duration::ZERO).await;
    patient.await.unwrap();
    late.shutdown(LONG).await;
    call.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_shutdown_goes_on_when_nobody_waits_for_it() {
    let server = Served::start(|server| server.allow_any()).await;
    let client = connect(&server).await;
    let shutdown = server.handle.clone();
    let shutdown = tokio::spawn(async move { shutdown.shutdown(LONG).await });
    tokio::task::yield_now().await;
    shutdown.abort();
    server.task.await.unwrap();
    assert_told(&client).await;
}

#[tokio::test]
async fn clients_that_say_nothing_do_not_hold_up_a_shutdown() {
    let server = Served::start(|server| server.handshake_timeout(LONG)).await;
    let base = tasks();
    let _silent = [
        TcpStream::connect(&server.address).await.unwrap(),
        TcpStream::connect(&server.address).await.unwrap(),
    ];
    until("both are accepted", || tasks() == base + 2).await;
    let began = Instant::now();
    server.handle.shutdown(LONG).await;
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn dropping_serve_stops_everything_at_once() {
    let base = tasks();
    let (server, mut watched) = stuck().await;
    let client = connect(&server).await;
    let call = spawn_echo(&client.channel(), "x");
    watched.starts.recv().await.unwrap();
    let handle = server.handle.clone();
    server.kill().await;
    watched.drops.recv().await.unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    handle.shutdown(LONG).await;
    client.close().await;
    until("the tasks have ended", || tasks() == base).await;
}

#[tokio::test]
async fn a_server_leaves_no_task_behind() {
    let base = tasks();
    let server = Served::start(|server| server.allow_any().add_service(Echo::plain())).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        let client = connect(&server).await;
        echo(&client.channel(), "x").await.unwrap();
        clients.push(client);
    }
    server.stop().await;
    for client in clients {
        client.close().await;
    }
    until("the tasks have ended", || tasks() == base).await;
}

#[tokio::test]
async fn a_server_serves_until_its_signal_and_then_lets_calls_end() {
    let gate = Arc::new(Semaphore::new(0));
    let (started, mut starts) = tokio::sync::mpsc::unbounded_channel();
    let key = SecretKey::generate();
    let open = gate.clone();
    let server = Server::builder(key.clone())
        .allow_any()
        .add_service(Echo::new(move |_| {
            started.send(()).ok();
            let gate = gate.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                Ok(Response::new(Text::new("done")))
            }
        }))
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let address = server.local_addr().unwrap().to_string();
    let (signal, signalled) = tokio::sync::oneshot::channel::<()>();
    let wait = async move {
        signalled.await.ok();
    };
    let serving = tokio::spawn(server.serve_until(wait, LONG));
    let client = Client::builder(SecretKey::generate(), key.public_key());
    let client = client.connect(&address).await.unwrap();
    let call = spawn_echo(&client.channel(), "x");
    starts.recv().await.unwrap();
    signal.send(()).unwrap();
    open.add_permits(1);
    assert_eq!(call.await.unwrap().unwrap().body, "done");
    serving.await.unwrap();
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn whoever_waits_for_a_peer_of_a_server_that_never_served_is_told() {
    let server = Server::builder(SecretKey::generate());
    let peers = server.peers();
    let mut events = peers.events();
    let key = SecretKey::generate().public_key();
    let waiting = tokio::spawn(async move { peers.connected(key).await });
    tokio::task::yield_now().await;
    drop(server);
    assert!(!waiting.await.unwrap());
    assert_eq!(events.next().await, None);
}
