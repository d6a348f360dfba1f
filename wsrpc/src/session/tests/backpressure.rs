//! A peer that does not read.

use std::time::Duration;

use tokio::time::Instant;

use super::super::Session;
use crate::{
    Code, Outcome, SessionConfig, SessionEnd,
    service::test_support::{Echo, Raw, against_raw, echo, settle, spawn_echo},
    transport::Received,
};

/// Fills the pipe and the writer's buffer.
const BIG: usize = 200_000;

fn config() -> SessionConfig {
    SessionConfig::default().max_unsent_bytes(1000)
}

/// Calls that know of their place on the session: the others wait for room.
fn taken(session: &Session) -> usize {
    session.calls_in_flight()
}

/// Reads and answers requests, `count` of them.
async fn answer(raw: &mut Raw, count: usize) {
    for _ in 0..count {
        let request = raw.request().await;
        raw.answer(&request, "answered");
        raw.flush().await;
    }
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_room_and_go_on_once_the_peer_reads() {
    let (client, mut raw) = against_raw(1024, Echo::plain(), config());
    let channel = client.channel();
    let sent = spawn_echo(&channel, "x".repeat(BIG));
    settle().await;
    let queued = spawn_echo(&channel, "x".repeat(600));
    let waiting = spawn_echo(&channel, "x".repeat(600));
    settle().await;
    assert_eq!(taken(&client.session), 2);
    answer(&mut raw, 3).await;
    for call in [sent, queued, waiting] {
        assert_eq!(call.await.unwrap().unwrap().body, "answered");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_room_ends_at_its_deadline_unsent() {
    let (client, _raw) = against_raw(1024, Echo::plain(), config());
    let channel = client.channel();
    let _sent = spawn_echo(&channel, "x".repeat(BIG));
    settle().await;
    let _queued = spawn_echo(&channel, "x".repeat(600));
    settle().await;
    let began = Instant::now();
    let waiting = echo(&channel, "x".repeat(600)).timeout(Duration::from_secs(1));
    let error = waiting.await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::NotSent);
}

#[tokio::test(start_paused = true)]
async fn a_queued_call_that_is_dropped_makes_room() {
    let (client, _raw) = against_raw(1024, Echo::plain(), config());
    let channel = client.channel();
    let _sent = spawn_echo(&channel, "x".repeat(BIG));
    settle().await;
    let queued = spawn_echo(&channel, "x".repeat(600));
    settle().await;
    let _waiting = spawn_echo(&channel, "x".repeat(600));
    settle().await;
    assert_eq!(taken(&client.session), 2);
    queued.abort();
    settle().await;
    // The one that waited has taken its place.
    assert_eq!(taken(&client.session), 2);
}

#[tokio::test(start_paused = true)]
async fn queued_calls_that_expire_make_room() {
    let (client, mut raw) = against_raw(1024, Echo::plain(), config());
    let channel = client.channel();
    let sent = spawn_echo(&channel, "x".repeat(BIG));
    settle().await;
    let brief = channel.clone().timeout(Duration::from_secs(1));
    let expires = spawn_echo(&brief, "x".repeat(600));
    settle().await;
    let waiting = spawn_echo(&channel, "x".repeat(600));
    let error = expires.await.unwrap().unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
    let began = Instant::now();
    answer(&mut raw, 2).await;
    sent.await.unwrap().unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_writes_stall_ends_after_ten_seconds() {
    let (client, mut raw) = against_raw(1024, Echo::plain(), SessionConfig::default());
    let channel = client.channel();
    let began = Instant::now();
    let sent = spawn_echo(&channel, "x".repeat(BIG));
    settle().await;
    let queued = spawn_echo(&channel, "x");
    // What the peer sends does not count as progress.
    for _ in 0..9 {
        raw.pong().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(client.session.ended(), None);
    let timeout = Duration::from_secs(10);
    assert_eq!(
        client.session.closed().await,
        SessionEnd::WriteTimeout(timeout)
    );
    assert_eq!(began.elapsed(), timeout);
    let error = sent.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::Unknown);
    let error = queued.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::NotSent);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_keeps_its_session() {
    let (client, mut raw) = against_raw(8192, Echo::plain(), SessionConfig::default());
    let call = spawn_echo(&client.channel(), "x".repeat(BIG));
    let request = {
        let mut reading = Box::pin(raw.request());
        loop {
            // One poll reads what fits into the pipe.
            let polled = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(std::future::Future::poll(reading.as_mut(), cx))
            });
            if let std::task::Poll::Ready(request) = polled.await {
                break request;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    raw.answer(&request, "at last");
    raw.flush().await;
    assert_eq!(call.await.unwrap().unwrap().body, "at last");
}

#[tokio::test(start_paused = true)]
async fn a_pong_finds_its_gap_in_a_large_message() {
    let (client, mut raw) = against_raw(1024, Echo::plain(), SessionConfig::default());
    let _call = spawn_echo(&client.channel(), "x".repeat(1_000_000));
    settle().await;
    raw.ping().await;
    settle().await;
    loop {
        match raw.read().await.unwrap() {
            Received::Pong => break,
            Received::Message(_) => panic!("the pong waited for the message"),
            _ => {}
        }
    }
}

/// More frames than a turn reads, in one piece, that neither start nor answer anything.
#[tokio::test(start_paused = true)]
async fn a_burst_of_tiny_frames_does_not_stop_the_reader() {
    use tokio::io::AsyncWriteExt;

    let (io, mut raw) = tokio::io::duplex(1 << 16);
    let role = crate::transport::Role::Client;
    let mut bytes = [0x8a, 0].repeat(5000);
    // After all the pongs, a close frame without a code.
    bytes.extend([0x88, 0]);
    raw.write_all(&bytes).await.unwrap();
    let began = Instant::now();
    let client =
        crate::service::test_support::start(io, role, Echo::plain(), SessionConfig::default());
    assert!(matches!(
        client.session.closed().await,
        SessionEnd::PeerClosed { code: 1005, .. }
    ));
    assert_eq!(began.elapsed(), Duration::ZERO);
}
