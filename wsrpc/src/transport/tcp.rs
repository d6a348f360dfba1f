//! How a TCP socket is set.

use std::{io, time::Duration};

use tokio::net::TcpStream;

use crate::config::Resolved;

/// Bytes that the kernel queues beyond what is on its way. A queue of megabytes, which it would grow to otherwise, takes
/// a slow link longer than a peer waits for a pong.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT: u32 = 128 * 1024;

/// What is set on each TCP socket.
#[derive(Clone, Debug)]
pub(crate) struct SocketOptions {
    /// How long written data may stay unacknowledged before the system drops the connection.
    pub(crate) user_timeout: Duration,
}

impl SocketOptions {
    /// The kernel gives up when we do.
    pub(crate) fn of(config: &Resolved) -> Self {
        Self {
            user_timeout: config.limits.keepalive.idle_timeout,
        }
    }

    pub(crate) fn apply(&self, stream: &TcpStream) -> io::Result<()> {
        // Writes are coalesced before they reach the socket: waiting for more would only add latency.
        stream.set_nodelay(true)?;
        #[cfg(any(target_os = "android", target_os = "linux"))]
        {
            let socket = socket2::SockRef::from(stream);
            // The kernel takes an `int` of milliseconds.
            let timeout = self
                .user_timeout
                .min(Duration::from_millis(i32::MAX as u64));
            let set = socket.set_tcp_user_timeout(Some(timeout));
            // A system that does not have them has the timers of the session.
            if let Err(error) = set.and_then(|()| socket.set_tcp_notsent_lowat(UNSENT)) {
                tracing::debug!(%error, "a socket option is not to be had");
            }
        }
        Ok(())
    }
}
