//! A client that speaks version 2, well or badly.

use std::net::SocketAddr;

use bytes::Bytes;
use prost::{
    Message as _,
    encoding::{DecodeContext, decode_key, skip_field},
};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use self::wire::message::Exchange;
use super::{Key, Socket, UPGRADE, http, tls};

/// The wire schema, as its file has it.
pub mod wire {
    #![allow(missing_docs)]
    include!(concat!(env!("OUT_DIR"), "/wsrpc.rs"));
}

/// A connection of this client.
pub type Connection = Socket<TlsStream<TcpStream>>;

/// Connects up to and with the upgrade, and says nothing.
pub async fn upgraded(address: SocketAddr, key: &Key) -> Connection {
    let mut stream = tls(address, key).await;
    let end = UPGRADE.len() - 2;
    let request = format!("{}Wsrpc-Version: 2\r\n\r\n", &UPGRADE[..end]);
    let answer = http(&mut stream, request).await;
    assert_eq!(answer.status, 101, "{answer:?}");
    let agreed = answer.head.to_ascii_lowercase();
    assert!(agreed.contains("wsrpc-version: 2\r\n"), "{answer:?}");
    Socket::new(stream, true)
}

/// Connects up to and with the server's hello, and says this one.
pub async fn connect_as(address: SocketAddr, key: &Key, hello: wire::Hello) -> Connection {
    let mut socket = upgraded(address, key).await;
    socket.send_binary(frame(Exchange::Hello(hello))).await;
    assert!(matches!(socket.next().await, Exchange::Hello(_)));
    socket
}

/// The same, with the limits that an absent field stands for.
pub async fn connect(address: SocketAddr, key: &Key) -> Connection {
    connect_as(address, key, hello()).await
}

/// A hello without any limits.
pub fn hello() -> wire::Hello {
    wire::Hello {
        instance_id: vec![7; 16],
        ..wire::Hello::default()
    }
}

impl Connection {
    /// The next frame of ours.
    pub async fn next(&mut self) -> Exchange {
        if self.frames.is_empty() {
            self.frames = self.next_message().await.unwrap();
        }
        let frame = split_frame(&mut self.frames);
        wire::Message::decode(frame).unwrap().exchange.unwrap()
    }

    /// The next end of a call, whatever frames come before it.
    pub async fn next_end(&mut self) -> wire::End {
        loop {
            if let Exchange::End(end) = self.next().await {
                return end;
            }
        }
    }
}

/// Takes the first of the frames of a message.
fn split_frame(frames: &mut Bytes) -> Bytes {
    let mut rest = &frames[..];
    let (number, wire_type) = decode_key(&mut rest).unwrap();
    skip_field(wire_type, number, &mut rest, DecodeContext::default()).unwrap();
    let len = frames.len() - rest.len();
    frames.split_to(len)
}

/// The bytes of a frame.
pub fn frame(exchange: Exchange) -> Bytes {
    let exchange = Some(exchange);
    wire::Message { exchange }.encode_to_vec().into()
}

/// Begins a call whose one request this is.
pub fn open(id: u64, method: &str, payload: impl Into<Vec<u8>>) -> wire::Open {
    wire::Open {
        id,
        method: method.into(),
        last: true,
        payload: Some(payload.into()),
        ..wire::Open::default()
    }
}

/// The bytes of a frame that gives a call up.
pub fn cancel(id: u64) -> Bytes {
    frame(Exchange::Cancel(wire::Cancel { id }))
}

/// The bytes of a frame that gives room.
pub fn credit(id: u64, bytes: u64) -> Bytes {
    frame(Exchange::Credit(wire::Credit { id, bytes }))
}

/// The bytes of a frame with a whole message, or the next chunk of one.
pub fn data(id: u64, payload: impl Into<Vec<u8>>) -> Bytes {
    frame(Exchange::Data(wire::Data {
        id,
        payload: Some(payload.into()),
        ..wire::Data::default()
    }))
}
