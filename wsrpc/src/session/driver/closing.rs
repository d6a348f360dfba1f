//! How a session says goodbye.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::timeout;

use super::Driver;
use crate::{
    session_end::SessionEnd,
    transport::{Io, Received},
};

/// What a peer that was cut off has to confirm the close.
const REVOKED_CLOSE: Duration = Duration::from_millis(500);

impl<IO: Io> Driver<IO> {
    /// Tells the peer why, as far as it listens, and closes the socket. Returns whether the peer confirmed.
    pub(super) async fn close(&mut self, end: &SessionEnd) -> bool {
        let limit = match end {
            // Who cuts a peer off waits for a second: a peer that says nothing must not look like a handler that blocks.
            SessionEnd::Revoked => self.close_timeout.min(REVOKED_CLOSE),
            _ => self.close_timeout,
        };
        let code = end.close_code();
        let mut answer = None;
        let said_goodbye = async {
            if let Some(code) = code {
                let reason = end.close_reason();
                poll_fn(|cx| {
                    self.socket.push_close(cx, code, &reason);
                    Poll::Ready(())
                })
                .await;
            }
            // A peer that has said nothing for so long will not say goodbye.
            if !matches!(end, SessionEnd::KeepaliveTimeout(_)) {
                poll_fn(|cx| self.poll_goodbye(cx, &mut answer)).await;
            }
            poll_fn(|cx| self.socket.poll_shutdown(cx)).await.ok();
            if matches!(end, SessionEnd::TooBig { .. } | SessionEnd::Protocol(_)) {
                poll_fn(|cx| self.socket.poll_discard(cx)).await;
            }
        };
        // A peer that does not take part has had its time.
        timeout(limit, said_goodbye).await.ok();
        // A peer that confirms sends our code back; one that closed by itself, at the same time, has one of its own.
        code.is_some() && answer == code
    }

    /// Flushes, and reads until the peer's side of the close has come, whose code is `answer` then, or nothing more
    /// will.
    fn poll_goodbye(&mut self, cx: &mut Context<'_>, answer: &mut Option<u16>) -> Poll<()> {
        let ended = loop {
            match self.socket.poll_read(cx) {
                Poll::Ready(Ok(Received::Close { code, .. })) => *answer = Some(code),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => break true,
                Poll::Pending => break answer.is_some(),
            }
        };
        let flushed = ready!(self.socket.poll_flush(cx, &mut 0));
        if ended || flushed.is_err() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
