//! Pings, pongs and silence.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    Outcome, SessionConfig, SessionEnd,
    service::test_support::{Echo, Raw, against_raw, spawn_echo, start, start_on},
    testing::{Services, pair},
    transport::{Received, Role, TransportError},
    version::ProtocolVersion::V2,
};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_given_up() {
    let (client, mut raw) = against_raw(4096, Echo::plain(), SessionConfig::default());
    let began = Instant::now();
    let mut pings = Vec::new();
    let mut pongs = Vec::new();
    let end = loop {
        match raw.read().await {
            Ok(Received::Ping) => pings.push(began.elapsed()),
            Ok(Received::Pong) => pongs.push(began.elapsed()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(pings, [secs(15)]);
    assert_eq!(pongs, (1..=8).map(|n| secs(5 * n)).collect::<Vec<_>>());
    assert!(matches!(end, TransportError::HungUp), "{end}");
    let finished = client.driver.await.unwrap();
    assert_eq!(finished.end, SessionEnd::KeepaliveTimeout(secs(45)));
    assert!(!finished.acknowledged);
}

#[tokio::test(start_paused = true)]
async fn calls_pending_on_a_silent_peer_fail_when_it_is_given_up() {
    let (client, _raw) = against_raw(4096, Echo::plain(), SessionConfig::default());
    let began = Instant::now();
    let error = spawn_echo(&client.channel(), "x")
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(began.elapsed(), secs(45));
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(
        error.message(),
        "the session ended: nothing was received for 45s"
    );
}

#[tokio::test(start_paused = true)]
async fn any_frame_counts_as_life() {
    let (client, mut raw) = against_raw(4096, Echo::plain(), SessionConfig::default());
    for _ in 0..10 {
        tokio::time::sleep(secs(44)).await;
        raw.pong().await;
    }
    assert_eq!(client.session.ended(), None);
    let silent_since = Instant::now();
    client.session.closed().await;
    assert_eq!(silent_since.elapsed(), secs(45));
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_frame_counts_as_life() {
    use tokio::io::AsyncWriteExt;

    let (io, mut raw) = tokio::io::duplex(4096);
    let client = start(io, Role::Client, Echo::plain(), SessionConfig::default());
    // A binary frame of 100 bytes that comes byte by byte.
    raw.write_all(&[0x82, 100]).await.unwrap();
    for _ in 0..20 {
        tokio::time::sleep(secs(40)).await;
        raw.write_all(b"x").await.unwrap();
    }
    tokio::time::sleep(secs(40)).await;
    assert_eq!(client.session.ended(), None);
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_at_once() {
    let (_client, mut raw) = against_raw(4096, Echo::plain(), SessionConfig::default());
    let began = Instant::now();
    raw.ping().await;
    assert_eq!(raw.read().await.unwrap(), Received::Pong);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_server_pings_only_a_client_that_does_not() {
    let (io, raw) = tokio::io::duplex(4096);
    let config = SessionConfig::default();
    let _server = start_on(V2, io, Role::Server, Echo::plain(), config);
    let mut raw = Raw::new(raw, Role::Client);
    for _ in 0..10 {
        tokio::time::sleep(secs(15)).await;
        raw.ping().await;
        assert_eq!(raw.read().await.unwrap(), Received::Pong);
    }
    let silent_since = Instant::now();
    assert_eq!(raw.read().await.unwrap(), Received::Ping);
    assert_eq!(silent_since.elapsed(), secs(15) + secs(15) / 8);
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_lasts() {
    let (client, server) = pair(Services::new(), Services::new());
    let ended = async { tokio::join!(client.closed(), server.closed()) };
    assert!(tokio::time::timeout(secs(86_400), ended).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_timers_can_be_set() {
    let config = SessionConfig::default()
        .keepalive_interval(secs(2))
        .keepalive_timeout(secs(6))
        .pong_interval(secs(60));
    let (client, mut raw) = against_raw(4096, Echo::plain(), config);
    let began = Instant::now();
    assert_eq!(raw.read().await.unwrap(), Received::Ping);
    assert_eq!(began.elapsed(), secs(2));
    assert_eq!(
        client.session.closed().await,
        SessionEnd::KeepaliveTimeout(secs(6))
    );
    assert_eq!(began.elapsed(), secs(6));
}
