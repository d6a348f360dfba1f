//! How a session behaves, whichever side it is on.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use crate::{
    compression,
    proto::{KeepaliveConfig, Limits, MAX_METADATA},
    version::ProtocolVersion,
    wire::v2::{Chunk, Hello, sizes},
};

/// How sessions behave: sizes, timers and limits. A client and a server take the same settings; where the defaults
/// differ, they are those of the Go library, so that neither side sends what a Go peer would not take.
///
/// A session's buffers grow with what it carries. Once nothing was read or written for 5 milliseconds it gives large ones
/// back, and small ones within a [`pong_interval`](Self::pong_interval) of its last call, as far as they hold nothing.
///
/// ```
/// use std::time::Duration;
/// use wsrpc::SessionConfig;
///
/// let config = SessionConfig::default()
///     .max_recv_message_size(1024 * 1024)
///     .write_timeout(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
pub struct SessionConfig {
    max_recv_message_size: Option<usize>,
    max_send_message_size: Option<usize>,
    max_concurrent_handlers: usize,
    max_queued_bytes: usize,
    max_unsent_bytes: usize,
    max_handler_time: Option<Duration>,
    default_timeout: Option<Duration>,
    keepalive_interval: Duration,
    keepalive_timeout: Duration,
    pong_interval: Duration,
    write_timeout: Duration,
    close_timeout: Duration,
    stream_window: u64,
    busy_poll: Duration,
}

/// What large messages may take, beside one of the largest.
const RECV_MEMORY: usize = 16 * 1024 * 1024;

/// A smaller window would hold up every message.
const MIN_WINDOW: u64 = 4 * 1024;

/// Half of it has room for any message that goes out in one frame: what costs more is sent in chunks.
const WINDOW: u64 = 144 * 1024;

const _: () = {
    assert!(MIN_WINDOW >= Hello::MIN_INITIAL_WINDOW);
    assert!(WINDOW / 2 >= sizes::WHOLE as u64 + Chunk::OVERHEAD);
};

/// This part of its interval: longer than a timer is late and a ping on its way.
const SERVER_PINGS_LATER: u32 = 8;

/// What a Go server reads at the most.
const SERVER_RECEIVES: usize = 10_000_000;
/// What a Go client reads at the most.
const CLIENT_RECEIVES: usize = 100_000_000;

/// Whoever is away for longer is not about to answer.
const MAX_BUSY_POLL: Duration = Duration::from_millis(10);

/// A timer that goes off more often than this would do nothing else.
const SHORTEST: Duration = Duration::from_millis(10);

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            max_recv_message_size: None,
            max_send_message_size: None,
            max_concurrent_handlers: 1024,
            max_queued_bytes: 16 * 1024 * 1024,
            max_unsent_bytes: 16 * 1024 * 1024,
            max_handler_time: None,
            default_timeout: Some(Duration::from_secs(60)),
            keepalive_interval: Duration::from_secs(15),
            keepalive_timeout: Duration::from_secs(45),
            pong_interval: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(1),
            stream_window: WINDOW,
            busy_poll: Duration::from_micros(100),
        }
    }
}

impl SessionConfig {
    /// The largest message to receive, in bytes; on version 1 with its envelope. Default: 10,000,000 on a server,
    /// 100,000,000 on a client, as in Go.
    ///
    /// It is checked before memory is set aside. On version 2 the one call fails with
    /// [`Code::RESOURCE_EXHAUSTED`](crate::Code::RESOURCE_EXHAUSTED); a version-1 peer that sends more is told so and
    /// cut off.
    pub fn max_recv_message_size(mut self, bytes: usize) -> Self {
        self.max_recv_message_size = Some(bytes);
        self
    }

    /// The largest message to send, in bytes; on version 1 with its envelope. Default: 10,000,000 on a client,
    /// 100,000,000 on a server, which is what a Go peer receives.
    ///
    /// A larger request fails at once with [`Code::RESOURCE_EXHAUSTED`](crate::Code::RESOURCE_EXHAUSTED) and is not
    /// sent; a larger response becomes that status.
    pub fn max_send_message_size(mut self, bytes: usize) -> Self {
        self.max_send_message_size = Some(bytes);
        self
    }

    /// How many handlers may run at once for one session. Default: 1,024; at least 1.
    ///
    /// On version 2 further calls are refused at once, and callers know that they did not run. On version 1 they wait,
    /// see [`max_queued_bytes`](Self::max_queued_bytes). A handler counts until its answer has been written, one whose
    /// caller gave up until it has stopped.
    pub fn max_concurrent_handlers(mut self, handlers: usize) -> Self {
        self.max_concurrent_handlers = handlers.max(1);
        self
    }

