//! How long a round trip takes.

use std::time::{Duration, Instant};

/// Measures round trips by pings: the shortest one counts, for the others waited in a queue.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    pinged: Option<Instant>,
    shortest: Option<Duration>,
}

impl RoundTrip {
    /// The shortest round trip, once one was measured.
    pub(super) fn get(&self) -> Option<Duration> {
        self.shortest
    }

    /// Whether a ping would tell something that is not known, and none is on its way.
    pub(super) fn wants_ping(&self) -> bool {
        self.shortest.is_none() && self.pinged.is_none()
    }

    pub(super) fn pinged(&mut self, now: Instant) {
        self.pinged.get_or_insert(now);
    }

    pub(super) fn ponged(&mut self, now: Instant) {
        if let Some(pinged) = self.pinged.take() {
            let sample = now.saturating_duration_since(pinged);
            let shortest = self.shortest.map_or(sample, |known| known.min(sample));
            self.shortest = Some(shortest);
        }
    }
}
