//! Frames with their length before them, on any stream.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::{
    Failure,
    limit::{Frames, WRITE_BUFFER},
};

/// How much is read at once.
const READ_BUFFER: usize = 16 * 1024;

pub(super) fn framed<S: AsyncRead + AsyncWrite>(stream: S) -> Framed<S, LengthDelimitedCodec> {
    let mut framed = Framed::with_capacity(stream, LengthDelimitedCodec::new(), READ_BUFFER);
    framed.set_backpressure_boundary(WRITE_BUFFER);
    framed
}

impl<S> Frames for Framed<S, LengthDelimitedCodec>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        let next = Stream::poll_next(Pin::new(self), cx)?;
        next.map(|frame| Ok(frame.map(BytesMut::freeze)))
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Sink::<Bytes>::poll_ready(Pin::new(self), cx).map_err(Failure::from)
    }

    fn put(&mut self, frame: Bytes) -> Result<(), Failure> {
        Ok(Pin::new(self).start_send(frame)?)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Sink::<Bytes>::poll_flush(Pin::new(self), cx).map_err(Failure::from)
    }
}
