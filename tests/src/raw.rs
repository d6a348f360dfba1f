//! A peer that misbehaves, on either side: TLS, HTTP and WebSocket frames by hand, over a real socket.

use std::{io, net::SocketAddr};

use bytes::{Buf, Bytes, BytesMut};
use prost::Message as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use tungstenite::{
    handshake::derive_accept_key,
    protocol::frame::{
        Frame, FrameHeader,
        coding::{Control, Data, OpCode},
    },
};

pub use self::{
    schema::{Exchange, Request, Response, frame, request, response},
    tls::{Certificates, Key, alert, client_config, server_config},
};

mod schema;
mod tls;
pub mod version_2;

/// Connects, without a word of TLS.
pub async fn tcp(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Connects with a receive buffer of its own size, so small that what is not read soon fills it.
pub async fn narrow_tcp(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(128 * 1024).unwrap();
    socket.connect(address).await.unwrap()
}

/// Resets the connection instead of closing it.
pub fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream)
        .set_linger(Some(std::time::Duration::ZERO))
        .unwrap();
}

/// Connects up to and with TLS, as the holder of `key`.
pub async fn tls(address: SocketAddr, key: &Key) -> client::TlsStream<TcpStream> {
    let config = client_config(Certificates::One(key));
    tls_over(tcp(address).await, config).await.unwrap()
}

/// A client's TLS handshake, which is over before the server has seen the certificate.
pub async fn tls_over(
    stream: TcpStream,
    config: rustls::ClientConfig,
) -> io::Result<client::TlsStream<TcpStream>> {
    let name = "example.com".try_into().unwrap();
    TlsConnector::from(std::sync::Arc::new(config))
        .connect(name, stream)
        .await
}

/// Connects up to and with the upgrade, as the holder of `key`.
pub async fn connect(address: SocketAddr, key: &Key) -> Socket<client::TlsStream<TcpStream>> {
    upgrade(tls(address, key).await).await
}

/// The same, with [`narrow_tcp`].
pub async fn connect_narrow(
    address: SocketAddr,
    key: &Key,
) -> Socket<client::TlsStream<TcpStream>> {
    let config = client_config(Certificates::One(key));
    let stream = tls_over(narrow_tcp(address).await, config).await.unwrap();
    upgrade(stream).await
}

/// The request for an upgrade, as any client sends it.
pub const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Socket<S> {
    try_upgrade(stream).await.unwrap()
}

/// Upgrades a stream to a WebSocket, unless the stream fails: with an alert, for a key that is refused.
pub async fn try_upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
) -> io::Result<Socket<S>> {
    let answer = try_http(&mut stream, UPGRADE.as_bytes()).await?;
    assert_eq!(answer.status, 101, "{answer:?}");
    Ok(Socket::new(stream, true))
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// What follows them.
    pub text: String,
}

/// Sends a request as it is given, and reads the answer: to its end, unless it is an upgrade.
pub async fn http<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: impl AsRef<[u8]>,
) -> Answer {
    try_http(stream, request.as_ref()).await.unwrap()
}

async fn try_http<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &[u8],
) -> io::Result<Answer> {
    // A write that fails is explained by the next read.
    stream.write_all(request).await.ok();
    stream.flush().await.ok();
    let mut bytes = Vec::new();
    // One byte at a time, or the first frame would be taken for the rest of the head.
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(bytes).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut text = Vec::new();
    if status != 101 {
        stream.read_to_end(&mut text).await?;
    }
    let text = String::from_utf8(text).unwrap();
    Ok(Answer { status, head, text })
}

/// Reads and drops what comes. Returns how the stream ended: well, or with an error.
pub async fn end_of<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut scratch = [0; 4096];
    while stream.read(&mut scratch).await? > 0 {}
    Ok(())
}

/// A listener that is no server of ours.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl Listener {
    /// Listens on a free port.
    pub async fn bind() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// Where to dial.
    pub fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    /// Takes a connection.
    pub async fn tcp(&self) -> TcpStream {
        self.0.accept().await.unwrap().0
    }

    /// Takes a connection and sees to TLS.
    pub async fn tls(
        &self,
        certificates: Certificates<'_>,
    ) -> io::Result<server::TlsStream<TcpStream>> {
        let config = server_config(certificates);
        let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
        acceptor.accept(self.tcp().await).await
    }

    /// Takes a connection, sees to TLS, and reads the request for an upgrade.
    pub async fn request(&self, key: &Key) -> (server::TlsStream<TcpStream>, String) {
        let mut stream = self.tls(Certificates::One(key)).await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        (stream, String::from_utf8(request).unwrap())
    }

    /// Takes a connection, up to and with the upgrade.
    pub async fn upgraded(&self, key: &Key) -> Socket<server::TlsStream<TcpStream>> {
        let (mut stream, request) = self.request(key).await;
        let key = request
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
            .unwrap();
        let accept = derive_accept_key(key.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        Socket::new(stream, false)
    }
}

