//! Frames on their way out, in one buffer that one write takes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::{
    header::{Header, OpCode},
    masks,
};
use crate::wire::v2::sizes::{CHUNK, SHARED, SHARERS};

/// A message over this size goes out in fragments of it, so that control frames find a gap: a Go peer sees a pong only
/// between two fragments. 64 KiB of a user's, with what is around them, still go out as one. Messages that may be shared
/// are small enough as they are.
pub(super) const FRAGMENT: usize = 65 * 1024;

/// The buffer takes nothing more once it holds this much, so that what is not sent yet waits where it can still be
/// taken back. Four chunks of a large message fill it, and four TLS records just hold them.
const FULL: usize = 63 * 1024;

const _: () = assert!(3 * SHARED < FULL && FULL <= 4 * CHUNK);

/// What an idle connection keeps of the buffer.
const KEEP: usize = 1024;

/// The write half of a WebSocket. The buffer holds whole WebSocket frames, and at its end perhaps a message that others
/// may still share, which is sealed before anything is written or follows it.
#[derive(Debug)]
pub(super) struct Writer {
    /// A client masks its frames, a server does not.
    masked: bool,
    buffer: Vec<u8>,
    /// How much of the buffer was written.
    written: usize,
    /// Small messages are put one after the other into one.
    shares: bool,
    /// Where in the buffer the message begins that the next one may share, and how many share it.
    unsealed: Option<(usize, usize)>,
    /// What is left of a message that goes out in fragments.
    rest: Bytes,
    needs_flush: bool,
}

impl Writer {
    pub(super) fn new(masked: bool) -> Self {
        Self {
            masked,
            buffer: Vec::new(),
            written: 0,
            shares: false,
            unsealed: None,
            rest: Bytes::new(),
            needs_flush: false,
        }
    }

    /// From here on what is pushed may share a message with what was pushed before.
    pub(super) fn share_messages(&mut self) {
        self.shares = true;
    }

    /// Whether the next message may be pushed.
    pub(super) fn is_ready(&self) -> bool {
        self.rest.is_empty() && !self.is_full()
    }

    /// Whether the buffer takes nothing more for now.
    pub(super) fn is_full(&self) -> bool {
        self.unwritten() >= FULL
    }

    /// Bytes in the buffer that were not written.
    pub(super) fn unwritten(&self) -> usize {
        self.buffer.len() - self.written
    }

    /// Whether everything pushed was written and flushed.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.rest.is_empty() && !self.needs_flush
    }

    /// Appends a binary message of a head and a payload. To be called when [ready](Self::is_ready).
    pub(super) fn push_message(&mut self, head: &[u8], mut payload: Bytes) {
        debug_assert!(self.is_ready());
        if self.shares && head.len() + payload.len() <= SHARED {
            return self.push_shared(head, &payload);
        }
        self.seal();
        let largest = if self.shares { usize::MAX } else { FRAGMENT };
        let room = largest.saturating_sub(head.len());
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
        self.seal();
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
        self.compact();
        let mask = self.masked.then(masks::next);
        let len = head.len() + payload.len();
        let header = Header::new(op_code, last, len, mask).encode();
        self.buffer.reserve(header.as_slice().len() + len);
        self.buffer.extend_from_slice(header.as_slice());
        let start = self.buffer.len();
        self.buffer.extend_from_slice(head);
        self.buffer.extend_from_slice(payload);
        if let Some(mask) = mask {
            masks::apply(mask, &mut self.buffer[start..]);
        }
        self.needs_flush = true;
    }

    /// Appends to the message that is not sealed, or begins one.
    fn push_shared(&mut self, head: &[u8], payload: &[u8]) {
        let len = head.len() + payload.len();
        let room = self.room_for_header();
        let full = |(start, sharers)| {
            sharers >= SHARERS || self.buffer.len() - (start + room) + len > SHARED
        };
        if self.unsealed.is_some_and(full) {
            self.seal();
        }
        match &mut self.unsealed {
            Some((_, sharers)) => *sharers += 1,
            None => {
                self.compact();
                self.unsealed = Some((self.buffer.len(), 1));
                self.buffer.resize(self.buffer.len() + room, 0);
            }
        }
        self.buffer.reserve(len);
        self.buffer.extend_from_slice(head);
        self.buffer.extend_from_slice(payload);
        self.needs_flush = true;
    }

    /// What is kept free for the header of a message that may be shared: that of the largest one.
    fn room_for_header(&self) -> usize {
        Header::len(SHARED as u64, self.masked)
    }

    /// Makes a WebSocket frame of the message that others may share, if there is one.
    fn seal(&mut self) {
        let Some((start, _)) = self.unsealed.take() else {
            return;
        };
        let mask = self.masked.then(masks::next);
        let room = self.room_for_header();
        let message = &mut self.buffer[start + room..];
        if let Some(mask) = mask {
            masks::apply(mask, message);
        }
        let header = Header::new(OpCode::Binary, true, message.len(), mask).encode();
        let header = header.as_slice();
        if header.len() < room {
            let end = self.buffer.len() - (room - header.len());
            self.buffer
                .copy_within(start + room.., start + header.len());
            self.buffer.truncate(end);
        }
        self.buffer[start..start + header.len()].copy_from_slice(header);
    }

    /// Writes as much as the stream takes; ready once all is written and flushed. Adds to `progress` the bytes that the
    /// stream took.
    pub(super) fn poll_flush<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        cx: &mut Context<'_>,
        progress: &mut usize,
    ) -> Poll<io::Result<()>> {
        self.seal();
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

    /// Whether the buffer is far larger than what an idle connection keeps.
    pub(super) fn has_grown(&self) -> bool {
        self.buffer.capacity() > 4 * KEEP
    }

    /// The size of the buffer, if it holds nothing.
    pub(super) fn spare(&self) -> usize {
        match self.buffer.is_empty() {
            true => self.buffer.capacity(),
            false => 0,
        }
    }

    /// Gives back memory that only a burst needed.
    pub(super) fn shrink(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > KEEP {
            self.buffer = Vec::new();
        }
    }
}
