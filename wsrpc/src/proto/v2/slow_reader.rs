//! A peer that calls, and gives no credit for what it is answered with.

use std::time::{Duration, Instant};

use super::{core::Core, exchange::Role};
use crate::session_end::SessionEnd;

/// Since when a peer has taken nothing of the answers that wait for it.
///
/// A handler that has ended has left its answer here, and only its caller can take it. A stream that still runs waits
/// for room by itself, and is not counted.
#[derive(Debug, Default)]
pub(super) struct SlowReader {
    took_some: bool,
    since: Option<Instant>,
}

impl SlowReader {
    /// Some of an answer was written.
    pub(super) fn took_some(&mut self) {
        self.took_some = true;
    }

    /// Whether the peer has left `waiting` bytes alone for too long, when `limit` may wait.
    fn is_too_slow(
        &mut self,
        waiting: usize,
        limit: usize,
        patience: Duration,
        now: Instant,
    ) -> bool {
        let took_some = std::mem::take(&mut self.took_some);
        if waiting <= limit {
            self.since = None;
            return false;
        }
        if took_some {
            self.since = Some(now);
        }
        let since = *self.since.get_or_insert(now);
        now.saturating_duration_since(since) >= patience
    }
}

impl Core {
    /// Ends the session with a peer that takes none of its answers. Called at each tick, and no more often, for it looks at
    /// every call.
    pub(super) fn check_reader(&mut self, now: Instant) {
        let waiting = self
            .exchanges
            .iter()
            .map(|(_, exchange)| match &exchange.role {
                Role::Callee(callee) if callee.ending.is_some() => exchange.send.unsent(),
                _ => 0,
            })
            .fold(0, usize::saturating_add);
        let limit = self.limits.max_unsent_bytes;
        let patience = self.limits.keepalive.write_timeout;
        if self.slow_reader.is_too_slow(waiting, limit, patience, now) {
            self.end(SessionEnd::WriteTimeout(patience));
        }
    }
}