/// A WebSocket whose frames are written by hand, right or wrong.
#[derive(Debug)]
pub struct Socket<S> {
    /// What is below it.
    pub stream: S,
    masked: bool,
    buffer: BytesMut,
    /// Of version 2, which came in one message with those that were taken.
    frames: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    fn new(stream: S, masked: bool) -> Self {
        Self {
            stream,
            masked,
            buffer: BytesMut::new(),
            frames: Bytes::new(),
        }
    }

    /// Writes bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// The bytes of a frame, masked if this is a client.
    pub fn encode(&self, mut frame: Frame) -> Vec<u8> {
        if self.masked {
            frame.header_mut().mask = Some([1, 2, 3, 4]);
        }
        let mut bytes = Vec::new();
        frame.format(&mut bytes).unwrap();
        bytes
    }

    /// The bytes of a binary message in one frame.
    pub fn binary(&self, payload: impl Into<Bytes>) -> Vec<u8> {
        self.encode(Frame::message(payload, OpCode::Data(Data::Binary), true))
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Frame) {
        let bytes = self.encode(frame);
        self.write(&bytes).await.unwrap();
    }

    /// Sends a binary message.
    pub async fn send_binary(&mut self, payload: impl Into<Bytes>) {
        let bytes = self.binary(payload);
        self.write(&bytes).await.unwrap();
    }

    /// Calls a method, in one frame.
    pub async fn send_request(&mut self, method: &str, call_id: &str, payload: impl Into<Bytes>) {
        self.send_binary(schema::request(method, call_id, payload))
            .await;
    }

    /// Answers a call, in one frame.
    pub async fn send_response(&mut self, call_id: &str, payload: impl Into<Bytes>) {
        self.send_binary(schema::response(call_id, payload)).await;
    }

    /// The next frame, or `None` once the stream has ended, however it did.
    pub async fn next_frame(&mut self) -> Option<Frame> {
        loop {
            let mut cursor = io::Cursor::new(&self.buffer[..]);
            if let Some((mut header, len)) = FrameHeader::parse(&mut cursor).unwrap() {
                let (start, len) = (cursor.position() as usize, len as usize);
                if self.buffer.len() >= start + len {
                    self.buffer.advance(start);
                    let mut payload = self.buffer.split_to(len);
                    if let Some(mask) = header.mask.take() {
                        for (at, byte) in payload.iter_mut().enumerate() {
                            *byte ^= mask[at % 4];
                        }
                    }
                    return Some(Frame::from_payload(header, payload.freeze()));
                }
            }
            if !matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..)) {
                return None;
            }
        }
    }

    /// The next message, whatever control frames come before it.
    pub async fn next_message(&mut self) -> Option<Bytes> {
        let mut message = BytesMut::new();
        loop {
            let frame = self.next_frame().await?;
            let header = frame.header();
            match header.opcode {
                OpCode::Data(_) => {
                    let is_final = header.is_final;
                    message.extend_from_slice(frame.payload());
                    if is_final {
                        return Some(message.freeze());
                    }
                }
                OpCode::Control(Control::Close) => panic!("closed: {:?}", close_of(&frame)),
                OpCode::Control(_) => {}
            }
        }
    }

    /// The next call or answer of version 1.
    pub async fn next_exchange(&mut self) -> Option<Exchange> {
        let message = self.next_message().await?;
        schema::Message::decode(message).unwrap().exchange
    }

    /// The next call.
    pub async fn next_request(&mut self) -> Request {
        match self.next_exchange().await {
            Some(Exchange::Request(request)) => request,
            other => panic!("a request, not {other:?}"),
        }
    }

    /// The next answer.
    pub async fn next_response(&mut self) -> Response {
        match self.next_exchange().await {
            Some(Exchange::Response(response)) => response,
            other => panic!("a response, not {other:?}"),
        }
    }

    /// Reads on until the close frame. Returns its code and its text.
    pub async fn close_frame(&mut self) -> (u16, String) {
        loop {
            let frame = self
                .next_frame()
                .await
                .expect("a close frame before the end");
            if frame.header().opcode == OpCode::Control(Control::Close) {
                return close_of(&frame);
            }
        }
    }

    /// Reads on until the stream has ended.
    pub async fn ended(&mut self) {
        while self.next_frame().await.is_some() {}
    }
}

/// The code and the text of a close frame.
pub fn close_of(frame: &Frame) -> (u16, String) {
    let mut payload = frame.payload();
    let code = if payload.len() < 2 {
        1005
    } else {
        payload.get_u16()
    };
    (code, String::from_utf8(payload.to_vec()).unwrap())
}
