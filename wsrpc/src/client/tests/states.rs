//! States, and the ways in which a client is closed.

use std::time::{Duration, Instant};

use crate::{
    Client, Code, ConnectError, Outcome, PeerState, ReconnectConfig, SecretKey, SessionEnd, State,
    service::test_support::{Echo, Served, echo, spawn_echo, tasks, until},
};

/// A server that lets anyone in, and a client that is connected to it.
async fn connected() -> (Served, Client) {
    let server = Served::start(|server| server.allow_any().add_service(Echo::plain())).await;
    let key = SecretKey::generate();
    let client = server.client(&key).connect(&server.address).await.unwrap();
    (server, client)
}

#[tokio::test]
async fn states_are_seen_in_their_order() {
    let server = Served::start(|server| server.allow_any()).await;
    let key = SecretKey::generate();
    let slow = ReconnectConfig::default().base(Duration::from_millis(100));
    let client = server.client(&key).reconnect(slow);
    let client = client.connect_lazy(&server.address).unwrap();
    let mut states = client.watch_state();
    assert_eq!(states.current(), State::Connecting);
    let watcher = tokio::spawn(async move {
        let mut seen = vec![states.current()];
        while let Some(state) = states.changed().await {
            seen.push(state);
        }
        seen.dedup();
        seen
    });
    client.ready().await.unwrap();
    server.kill().await;
    let mut states = client.watch_state();
    states.wait_for(State::TransientFailure).await.unwrap();
    client.close().await;
    assert_eq!(client.state(), State::Shutdown);
    let seen = watcher.await.unwrap();
    assert_eq!(
        seen[..5],
        [
            State::Connecting,
            State::Ready,
            State::Idle,
            State::Connecting,
            State::TransientFailure
        ]
    );
    assert_eq!(seen.last(), Some(&State::Shutdown));
}

#[tokio::test]
async fn a_closed_client_does_not_wait_out_its_pause() {
    let server = Served::start(|server| server.allow_any()).await;
    let hour = Duration::from_secs(3600);
    let rare = ReconnectConfig::default().base(hour).cap(hour);
    let client = server.client(&SecretKey::generate()).reconnect(rare);
    let client = client.connect(&server.address).await.unwrap();
    let began = Instant::now();
    client.close().await;
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn closing_ends_all_of_a_clients_tasks_and_calls() {
    let (echoes, mut watched) = Echo::watched();
    let server = Served::start(|server| server.allow_any().add_service(Echo::silent())).await;
    let key = SecretKey::generate();
    let client = server.client(&key).add_service(echoes);
    let client = client.connect(&server.address).await.unwrap();
    let down = spawn_echo(&server.peers.channel(key.public_key()), "down");
    watched.starts.recv().await.unwrap();
    let up = spawn_echo(&client.channel(), "up");
    until("the call was sent", || tasks() > 0).await;
    let mut events = server.peers.events();
    assert_eq!(events.next().await.unwrap().state, PeerState::Connected);
    client.close().await;
    // The handler is gone when `close` returns.
    watched.drops.try_recv().unwrap();
    assert!(matches!(
        up.await.unwrap().unwrap_err().outcome(),
        Outcome::Unknown | Outcome::NotSent
    ));
    assert_eq!(down.await.unwrap().unwrap_err().outcome(), Outcome::Unknown);
    let PeerState::Disconnected(SessionEnd::PeerClosed { code, .. }) =
        events.next().await.unwrap().state
    else {
        panic!("not closed by the peer");
    };
    assert_eq!(code, 1001);
}

#[tokio::test]
async fn a_closed_client_stays_closed() {
    let (_server, client) = connected().await;
    let channel = client.channel().wait_for_ready(true);
    let mut states = client.watch_state();
    client.close().await;
    client.close().await;
    client.closed().await;
    assert!(matches!(client.ready().await, Err(ConnectError::Closed)));
    assert_eq!(states.wait_for(State::Ready).await, None);
    let error = echo(&channel, "x").await.unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::NotSent);
}

#[tokio::test]
async fn a_call_that_waits_ends_when_the_client_is_closed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let [key, server] = [(); 2].map(|()| SecretKey::generate());
    let client = Client::builder(key, server.public_key());
    let client = client.connect_lazy(address).unwrap();
    let waiting = spawn_echo(&client.channel().wait_for_ready(true), "x");
    listener.accept().await.unwrap();
    client.close().await;
    assert_eq!(
        waiting.await.unwrap().unwrap_err().outcome(),
        Outcome::NotSent
    );
}

#[tokio::test]
async fn the_last_handle_that_is_dropped_closes_the_session() {
    let (server, client) = connected().await;
    let mut events = server.peers.events();
    assert_eq!(events.next().await.unwrap().state, PeerState::Connected);
    let [channel, clone] = [client.channel(), client.clone().channel()];
    drop(client);
    assert_eq!(echo(&channel, "x").await.unwrap().body, "x");
    drop(channel);
    assert_eq!(echo(&clone, "x").await.unwrap().body, "x");
    drop(clone);
    assert!(matches!(
        events.next().await.unwrap().state,
        PeerState::Disconnected(SessionEnd::PeerClosed { code: 1001, .. })
    ));
}

#[tokio::test]
async fn a_call_under_way_keeps_the_client() {
    let (_server, client) = connected().await;
    let call = echo(&client.channel(), "x");
    drop(client);
    assert_eq!(call.await.unwrap().body, "x");
}
