//! Where a WebSocket's bytes come from.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use super::Io;

/// A stream that is read where it has its bytes, and counted.
#[derive(Debug)]
pub(super) struct Source<IO> {
    pub(super) io: IO,
    taken: u64,
}

impl<IO: Io> Source<IO> {
    pub(super) fn new(io: IO) -> Self {
        Self { io, taken: 0 }
    }

    /// Bytes that were taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// What has come, in part or all of it; nothing at the end of the stream.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Pin::new(&mut self.io).poll_fill_buf(cx)
    }

    /// Takes so many bytes of what has come.
    pub(super) fn take(&mut self, n: usize) {
        self.taken += n as u64;
        Pin::new(&mut self.io).consume(n);
    }
}
