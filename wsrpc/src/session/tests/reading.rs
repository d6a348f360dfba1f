//! When a session asks its stream for more.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::{
    SessionConfig,
    service::test_support::{Echo, Raw, spawn_echo, start},
    transport::Role,
};

/// A stream that counts how often it is asked for more.
struct Counting {
    io: DuplexStream,
    reads: Arc<AtomicUsize>,
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
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
    let reads = Arc::new(AtomicUsize::new(0));
    let io = Counting {
        io,
        reads: reads.clone(),
    };
    let client = start(io, Role::Client, Echo::plain(), SessionConfig::default());
    let mut raw = Raw::new(raw, Role::Server);
    let channel = client.channel();
    let (mut calls, mut requests) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        calls.push(spawn_echo(&channel, "asked"));
        requests.push(raw.request().await);
    }
    assert_eq!(reads.load(Ordering::Relaxed), 1, "for ten turns");
    for request in &requests {
        raw.answer(request, "answered");
        raw.flush().await;
    }
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().body, "answered");
    }
    assert!(reads.load(Ordering::Relaxed) > 1);
}
