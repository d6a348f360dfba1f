//! Frames on their way out, in one buffer that one write takes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::masks::{self, Masks};

/// A message over this size goes out in fragments of it, so that control frames find a gap: a Go peer sees a pong only
/// between two fragments.
pub(super) const FRAGMENT: usize = 64 * 1024;

/// The buffer takes nothing more once it holds this much, so that what is not sent yet waits where it can still be
/// taken back.
const FULL: usize = 64 * 1024;

/// What an idle connection keeps of the buffer.
const KEEP: usize = 1024;

#[derive(Clone, Copy)]
enum OpCode {
    Continuation = 0,
    Binary = 2,
}

/// The write half of a WebSocket. The buffer holds whole frames, so a control frame may be appended at any time.
#[derive(Debug)]
pub(super) struct Writer {
    /// A client masks its frames, a server does not.
    masks: Option<Masks>,
    buffer: Vec<u8>,
    /// How much of the buffer was written.
    written: usize,
    /// What is left of a message that goes out in fragments.
    rest: Bytes,
    needs_flush: bool,
}

impl Writer {
    pub(super) fn new(masked: bool) -> Self {
        Self {
            masks: masked.then(Masks::new),
            buffer: Vec::new(),
            written: 0,
            rest: Bytes::new(),
            needs_flush: false,
        }
    }

    /// Whether the next message may be pushed.
    pub(super) fn is_ready(&self) -> bool {
        self.rest.is_empty() && !self.is_full()
    }

    /// Whether the buffer takes nothing more for now.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() - self.written >= FULL
    }

    /// Whether everything pushed was written and flushed.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.rest.is_empty() && !self.needs_flush
    }

    /// Appends a binary message of a head and a payload. To be called when [ready](Self::is_ready).
    pub(super) fn push_message(&mut self, head: &[u8], mut payload: Bytes) {
        debug_assert!(self.is_ready());
        let room = FRAGMENT.saturating_sub(head.len());
        let first = payload.split_to(payload.len().min(room));
        self.rest = payload;
        self.push_frame(OpCode::Binary, self.rest.is_empty(), head, &first);
        self.push_fragments();
    }

    /// Appends control frames that are already encoded, unless the buffer is full.
    pub(super) fn push_control(&mut self, frames: &[u8]) -> io::Result<usize> {
        if self.is_full() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.compact();
        self.buffer.extend_from_slice(frames);
        self.needs_flush = true;
        Ok(frames.len())
    }

    /// Drops what is left of a message.
    pub(super) fn drop_rest(&mut self) {
        self.rest = Bytes::new();
    }

    /// Drops what was written, once that is worth the move: a buffer that is never empty would grow without end.
    fn compact(&mut self) {
        if self.written >= FULL {
            self.buffer.drain(..self.written);
            self.written = 0;
        }
    }

    fn push_fragments(&mut self) {
        while !self.rest.is_empty() && !self.is_full() {
            let fragment = self.rest.split_to(self.rest.len().min(FRAGMENT));
            self.push_frame(OpCode::Continuation, self.rest.is_empty(), &[], &fragment);
        }
    }

    fn push_frame(&mut self, op_code: OpCode, last: bool, head: &[u8], payload: &[u8]) {
        const FIN: u8 = 0x80;
        const MASKED: u8 = 0x80;
        self.compact();
        let out = &mut self.buffer;
        let len = head.len() + payload.len();
        let masked = if self.masks.is_some() { MASKED } else { 0 };
        out.reserve(len + 14);
        out.push(op_code as u8 | if last { FIN } else { 0 });
        match len {
            0..=125 => out.push(masked | len as u8),
            126..=0xffff => {
                out.push(masked | 126);
                out.extend_from_slice(&(len as u16).to_be_bytes());
            }
            _ => {
                out.push(masked | 127);
                out.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        let mask = self.masks.as_mut().map(Masks::next);
        out.extend_from_slice(mask.as_ref().map_or(&[][..], |mask| mask));
        let start = out.len();
        out.extend_from_slice(head);
        out.extend_from_slice(payload);
        if let Some(mask) = mask {
            masks::apply(mask, &mut out[start..]);
        }
        self.needs_flush = true;
    }

    /// Writes as much as the stream takes; ready once all is written and flushed. Adds to `progress` the bytes that the
    /// stream took.
    pub(super) fn poll_flush<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        cx: &mut Context<'_>,
        progress: &mut usize,
    ) -> Poll<io::Result<()>> {
        loop {
            while self.written < self.buffer.len() {
                let unwritten = &self.buffer[self.written..];
                let n = ready!(Pin::new(&mut *io).poll_write(cx, unwritten))?;
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.written += n;
                *progress += n;
            }
            self.buffer.clear();
            self.written = 0;
            if self.rest.is_empty() {
                break;
            }
            self.push_fragments();
        }
        if self.needs_flush {
            // The stream may hold ciphertext back until it is told to let go of it.
            ready!(Pin::new(io).poll_flush(cx))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Gives back memory that only a burst needed.
    pub(super) fn shrink(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > KEEP {
            self.buffer = Vec::new();
        }
    }
}
