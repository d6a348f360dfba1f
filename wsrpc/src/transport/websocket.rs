//! A WebSocket over any stream.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::ReadBuf;
use tungstenite::{
    Message,
    error::{CapacityError, Error, ProtocolError},
    protocol::{
        CloseFrame, WebSocketConfig, WebSocketContext, frame::Frame as RawFrame,
        frame::coding::CloseCode,
    },
};

use super::{
    Io, binary::BinaryReader, boundary::Boundary, reader::Shim, source::Source, writer::Writer,
};
use crate::session_end::close_code;

pub(crate) use tungstenite::protocol::Role;

/// What one read yields.
#[derive(Debug, PartialEq)]
pub(crate) enum Received {
    /// A binary message.
    Message(Bytes),
    /// A text message.
    Text,
    /// A ping; its pong is on its way.
    Ping,
    /// A pong.
    Pong,
    /// A close frame, whose reply is on its way.
    Close {
        /// 1005 where the frame has none.
        code: u16,
        /// May be empty.
        reason: String,
    },
}

/// Why a WebSocket can be read or written no more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// Both sides have closed it.
    #[error("closed")]
    Closed,
    /// The stream ended without a close frame.
    #[error("the peer hung up")]
    HungUp,
    /// The stream failed.
    #[error(transparent)]
    Io(io::Error),
    /// A message over the limit.
    #[error("a message of {size} bytes, over the limit of {limit}")]
    TooBig {
        /// Bytes of it, or of as much of it as was seen.
        size: usize,
        /// Bytes that may be received.
        limit: usize,
    },
    /// A breach of RFC 6455.
    #[error("{0}")]
    Protocol(String),
}

/// Binary messages of one frame, as nearly all are, are read by [`BinaryReader`], and our own frames are written by
/// [`Writer`]: a message must not be copied more often than it has to be. All else is tungstenite's: it checks and reads
/// what is no such message, and answers pings and closes. It is there for as long as it has to remember something.
///
/// ```text
///                    something else comes, or is sent
///   binary messages ──────────────────────────────────► tungstenite
///         ▲                                                  │
///         └──────────────────────────────────────────────────┘
///             it was read, and answered; never once a close has begun
/// ```
#[derive(Debug)]
pub(crate) struct WebSocket<IO> {
    source: Source<IO>,
    role: Role,
    max_size: usize,
    binary: BinaryReader,
    /// None while there is nothing that it would have to remember.
    tungstenite: Option<Box<WebSocketContext>>,
    /// How far that is in the peer's frames.
    boundary: Boundary,
    writer: Writer,
    /// tungstenite holds a control frame that the full buffer did not take.
    held_back: bool,
    /// A close frame is about to be sent, or the peer's has come: no message is sent any more.
    closing: bool,
    /// A read has failed: tungstenite must not be asked for another, which it may take for a bug.
    failed: bool,
}

/// What tungstenite reads at once, which it fills with zeros before.
const READ_BUFFER: usize = 2 * 1024;

/// How often it reads before others have their turn: it goes on by itself until a message is whole, which one in
/// fragments of nothing never is.
const READS: usize = 1024;

/// Buffers over this size are worth to be given back at once, and are made anew in no time beside what fills them.
const LARGE: usize = 16 * 1024;

/// Room for a pong and a close frame: tungstenite keeps the newest pong back while its own buffer is full.
const CONTROL_BUFFER: usize = 300;

impl<IO: Io> WebSocket<IO> {
    /// A WebSocket on `io`. Messages may have `max_size` bytes.
    pub(crate) fn new(io: IO, role: Role, max_size: usize) -> Self {
        Self {
            source: Source::new(io),
            role,
            max_size,
            binary: BinaryReader::new(role, max_size),
            tungstenite: None,
            boundary: Boundary::default(),
            writer: Writer::new(role == Role::Client),
            held_back: false,
            closing: false,
            failed: false,
        }
    }

    /// Bytes of the stream that were read as frames, or parts of them, so far.
    pub(crate) fn received(&self) -> u64 {
        self.source.taken()
    }

