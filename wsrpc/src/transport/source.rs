//! Where a WebSocket's bytes come from.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use super::Io;

/// A stream, and before it what the upgrade read too much of it.
#[derive(Debug)]
pub(super) struct Source<IO> {
    pub(super) io: IO,
    ahead: Vec<u8>,
    /// Bytes that were taken so far.
    taken: u64,
}

impl<IO: Io> Source<IO> {
    pub(super) fn new(io: IO, ahead: Vec<u8>) -> Self {
        Self {
            io,
            ahead,
            taken: 0,
        }
    }

    /// Bytes that were taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// What has come, in part or all of it; nothing at the end of the stream.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        match self.ahead.is_empty() {
            true => Pin::new(&mut self.io).poll_fill_buf(cx),
            false => Poll::Ready(Ok(&self.ahead)),
        }
    }

    /// Takes so many bytes of what has come.
    pub(super) fn take(&mut self, n: usize) {
        self.taken += n as u64;
        if self.ahead.is_empty() {
            Pin::new(&mut self.io).consume(n);
        } else {
            self.ahead.drain(..n);
            if self.ahead.is_empty() {
                self.ahead = Vec::new();
            }
        }
    }
}
