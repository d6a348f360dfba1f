//! An in-memory stream that does as it is told, and the plain tungstenite peer at its other end.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tungstenite::{Message, protocol::WebSocketConfig};

use crate::transport::{Received, Role, TransportError, WebSocket, buffered};
use crate::wire::random::Random;

/// What both ends of the stream see.
pub(super) struct Pipe {
    /// Bytes on their way to us.
    pub(super) to_us: VecDeque<u8>,
    /// Bytes on their way to the peer.
    pub(super) to_peer: VecDeque<u8>,
    /// How many bytes our side may still write.
    pub(super) room: usize,
    /// How many bytes one write takes, at the most; with 0 the stream is broken.
    pub(super) chunk: usize,
    /// The peer has hung up.
    pub(super) ended: bool,
    /// We have hung up.
    pub(super) shut_down: bool,
    /// Steps until the stream fails: each read, write and flush is one.
    pub(super) fails_after: Option<usize>,
    /// Puts off every other step, at random.
    pub(super) put_off: Option<Random>,
    pub(super) steps: usize,
    /// Bytes written and not flushed.
    pub(super) unflushed: usize,
}

#[derive(Clone)]
pub(super) struct Io(Arc<Mutex<Pipe>>);

impl Io {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Pipe {
            to_us: VecDeque::new(),
            to_peer: VecDeque::new(),
            room: usize::MAX,
            chunk: usize::MAX,
            ended: false,
            shut_down: false,
            fails_after: None,
            put_off: None,
            steps: 0,
            unflushed: 0,
        })))
    }

    pub(super) fn pipe(&self) -> MutexGuard<'_, Pipe> {
        self.0.lock().unwrap()
    }

    /// A peer that writes these bytes as they are.
    pub(super) fn inject(&self, bytes: &[u8]) {
        self.pipe().to_us.extend(bytes);
    }

    /// Takes the bytes that we wrote.
    pub(super) fn written(&self) -> Vec<u8> {
        self.pipe().to_peer.drain(..).collect()
    }

    /// One step of ours: may it be made?
    fn step(&self, cx: &Context<'_>) -> Poll<io::Result<MutexGuard<'_, Pipe>>> {
        let mut pipe = self.pipe();
        pipe.steps += 1;
        if pipe.fails_after.is_some_and(|steps| pipe.steps > steps) {
            return Poll::Ready(Err(io::Error::other("cut")));
        }
        let put_off = pipe.put_off.as_mut();
        if put_off.is_some_and(|random| random.percent(50)) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(pipe))
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pipe = std::task::ready!(self.step(cx))?;
        if pipe.to_us.is_empty() && !pipe.ended {
            return Poll::Pending;
        }
        let n = buffer.remaining().min(pipe.to_us.len());
        let (bytes, _) = pipe.to_us.make_contiguous().split_at(n);
        buffer.put_slice(bytes);
        pipe.to_us.drain(..n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = std::task::ready!(self.step(cx))?;
        let n = bytes.len().min(pipe.room).min(pipe.chunk);
        if pipe.room == 0 {
            return Poll::Pending;
        }
        pipe.room -= n;
        pipe.unflushed += n;
        pipe.to_peer.extend(&bytes[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.step(cx))?.unflushed = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe().shut_down = true;
        Poll::Ready(Ok(()))
    }
}

/// The peer's end, as a blocking stream that never blocks.
#[derive(Clone)]
pub(super) struct PeerIo(Io);

impl Read for PeerIo {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut pipe = self.0.pipe();
        if pipe.to_peer.is_empty() && !pipe.shut_down {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        pipe.to_peer.read(buffer)
    }
}

impl Write for PeerIo {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.pipe().to_us.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) type Peer = tungstenite::WebSocket<PeerIo>;

/// What we may receive in these tests.
pub(super) const MAX: usize = 4 << 20;

/// Our end of a connection.
pub(super) struct Ours {
    pub(super) socket: WebSocket<BufReader<Io>>,
    pub(super) io: Io,
}

/// A connection between us, in this role, and a plain tungstenite peer in the other.
pub(super) fn connected(role: Role) -> (Ours, Peer) {
    let ours = Ours::new(role);
    let theirs = match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    };
    let config = WebSocketConfig::default().max_frame_size(None);
    let peer = Peer::from_raw_socket(PeerIo(ours.io.clone()), theirs, Some(config));
    (ours, peer)
}