    /// How many bytes of calls may wait for a handler of their session to end, on version 1. Default: 16 MiB.
    ///
    /// Each counts its payload and 256 bytes. A call over the bound is answered with
    /// [`Code::RESOURCE_EXHAUSTED`](crate::Code::RESOURCE_EXHAUSTED).
    pub fn max_queued_bytes(mut self, bytes: usize) -> Self {
        self.max_queued_bytes = bytes;
        self
    }

    /// How many bytes may wait to be sent on one session before further calls wait for room. Default: 16 MiB.
    ///
    /// A call that waits for room is not sent yet, and its deadline goes on. On version 2 the same limit holds for answers
    /// that wait for their caller's credit: over it, a session ends whose peer takes nothing for the
    /// [write time-out](Self::write_timeout).
    pub fn max_unsent_bytes(mut self, bytes: usize) -> Self {
        self.max_unsent_bytes = bytes;
        self
    }

    /// How long a handler may run before it is dropped and its call answered with
    /// [`Code::DEADLINE_EXCEEDED`](crate::Code::DEADLINE_EXCEEDED). Default: `None`, no limit. Costs a timer a call.
    pub fn max_handler_time(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.max_handler_time = limit.into();
        self
    }

    /// The time-out of a call to a version-1 peer that sets none, from when there is a session for it. Default: 60
    /// seconds; `None` is no time-out.
    ///
    /// A Go peer never answers a call of a method that it does not know, so that without any time-out such a call
    /// lasts as long as its session.
    pub fn default_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.default_timeout = timeout.into();
        self
    }

    /// A ping goes out after this long without a received byte, and from a server up to an eighth later: where the
    /// client's interval is no longer than the server's, only the client pings, which proves both alive. Default: 15
    /// seconds; at least 10 milliseconds.
    pub fn keepalive_interval(mut self, interval: Duration) -> Self {
        self.keepalive_interval = interval.max(SHORTEST);
        self
    }

    /// A session ends after this long without a received byte. Default: 45 seconds; at least 10 milliseconds.
    pub fn keepalive_timeout(mut self, timeout: Duration) -> Self {
        self.keepalive_timeout = timeout.max(SHORTEST);
        self
    }

    /// On version 1 a pong goes out this often, asked for or not. Default: 5 seconds; at least 10 milliseconds. A Go peer
    /// drops a session after 20 seconds without one, whatever else it receives.
    ///
    /// A session looks that often for memory to give back, too. On version 2, where no pong goes out that nobody asked for,
    /// it does so while it has calls, and once after the last one.
    pub fn pong_interval(mut self, interval: Duration) -> Self {
        self.pong_interval = interval.max(SHORTEST);
        self
    }

    /// A session ends when what waits to be sent makes no progress for this long. Default: 10 seconds; at least 10
    /// milliseconds.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout.max(SHORTEST);
        self
    }

    /// How long a session that ends waits for its peer to confirm the close, and then for its handlers to stop.
    /// Default: 1 second.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// How many bytes may arrive on each call, in one direction, before the application has taken them: a window that
    /// grows with need, up to 8 MiB, as far as memory for it is left. Default: 144 KiB, so that a message of 64 KiB
    /// leaves room for another of that size; at least 4 KiB. Version 1 has no such limit.
    pub fn stream_window(mut self, bytes: u64) -> Self {
        self.stream_window = bytes.max(MIN_WINDOW);
        self
    }

    /// For how long a session that has nothing to do looks for what comes next before it goes to sleep. Default: 100
    /// microseconds; zero is never, and 10 milliseconds are the most.
    ///
    /// To be woken takes longer than a small call. A session whose last sleeps were short, up to four times this, waits
    /// awake for what comes next, a peer's bytes or a call of its own: calls one after the other then take a fraction of
    /// the time. It costs a core while it waits, but never keeps it from other tasks of the runtime. One that waited in
    /// vain tries ever less; one that sleeps for longer between what it has to do, as over most networks, never tries.
    pub fn busy_poll(mut self, limit: Duration) -> Self {
        self.busy_poll = limit.min(MAX_BUSY_POLL);
        self
    }

    /// A server leaves it to its clients to ping: one ping and its answer prove both sides alive.
    fn ping_after(&self, is_client: bool) -> Duration {
        let interval = self.keepalive_interval;
        if is_client {
            return interval;
        }
        // A client that does not ping has to be asked in time for its answer.
        let time_left = self.keepalive_timeout.saturating_sub(interval) / 2;
        interval.saturating_add((interval / SERVER_PINGS_LATER).min(time_left))
    }

    /// The settings as a session of a client, or else of a server, has them.
    pub(crate) fn resolve(&self, is_client: bool) -> Resolved {
        let (receives, sends) = if is_client {
            (CLIENT_RECEIVES, SERVER_RECEIVES)
        } else {
            (SERVER_RECEIVES, CLIENT_RECEIVES)
        };
        Resolved {
            limits: Arc::new(Limits {
                max_running: self.max_concurrent_handlers,
                max_queued_bytes: self.max_queued_bytes,
                max_unsent_bytes: self.max_unsent_bytes,
                max_send_size: self.max_send_message_size.unwrap_or(sends),
                max_recv_size: self.max_recv_message_size.unwrap_or(receives),
                max_recv_memory: self
                    .max_recv_message_size
                    .unwrap_or(receives)
                    .saturating_add(RECV_MEMORY),
                initial_window: self.stream_window,
                default_timeout: self.default_timeout,
                keepalive: KeepaliveConfig {
                    ping_after: self.ping_after(is_client),
                    idle_timeout: self.keepalive_timeout,
                    tick_after: self.pong_interval,
                    write_timeout: self.write_timeout,
                },
            }),
            max_recv_size: self.max_recv_message_size.unwrap_or(receives),
            max_handler_time: self.max_handler_time,
            close_timeout: self.close_timeout,
            busy_poll: self.busy_poll,
        }
    }
}

