//! When a session asks its stream for more, and when it writes.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::{
    SessionConfig,
    service::test_support::{Echo, Raw, Text, spawn_echo, start},
    testing::{Services, pair},
    transport::Role,
    wire::v1 as wire,
};

/// A stream that counts what it is asked for.
struct Counting {
    io: DuplexStream,
    asked: Arc<Asked>,
}

#[derive(Default)]
struct Asked {
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl Counting {
    fn new(io: DuplexStream) -> (Self, Arc<Asked>) {
        let asked = Arc::new(Asked::default());
        let counted = asked.clone();
        (Self { io, asked }, counted)
    }
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.asked.reads.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.asked.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_its_stream_did_not_ask_for_does_not_read() {
    let (io, raw) = tokio::io::duplex(64 * 1024);
    let (io, asked) = Counting::new(io);
    let client = start(io, Role::Client, Echo::plain(), SessionConfig::default());
    let mut raw = Raw::new(raw, Role::Server);
    let channel = client.channel();
    let (mut calls, mut requests) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        calls.push(spawn_echo(&channel, "asked"));
        requests.push(raw.request().await);
    }
    assert_eq!(asked.reads.load(Ordering::Relaxed), 1, "for ten turns");
    for request in &requests {
        raw.answer(request, "answered");
        raw.flush().await;
    }
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().body, "answered");
    }
    assert!(asked.reads.load(Ordering::Relaxed) > 1);
}

fn text(response: wire::Response) -> String {
    Text::decode(response.result.unwrap()).unwrap().body
}

/// How often a session writes that answers 384 calls, six turns of them, which are there when it begins.
async fn writes_for_six_turns(body: &str) -> usize {
    let (io, raw) = tokio::io::duplex(1 << 20);
    let (io, asked) = Counting::new(io);
    let mut raw = Raw::new(raw, Role::Server);
    for id in 0..384 {
        raw.call(&format!("00000000-0000-4000-8000-{id:012}"), body);
        raw.flush().await;
    }
    let client = start(io, Role::Client, Echo::plain(), SessionConfig::default());
    for _ in 0..384 {
        assert_eq!(text(raw.response().await), body);
    }
    let writes = asked.writes.load(Ordering::Relaxed);
    drop(client);
    writes
}

#[tokio::test(start_paused = true)]
async fn on_one_thread_a_write_has_the_frames_of_two_full_turns() {
    assert_eq!(writes_for_six_turns("small").await, 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_small_is_written_in_each_turn() {
    assert_eq!(writes_for_six_turns(&"x".repeat(400)).await, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn on_more_threads_each_turn_writes() {
    assert_eq!(writes_for_six_turns("small").await, 6);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_reads_a_goodbye_writes_what_was_held_back() {
    let (io, raw) = tokio::io::duplex(1 << 20);
    let mut raw = Raw::new(raw, Role::Server);
    for id in 0..192 {
        raw.call(&format!("00000000-0000-4000-8000-{id:012}"), "small");
    }
    // The frame after three full turns.
    raw.close(1000).await;
    let client = start(io, Role::Client, Echo::plain(), SessionConfig::default());
    for _ in 0..192 {
        assert_eq!(text(raw.response().await), "small");
    }
    drop(client);
}

/// A turn's worth of calls may run here, and what is held back counts no more among them.
#[tokio::test(start_paused = true)]
async fn answers_that_are_held_back_keep_no_call_from_running() {
    let limits = SessionConfig::default().max_concurrent_handlers(64);
    let (client, _server) = pair(
        Services::new(),
        Services::new().add(Echo::plain()).session(limits),
    );
    let channel = client.channel();
    let calls: Vec<_> = (0..384).map(|_| spawn_echo(&channel, "small")).collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().body, "small");
    }
}
