//! What peers' handles tell.

use std::time::Duration;

use crate::{
    Code, Outcome, PeerState, SecretKey, SessionEnd,
    service::test_support::{Echo, Served, echo, spawn_echo, until},
};

#[tokio::test]
async fn peers_come_and_go() {
    let server = Served::start(|server| server.allow_any()).await;
    let peers = &server.peers;
    let keys = [(); 3].map(|()| SecretKey::generate());
    let mut events = peers.events();
    let mut clients = Vec::new();
    let mut last_epoch = 0;
    for key in &keys {
        clients.push(server.client(key).connect(&server.address).await.unwrap());
        let event = events.next().await.unwrap();
        assert_eq!(event.key, key.public_key());
        assert_eq!(event.state, PeerState::Connected);
        assert!(event.epoch > last_epoch && event.merged == 0 && !event.cloned);
        last_epoch = event.epoch;
    }
    let mut expected = keys.each_ref().map(SecretKey::public_key);
    let mut listed = peers.list();
    expected.sort();
    listed.sort();
    assert_eq!(listed, expected);
    assert_eq!(peers.count(), 3);
    clients[0].close().await;
    let event = events.next().await.unwrap();
    assert_eq!(event.key, keys[0].public_key());
    assert!(matches!(event.state, PeerState::Disconnected(_)));
    assert!(!peers.is_connected(&keys[0].public_key()));
    assert_eq!(peers.count(), 2);
    // A later subscriber begins with those who are there.
    let mut later = peers.events();
    let mut there = [
        later.next().await.unwrap().key,
        later.next().await.unwrap().key,
    ];
    there.sort();
    let mut expected = [keys[1].public_key(), keys[2].public_key()];
    expected.sort();
    assert_eq!(there, expected);
}

#[tokio::test]
async fn calls_to_a_peer_that_is_away_fail_at_once_or_wait() {
    let server = Served::start(|server| server.allow_any()).await;
    let key = SecretKey::generate();
    let alice = key.public_key();
    let channel = server.peers.channel(alice);
    let error = echo(&channel, "x").await.unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert_eq!(
        error.message(),
        format!("the peer {alice} is not connected")
    );
    let patient = channel.wait_for_ready(true);
    let brief = echo(&patient, "x").timeout(Duration::from_millis(20));
    assert_eq!(brief.await.unwrap_err().code(), Code::DEADLINE_EXCEEDED);
    let waiting = spawn_echo(&patient, "waited");
    let arrival = tokio::spawn({
        let peers = server.peers.clone();
        async move { peers.connected(alice).await }
    });
    let client = server.client(&key).add_service(Echo::plain());
    let _client = client.connect(&server.address).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().body, "waited");
    arrival.await.unwrap();
}

#[tokio::test]
async fn events_end_and_nobody_is_connected_once_the_server_is_gone() {
    let server = Served::start(|server| server.allow_any()).await;
    let key = SecretKey::generate();
    let _client = server.client(&key).connect(&server.address).await.unwrap();
    let peers = server.peers.clone();
    let mut events = peers.events();
    let waiting = peers.channel(SecretKey::generate().public_key());
    let waiting = spawn_echo(&waiting.wait_for_ready(true), "x");
    assert_eq!(events.next().await.unwrap().state, PeerState::Connected);
    server.kill().await;
    let event = events.next().await.unwrap();
    assert_eq!(event.state, PeerState::Disconnected(SessionEnd::Closed));
    assert_eq!(events.next().await, None);
    assert_eq!(peers.events().next().await, None);
    assert_eq!(peers.count(), 0);
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::NotSent);
}

#[tokio::test]
async fn a_service_can_hold_the_peers_of_its_server() {
    let server = Served::start(|server| {
        let peers = server.peers();
        let forward = Echo::new(move |request| {
            let peers = peers.clone();
            async move {
                let (to, text) = request.body.split_once(' ').unwrap_or_default();
                let to = to
                    .parse()
                    .map_err(|_| crate::Status::invalid_argument("no key"))?;
                Ok(echo(&peers.channel(to), text).await?)
            }
        });
        server.allow_any().add_service(forward)
    })
    .await;
    let [alice, bob] = [(); 2].map(|()| SecretKey::generate());
    let _bob = server.client(&bob).add_service(Echo::plain());
    let _bob = _bob.connect(&server.address).await.unwrap();
    let alice = server
        .client(&alice)
        .connect(&server.address)
        .await
        .unwrap();
    let message = format!("{} hello", bob.public_key());
    assert_eq!(echo(&alice.channel(), message).await.unwrap().body, "hello");
    until("both are there", || server.peers.count() == 2).await;
}