/// The settings of one side.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// Shared by all sessions that are made with these settings.
    pub(crate) limits: Arc<Limits>,
    pub(crate) max_recv_size: usize,
    pub(crate) max_handler_time: Option<Duration>,
    pub(crate) close_timeout: Duration,
    pub(crate) busy_poll: Duration,
}

impl Resolved {
    /// The largest WebSocket message that a peer of this version may send.
    pub(crate) fn max_frame_size(&self, version: ProtocolVersion) -> usize {
        match version {
            ProtocolVersion::V1 => self.max_recv_size,
            ProtocolVersion::V2 => sizes::MAX_FRAME,
        }
    }

    /// What a peer that speaks version 2 is told of this side.
    pub(crate) fn hello(&self) -> Hello {
        Hello {
            initial_window: self.limits.initial_window,
            // None at all would read as nothing said.
            max_message_size: (self.max_recv_size as u64).max(1),
            max_calls: u32::try_from(self.limits.max_running).unwrap_or(u32::MAX),
            max_metadata_size: MAX_METADATA as u32,
            features: Vec::new(),
            compression: compression::offered(),
            instance_id: instance_id(),
            agent: concat!("wsrpc-rust/", env!("CARGO_PKG_VERSION")).into(),
            labels: Vec::new(),
        }
    }
}

/// Random, and the same for as long as the process runs: two that hold one key are told apart by it.
fn instance_id() -> [u8; 16] {
    static ID: OnceLock<[u8; 16]> = OnceLock::new();
    *ID.get_or_init(|| {
        let mut id = [0; 16];
        getrandom::fill(&mut id).expect("the system's random source works");
        id
    })
}

#[cfg(test)]
mod tests {
    use super::{Duration, MAX_BUSY_POLL, SessionConfig};

    #[test]
    fn a_session_stays_awake_no_longer_than_anyone_would_answer() {
        let config = SessionConfig::default().busy_poll(Duration::from_secs(1));
        assert_eq!(config.resolve(true).busy_poll, MAX_BUSY_POLL);
    }

    #[test]
    fn a_server_pings_later_than_its_client_and_in_time_for_an_answer() {
        let secs = Duration::from_secs_f64;
        for (interval, timeout, later) in [
            (15.0, 45.0, 16.875),
            (15.0, 16.0, 15.5),
            (15.0, 15.0, 15.0),
            (60.0, 45.0, 60.0),
        ] {
            let config = SessionConfig::default()
                .keepalive_interval(secs(interval))
                .keepalive_timeout(secs(timeout));
            let ping_after = |is_client| config.resolve(is_client).limits.keepalive.ping_after;
            assert_eq!(ping_after(true), secs(interval));
            assert_eq!(ping_after(false), secs(later), "{interval}, {timeout}");
        }
        let never = SessionConfig::default()
            .keepalive_interval(Duration::MAX)
            .keepalive_timeout(Duration::MAX);
        let ping_after = never.resolve(false).limits.keepalive.ping_after;
        assert_eq!(ping_after, Duration::MAX);
    }
}
