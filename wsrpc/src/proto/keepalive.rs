//! When to ping, when a peer is gone, and when a session sees to what it does now and then.

use std::time::{Duration, Instant};

use crate::session_end::SessionEnd;

/// How a session is kept alive.
#[derive(Clone, Debug)]
pub(crate) struct KeepaliveConfig {
    /// A ping goes out after this long without a received byte.
    pub(crate) ping_after: Duration,
    /// The session ends after this long without a received byte.
    pub(crate) idle_timeout: Duration,
    /// A tick comes this long after it was asked for. On version 1 each sends a pong: a Go peer counts nothing else as
    /// life.
    pub(crate) tick_after: Duration,
    /// The session ends when what waits to be sent makes no progress for this long.
    pub(crate) write_timeout: Duration,
}

/// What keepalive wants done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Signal {
    Ping,
    /// The tick that was asked for.
    Tick,
    End(SessionEnd),
}

/// The timers of one session. Any received byte counts as life; unsent data without progress does not.
#[derive(Debug)]
pub(crate) struct Keepalive {
    heard: Instant,
    pinged: bool,
    tick: Option<Instant>,
    /// Since when something waits to be sent without progress.
    stalled: Option<Instant>,
}

impl Keepalive {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            heard: now,
            pinged: false,
            tick: None,
            stalled: None,
        }
    }

    /// Asks for a tick, unless one is to come.
    pub(crate) fn ask_for_tick(&mut self, config: &KeepaliveConfig, now: Instant) {
        self.tick
            .get_or_insert_with(|| after(now, config.tick_after));
    }

    /// Something was received.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = false;
    }

    /// Something was written, or everything was: `waiting` tells whether more waits.
    pub(crate) fn wrote(&mut self, now: Instant, waiting: bool) {
        self.stalled = waiting.then_some(now);
    }

    /// Something waits to be sent.
    pub(crate) fn waiting(&mut self, now: Instant) {
        self.stalled.get_or_insert(now);
    }

    /// When to look again.
    pub(crate) fn next_timeout(&self, config: &KeepaliveConfig) -> Instant {
        let silence = if self.pinged {
            config.idle_timeout
        } else {
            config.ping_after.min(config.idle_timeout)
        };
        let silent = after(self.heard, silence);
        let next = self.tick.map_or(silent, |tick| silent.min(tick));
        match self.stalled {
            Some(since) => next.min(after(since, config.write_timeout)),
            None => next,
        }
    }

    /// What is due at `now`, one at a time.
    pub(crate) fn poll(&mut self, config: &KeepaliveConfig, now: Instant) -> Option<Signal> {
        if self
            .stalled
            .is_some_and(|since| now >= after(since, config.write_timeout))
        {
            let end = SessionEnd::WriteTimeout(config.write_timeout);
            return Some(Signal::End(end));
        }
        if now >= after(self.heard, config.idle_timeout) {
            let end = SessionEnd::KeepaliveTimeout(config.idle_timeout);
            return Some(Signal::End(end));
        }
        if !self.pinged && now >= after(self.heard, config.ping_after) {
            self.pinged = true;
            return Some(Signal::Ping);
        }
        self.tick.take_if(|tick| now >= *tick)?;
        Some(Signal::Tick)
    }
}

/// A century, for what is as good as never.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// `delay` after `from`, at most a century.
pub(crate) fn after(from: Instant, delay: Duration) -> Instant {
    from.checked_add(delay.min(FAR)).unwrap_or(from)
}
