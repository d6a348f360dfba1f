//! Lets tungstenite, which is synchronous, read from an asynchronous stream.

use std::{
    io,
    task::{Context, Poll},
};

use super::{Io, boundary::Boundary, source::Source, writer::Writer};

/// A stream for the length of one call: reads go to the stream, and the control frames that tungstenite writes (pongs
/// and closes) go to the same buffer as our own frames. When that is full it is told to wait, and keeps the newest
/// pong only.
pub(super) struct Shim<'a, 'b, IO> {
    pub(super) source: &'a mut Source<IO>,
    pub(super) cx: &'a mut Context<'b>,
    pub(super) writer: &'a mut Writer,
    pub(super) boundary: &'a mut Boundary,
    /// Set when a control frame had to wait.
    pub(super) held_back: &'a mut bool,
    /// Reads until it is told to wait, although there may be more.
    pub(super) reads_left: usize,
}

impl<IO: Io> io::Read for Shim<'_, '_, IO> {
    /// Reads no further than to the end of a frame: what follows may be for another reader.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.reads_left == 0 {
            self.cx.waker().wake_by_ref();
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.reads_left -= 1;
        match self.source.poll_fill(self.cx) {
            Poll::Ready(bytes) => {
                let bytes = bytes?;
                let n = self
                    .boundary
                    .advance(&bytes[..bytes.len().min(buffer.len())]);
                buffer[..n].copy_from_slice(&bytes[..n]);
                self.source.take(n);
                Ok(n)
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