    /// Reads the next message or control frame. After an error there is none.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Received, TransportError>> {
        if self.failed {
            return Poll::Ready(Err(TransportError::Closed));
        }
        // tungstenite may be there although a message has begun: for a control frame of ours, which has to wait.
        let binary = match self.tungstenite.is_none() || self.binary.has_begun() {
            true => ready!(self.binary.poll_next(&mut self.source, cx)),
            false => Ok(None),
        };
        let read = match binary {
            Ok(Some(message)) => Ok(Received::Message(message)),
            Ok(None) => ready!(self.poll_tungstenite(cx)),
            Err(error) => Err(Error::Io(error)),
        };
        self.failed = read.is_err();
        Poll::Ready(read.map_err(TransportError::from))
    }

    /// Lets tungstenite read.
    fn poll_tungstenite(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, Error>> {
        let received = loop {
            break match self.with_shim(cx, |reader, shim| reader.read(shim)) {
                Ok(Message::Binary(bytes)) => Received::Message(bytes),
                Ok(Message::Text(_)) => Received::Text,
                Ok(Message::Ping(_)) => Received::Ping,
                Ok(Message::Pong(_)) => Received::Pong,
                Ok(Message::Close(frame)) => {
                    self.prepare_close();
                    match frame {
                        Some(frame) => Received::Close {
                            code: frame.code.into(),
                            reason: frame.reason.to_string(),
                        },
                        None => Received::Close {
                            code: close_code::NO_STATUS,
                            reason: String::new(),
                        },
                    }
                }
                // Raw frames are only ever written.
                Ok(Message::Frame(_)) => continue,
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(error)),
            };
        };
        if received == Received::Ping {
            // It would write the pong when it is asked for what comes next, which another may read.
            self.with_shim(cx, |reader, shim| reader.flush(shim)).ok();
        }
        self.release();
        Poll::Ready(Ok(received))
    }

    /// Whether the next message may be pushed.
    pub(crate) fn is_ready(&self) -> bool {
        self.writer.is_ready()
    }

    /// Whether everything was written.
    pub(crate) fn is_flushed(&self) -> bool {
        self.writer.is_empty()
    }

    /// Bytes that were pushed and not written.
    pub(crate) fn unwritten(&self) -> usize {
        self.writer.unwritten()
    }

    /// From here on, small messages that are [pushed](Self::push_message) one after the other go out as one. To be
    /// called when the peer takes one message for as many as are in it.
    pub(crate) fn share_messages(&mut self) {
        self.writer.share_messages();
    }

    /// Buffers a binary message of a head and a payload. To be called when [ready](Self::is_ready).
    pub(crate) fn push_message(&mut self, head: &[u8], payload: Bytes) {
        self.writer.push_message(head, payload);
    }

    /// Buffers a ping.
    pub(crate) fn push_ping(&mut self, cx: &mut Context<'_>) {
        self.push_control(cx, Message::Ping(Bytes::new()));
    }

    /// Buffers a pong that nobody asked for.
    pub(crate) fn push_pong(&mut self, cx: &mut Context<'_>) {
        self.push_control(cx, Message::Frame(RawFrame::pong(Bytes::new())));
    }

    /// Buffers a close frame; its reply is then among what is read. What is left of a message is not sent any more.
    pub(crate) fn push_close(&mut self, cx: &mut Context<'_>, code: u16, reason: &str) {
        self.prepare_close();
        // Pongs that were held back go before it.
        self.with_shim(cx, |reader, shim| reader.flush(shim)).ok();
        // A control frame has room for 123 bytes of reason.
        let end = (0..=reason.len().min(123))
            .rev()
            .find(|at| reason.is_char_boundary(*at));
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason[..end.unwrap_or_default()].into(),
        };
        self.push_control(cx, Message::Close(Some(frame)));
    }

    /// Nothing follows a close frame, and pongs that are held back do not take its room.
    fn prepare_close(&mut self) {
        self.writer.drop_rest();
        self.closing = true;
        let config = self.config();
        if let Some(reader) = &mut self.tungstenite {
            reader.set_config(|its| *its = config);
        }
    }

    fn config(&self) -> WebSocketConfig {
        let control = CONTROL_BUFFER * if self.closing { 2 } else { 1 };
        WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(control)
            .max_message_size(Some(self.max_size))
            .max_frame_size(Some(self.max_size))
    }

    fn push_control(&mut self, cx: &mut Context<'_>, frame: Message) {
        // A full buffer holds the frame back until it is flushed; anything else is told by the next read.
        if let Err(error) = self.with_shim(cx, |reader, shim| reader.write(shim, frame)) {
            tracing::trace!(%error, "a control frame was not sent");
        }
        self.release();
    }

    /// Writes what is buffered, as much as the stream takes; ready once all is flushed. Adds to `progress` the bytes
    /// that the stream took.
    pub(crate) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        progress: &mut usize,
    ) -> Poll<Result<(), TransportError>> {
        loop {
            let flushed = self.writer.poll_flush(&mut self.source.io, cx, progress);
            let flushed = flushed.map_err(TransportError::Io)?;
            if !self.held_back || self.writer.is_full() {
                return flushed.map(Ok);
            }
            // There is a gap, also when a large message is not done yet. The first flush empties tungstenite's own
            // buffer, into which the second puts the newest pong. A close that is done is told by the next read.
            self.held_back = false;
            for _ in 0..2 {
                self.with_shim(cx, |reader, shim| reader.flush(shim)).ok();
            }
            self.release();
            if flushed.is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Closes the stream itself, in both directions. To be called when [flushed](Self::is_flushed).
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.source.io).poll_shutdown(cx)
    }

    /// Reads and drops what comes, until the stream ends: a socket that is closed with data unread resets the
    /// connection, and the peer would lose the close frame that tells it why.
    pub(crate) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.source.io).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }

    /// Whether there is so much memory to give back that it is worth a look once the connection is quiet.
    pub(crate) fn has_grown(&self) -> bool {
        self.writer.has_grown()
    }

    /// Whether a large buffer holds nothing.
    pub(crate) fn has_large_spare(&self) -> bool {
        self.writer.spare() > LARGE
    }

    /// Gives back memory that only a burst needed.
    pub(crate) fn shrink(&mut self) {
        self.writer.shrink();
    }

    /// Lets go of tungstenite where it holds no part of a message, no control frame to be sent, and has not begun to
    /// close.
    fn release(&mut self) {
        let is_done = self.boundary.is_between_messages()
            && !self.held_back
            && self.tungstenite.as_ref().is_some_and(|it| it.can_write());
        if is_done {
            self.tungstenite = None;
        }
    }

    /// Whether tungstenite is there, which takes memory.
    #[cfg(test)]
    pub(crate) fn has_tungstenite(&self) -> bool {
        self.tungstenite.is_some()
    }

    /// Memory that what is written takes, whether it holds anything or not.
    #[cfg(test)]
    pub(crate) fn buffer_capacity(&self) -> usize {
        self.writer.capacity()
    }

    fn with_shim<T>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut WebSocketContext, &mut Shim<'_, '_, IO>) -> T,
    ) -> T {
        let tungstenite = match self.tungstenite.take() {
            Some(it) => it,
            None => Box::new(WebSocketContext::new(self.role, Some(self.config()))),
        };
        let tungstenite = self.tungstenite.insert(tungstenite);
        let mut shim = Shim {
            source: &mut self.source,
            cx,
            writer: &mut self.writer,
            boundary: &mut self.boundary,
            held_back: &mut self.held_back,
            reads_left: READS,
        };
        f(tungstenite, &mut shim)
    }
}

impl From<Error> for TransportError {
    fn from(error: Error) -> Self {
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => Self::Closed,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::HungUp,
            // A peer that closes its socket without a TLS close_notify, as Go does, ends normally.
            Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::HungUp,
            Error::Io(error) => Self::Io(error),
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => Self::TooBig {
                size,
                limit: max_size,
            },
            error => Self::Protocol(error.to_string()),
        }
    }
}
