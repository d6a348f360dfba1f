//! Lets tungstenite, which is synchronous, read from an asynchronous stream.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, ReadBuf};

use super::{boundary::Boundary, writer::Writer};

/// A stream for the length of one call: reads go to the stream, and the control frames that tungstenite writes (pongs
/// and closes) go to the same buffer as our own frames. When that is full it is told to wait, and keeps the newest
/// pong only.
pub(super) struct Shim<'a, 'b, IO> {
    pub(super) io: &'a mut IO,
    pub(super) cx: &'a mut Context<'b>,
    pub(super) writer: &'a mut Writer,
    /// Bytes received.
    pub(super) received: &'a mut u64,
    pub(super) boundary: &'a mut Boundary,
    /// Set when a control frame had to wait.
    pub(super) held_back: &'a mut bool,
}

impl<IO: AsyncRead + Unpin> io::Read for Shim<'_, '_, IO> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut *self.io).poll_read(self.cx, &mut buffer) {
            Poll::Ready(result) => {
                result?;
                *self.received += buffer.filled().len() as u64;
                self.boundary.advance(buffer.filled());
                Ok(buffer.filled().len())
            }
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<IO> io::Write for Shim<'_, '_, IO> {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        let pushed = self.writer.push_control(frames);
        *self.held_back |= pushed.is_err();
        pushed
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