pub(super) const ROLES: [Role; 2] = [Role::Client, Role::Server];

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

impl Ours {
    pub(super) fn new(role: Role) -> Self {
        let io = Io::new();
        let socket = WebSocket::new(buffered(io.clone()), role, MAX);
        Self { socket, io }
    }

    pub(super) fn read(&mut self) -> Poll<Result<Received, TransportError>> {
        self.socket.poll_read(&mut cx())
    }

    /// What is read, which has come.
    pub(super) fn received(&mut self) -> Received {
        match self.read() {
            Poll::Ready(Ok(received)) => received,
            other => panic!("nothing was received: {other:?}"),
        }
    }

    /// The error that ends reading, which goes on in turns.
    pub(super) fn read_error(&mut self) -> TransportError {
        for _ in 0..100 {
            if let Poll::Ready(Err(error)) = self.read() {
                return error;
            }
        }
        panic!("reading goes on");
    }

    pub(super) fn flush(&mut self) -> Poll<Result<(), TransportError>> {
        self.socket.poll_flush(&mut cx(), &mut 0)
    }

    /// Flushes all there is.
    pub(super) fn flush_all(&mut self) {
        assert!(matches!(self.flush(), Poll::Ready(Ok(()))));
        assert_eq!(self.io.pipe().unflushed, 0);
        assert!(self.socket.is_flushed());
    }

    pub(super) fn push(&mut self, head: &[u8], payload: Vec<u8>) {
        assert!(self.socket.is_ready());
        self.socket.push_message(head, payload.into());
    }

    pub(super) fn push_ping(&mut self) {
        self.socket.push_ping(&mut cx());
    }

    pub(super) fn push_pong(&mut self) {
        self.socket.push_pong(&mut cx());
    }

    pub(super) fn push_close(&mut self, code: u16, reason: &str) {
        self.socket.push_close(&mut cx(), code, reason);
    }

    pub(super) fn shut_down(&mut self) {
        assert!(self.socket.poll_shutdown(&mut cx()).is_ready());
    }

    pub(super) fn discard(&mut self) -> Poll<()> {
        self.socket.poll_discard(&mut cx())
    }
}

/// What the peer reads, which has come.
pub(super) fn peer_reads(peer: &mut Peer) -> Message {
    peer.read().unwrap()
}

/// A frame as it is on the wire.
#[derive(Debug, PartialEq)]
pub(super) struct RawFrame {
    pub(super) fin: bool,
    pub(super) op_code: u8,
    pub(super) masked: bool,
    pub(super) payload: Bytes,
}

pub(super) const CONTINUATION: u8 = 0;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// All frames in `bytes`, which are whole.
pub(super) fn raw_frames(mut bytes: &[u8]) -> Vec<RawFrame> {
    let take = |n: usize, bytes: &mut &[u8]| {
        let (taken, rest) = bytes.split_at(n);
        *bytes = rest;
        taken.to_vec()
    };
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let head = take(2, &mut bytes);
        let masked = head[1] & 0x80 != 0;
        let len = match head[1] & 0x7f {
            126 => u16::from_be_bytes(take(2, &mut bytes).try_into().unwrap()).into(),
            127 => u64::from_be_bytes(take(8, &mut bytes).try_into().unwrap()) as usize,
            len => len.into(),
        };
        let mask = if masked { take(4, &mut bytes) } else { vec![0] };
        let mut payload = take(len, &mut bytes);
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        frames.push(RawFrame {
            fin: head[0] & 0x80 != 0,
            op_code: head[0] & 0x0f,
            masked,
            payload: payload.into(),
        });
    }
    frames
}

/// Bytes that show it when one is missing or moved.
pub(super) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}
