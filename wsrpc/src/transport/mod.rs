//! Bytes in and out: the WebSocket over any stream, the HTTP upgrade that begins it, and the settings of a TCP socket.
//! Nothing here knows of calls.

mod agreement;
mod binary;
mod boundary;
mod header;
mod masks;
mod reader;
mod source;
mod tcp;
mod upgrade;
mod websocket;
mod writer;

pub(crate) use self::{
    tcp::SocketOptions,
    upgrade::{Refusal, UpgradeError, accept, connect, read_raw_head, reply},
    websocket::{Received, Role, TransportError, WebSocket},
};

/// What one read takes of a stream that has no buffer of its own, each of which keeps as much.
const READ: usize = 4 * 1024;

/// Gives a stream a read buffer, unlike those of TLS, which have one.
pub(crate) fn buffered<S: tokio::io::AsyncRead>(stream: S) -> tokio::io::BufReader<S> {
    tokio::io::BufReader::with_capacity(READ, stream)
}

/// Any stream of bytes that a session can run over. It is read where it has its bytes, as those of TLS do. It has to keep
/// one waker for who reads and another for who writes: a session gives it two that differ.
pub(crate) trait Io:
    tokio::io::AsyncBufRead + tokio::io::AsyncWrite + Unpin + Send + 'static
{
}

impl<T: tokio::io::AsyncBufRead + tokio::io::AsyncWrite + Unpin + Send + 'static> Io for T {}

#[cfg(test)]
mod tests;
