//! Sessions over any stream, and a peer whose every frame the test decides.

use std::{collections::VecDeque, future::poll_fn, sync::Arc};

use bytes::Bytes;
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncWrite, BufReader, DuplexStream},
    task::JoinHandle,
};

use super::Text;
use crate::{
    call::Channel,
    config::SessionConfig,
    identity::SecretKey,
    proto::{Parity, PeerLimits},
    service::{RouterBuilder, Service},
    session::{Agreed, Finished, Hooks, Session},
    session_end::SessionEnd,
    transport::{Received, Role, TransportError, WebSocket, buffered},
    version::ProtocolVersion::{self, V1, V2},
    wire::{
        v1::{self as wire, Frame},
        v2,
    },
};

/// Any stream that a test has a session run over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for T {}

/// One side of a session.
pub(crate) struct End {
    pub(crate) session: Session,
    pub(crate) driver: JoinHandle<Finished>,
}

impl End {
    pub(crate) fn channel(&self) -> Channel {
        Channel::of_session(self.session.clone())
    }

    /// Ends the session and waits until its socket is closed.
    pub(crate) async fn close(self) -> Finished {
        self.session.end(SessionEnd::Closed);
        self.driver.await.unwrap()
    }
}

/// Runs one side of a session of version 1 over `io`.
pub(crate) fn start(
    io: impl Stream,
    role: Role,
    service: impl Service,
    config: SessionConfig,
) -> End {
    start_on(V1, io, role, service, config)
}

/// Runs one side of a session of this version over `io`. Its peer is taken to have the default settings.
pub(crate) fn start_on(
    version: ProtocolVersion,
    io: impl Stream,
    role: Role,
    service: impl Service,
    config: SessionConfig,
) -> End {
    let peers = SessionConfig::default();
    start_with(
        version,
        io,
        role,
        service,
        [config, peers],
        Hooks::default(),
    )
}

/// As [`start_on`], with a peer of the second settings, and tells these hooks of it.
pub(crate) fn start_with(
    version: ProtocolVersion,
    io: impl Stream,
    role: Role,
    service: impl Service,
    [config, peers]: [SessionConfig; 2],
    hooks: Hooks,
) -> End {
    let mut router = RouterBuilder::default();
    router.add(Arc::new(service));
    let router = Arc::new(router.build().unwrap());
    let config = config.resolve(role == Role::Client);
    let (parity, peers) = match role {
        Role::Client => (Parity::Odd, peers.resolve(false)),
        Role::Server => (Parity::Even, peers.resolve(true)),
    };
    let agreed = match version {
        V1 => Agreed::V1,
        V2 => Agreed::V2 {
            parity,
            peer: PeerLimits::from(&peers.hello()),
        },
    };
    let socket = WebSocket::new(buffered(io), role, config.max_frame_size(version));
    let peer = SecretKey::generate().public_key();
    let (session, driver) = Session::new(socket, peer, agreed, router, &config, hooks);
    let driver = tokio::spawn(driver.run());
    End { session, driver }
}

/// A client's side of a session, and the raw server that it talks to over a pipe of `capacity` bytes.
pub(crate) fn against_raw(
    capacity: usize,
    service: impl Service,
    config: SessionConfig,
) -> (End, Raw) {
    let (io, raw) = tokio::io::duplex(capacity);
    (
        start(io, Role::Client, service, config),
        Raw::new(raw, Role::Server),
    )
}

/// A peer whose every frame the test decides. What it owes, such as pongs, goes out with its own next frame.
pub(crate) struct Raw {
    socket: WebSocket<BufReader<DuplexStream>>,
    /// Of version 2, which came in one message with those that were taken.
    frames: VecDeque<v2::Frame>,
}

impl Raw {
    pub(crate) fn new(io: DuplexStream, role: Role) -> Self {
        Self {
            socket: WebSocket::new(buffered(io), role, usize::MAX),
            frames: VecDeque::new(),
        }
    }

    /// Whatever comes next.
    pub(crate) async fn read(&mut self) -> Result<Received, TransportError> {
        poll_fn(|cx| self.socket.poll_read(cx)).await
    }

    /// The next frame of ours.
    pub(crate) async fn frame(&mut self) -> Frame {
        loop {
            if let Received::Message(bytes) = self.read().await.unwrap() {
                return wire::decode(bytes).unwrap();
            }
        }
    }

    /// The next frame of ours, of version 2.
    pub(crate) async fn frame_of_version_2(&mut self) -> v2::Frame {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return frame;
            }
            if let Received::Message(message) = self.read().await.unwrap() {
                let frames = v2::frames(&message);
                self.frames.extend(frames.map(Result::unwrap));
            }
        }
    }

    /// The next request.
    pub(crate) async fn request(&mut self) -> wire::Request {
        match self.frame().await {
            Frame::Request(request) => request,
            frame => panic!("not a request: {frame:?}"),
        }
    }

    /// The next response.
    pub(crate) async fn response(&mut self) -> wire::Response {
        match self.frame().await {
            Frame::Response(response) => response,
            frame => panic!("not a response: {frame:?}"),
        }
    }

    /// Calls `test.Echo/Echo`, in the next flush.
    pub(crate) fn call(&mut self, id: &str, body: &str) {
        let payload = Text::new(body).encode_to_vec();
        let mut head = Vec::new();
        wire::encode_request_head(&mut head, "Echo", id.as_bytes(), payload.len());
        self.socket.push_message(&head, payload.into());
    }

    /// Answers a request, in the next flush.
    pub(crate) fn answer(&mut self, request: &wire::Request, body: &str) {
        let payload = Text::new(body).encode_to_vec();
        let mut head = Vec::new();
        let id = request.call_id.as_str().as_bytes();
        wire::encode_response_head(&mut head, id, payload.len());
        self.socket.push_message(&head, payload.into());
    }

    /// Sends any binary message, in the next flush.
    pub(crate) fn message(&mut self, bytes: &[u8]) {
        self.socket.push_message(bytes, Bytes::new());
    }

    pub(crate) async fn pong(&mut self) {
        poll_fn(|cx| {
            self.socket.push_pong(cx);
            std::task::Poll::Ready(())
        })
        .await;
        self.flush().await;
    }

    pub(crate) async fn ping(&mut self) {
        poll_fn(|cx| {
            self.socket.push_ping(cx);
            std::task::Poll::Ready(())
        })
        .await;
        self.flush().await;
    }

    pub(crate) async fn close(&mut self, code: u16) {
        poll_fn(|cx| {
            self.socket.push_close(cx, code, "");
            std::task::Poll::Ready(())
        })
        .await;
        self.flush().await;
    }

    pub(crate) async fn flush(&mut self) {
        poll_fn(|cx| self.socket.poll_flush(cx, &mut 0))
            .await
            .unwrap();
    }

    /// The code and reason of the close frame that comes after all else.
    pub(crate) async fn closed_with(&mut self) -> (u16, String) {
        loop {
            if let Received::Close { code, reason } = self.read().await.unwrap() {
                return (code, reason);
            }
        }
    }
}
