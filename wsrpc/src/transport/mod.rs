//! Bytes in and out: the WebSocket over any stream, the HTTP upgrade that begins it, and the settings of a TCP socket.
//! Nothing here knows of calls.

mod agreement;
mod boundary;
mod masks;
mod reader;
mod tcp;
mod upgrade;
mod websocket;
mod writer;

pub(crate) use self::{
    tcp::SocketOptions,
    upgrade::{Refusal, UpgradeError, Upgraded, accept, connect, read_raw_head, reply},
    websocket::{Received, Role, TransportError, WebSocket},
};

/// Any stream of bytes that a session can run over.
pub(crate) trait Io:
    tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static
{
}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static> Io for T {}

#[cfg(test)]
mod tests;
