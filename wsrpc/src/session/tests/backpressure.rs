//! A peer that does not read.

use std::{future::poll_fn, task::Poll, time::Duration};

use tokio::time::Instant;

use super::super::Session;
use crate::{
    Code, Outcome, SessionConfig, SessionEnd,
    service::test_support::{Echo, End, Raw, against_raw, echo, settle, spawn_echo, start},
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
const TINY_FRAMES: usize = 5000;

async fn reading_tiny_frames() -> End {
    use tokio::io::AsyncWriteExt;

    let (io, mut raw) = tokio::io::duplex(1 << 16);
    let role = crate::transport::Role::Client;
    let mut bytes = [0x8a, 0].repeat(TINY_FRAMES);
    // After all the pongs, a close frame without a code.
    bytes.extend([0x88, 0]);
    raw.write_all(&bytes).await.unwrap();
    start(io, role, Echo::plain(), SessionConfig::default())
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_tiny_frames_does_not_stop_the_reader() {
    let began = Instant::now();
    let client = reading_tiny_frames().await;
    assert!(matches!(
        client.session.closed().await,
        SessionEnd::PeerClosed { code: 1005, .. }
    ));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// How often another task gets its turn until the session has ended.
async fn turns_of_others(session: Session) -> usize {
    let mut turns = 0;
    let others = poll_fn(move |cx| {
        if session.ended().is_some() {
            return Poll::Ready(turns);
        }
        turns += 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    tokio::spawn(others).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_busy_session_lets_others_have_their_turn() {
    let client = reading_tiny_frames().await;
    let turns = turns_of_others(client.session.clone()).await;
    assert!(turns > 70, "{turns} turns");
}

/// Also where it could answer one large call after the other, though it may have a few turns in a row then.
#[tokio::test(start_paused = true)]
async fn a_session_with_large_calls_lets_others_have_their_turn() {
    let (io, raw) = tokio::io::duplex(1 << 22);
    let mut raw = Raw::new(raw, crate::transport::Role::Server);
    for id in 0..64 {
        let id = format!("00000000-0000-4000-8000-{id:012}");
        raw.call(&id, &"x".repeat(16 * 1024));
        raw.flush().await;
    }
    raw.close(1000).await;
    let role = crate::transport::Role::Client;
    let client = start(io, role, Echo::plain(), SessionConfig::default());
    let turns = turns_of_others(client.session.clone()).await;
    assert!((4..=12).contains(&turns), "{turns} turns");
}
