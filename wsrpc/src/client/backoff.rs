//! When to dial again.

use std::time::Duration;

use crate::backoff::{Growth, Pauses, part_of};

/// How long a client waits before it dials again.
///
/// The pause grows from `base` by `factor` with each failure, up to `cap`, and is then drawn from the whole interval
/// between nothing and that, so that thousands of clients that lost the same server do not come back as one.
///
/// ```
/// use std::time::Duration;
/// use wsrpc::ReconnectConfig;
///
/// let patient = ReconnectConfig::default().base(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
pub struct ReconnectConfig {
    growth: Growth,
    stable_after: Duration,
}

impl Default for ReconnectConfig {
    fn default() -> Self {
        Self {
            growth: Growth::new(Duration::from_secs(1), 1.6, Duration::from_secs(120)),
            stable_after: Duration::from_secs(10),
        }
    }
}

impl ReconnectConfig {
    /// The longest first pause. Default: 1 second; at least 1 millisecond.
    pub fn base(mut self, base: Duration) -> Self {
        self.growth.set_base(base);
        self
    }

    /// How much the longest pause grows with each failure. Default: 1.6; at least 1.
    pub fn factor(mut self, factor: f64) -> Self {
        self.growth.set_factor(factor);
        self
    }

    /// The longest pause of all. Default: 120 seconds. A client whose session was taken over by another holder of its key
    /// waits for at least 5 seconds, whatever the cap.
    pub fn cap(mut self, cap: Duration) -> Self {
        self.growth.set_cap(cap);
        self
    }

    /// How long a session must have lasted for the pauses to begin anew. Default: 10 seconds. A server that accepts and
    /// then drops its clients is thus not dialled without pause.
    pub fn stable_after(mut self, lasted: Duration) -> Self {
        self.stable_after = lasted;
        self
    }
}

/// A server that says that this key connected elsewhere is left alone for at least this long.
const AFTER_REPLACED: Duration = Duration::from_secs(5);

/// The pauses of one client.
#[derive(Debug)]
pub(super) struct Backoff {
    pauses: Pauses,
    config: ReconnectConfig,
}

impl Backoff {
    pub(super) fn new(config: &ReconnectConfig) -> Self {
        Self {
            pauses: Pauses::new(&config.growth),
            config: config.clone(),
        }
    }

    /// A session has ended that lasted this long.
    pub(super) fn session_lasted(&mut self, lasted: Duration) {
        if lasted >= self.config.stable_after {
            self.pauses.reset();
        }
    }

    /// The next pause.
    pub(super) fn next(&mut self) -> Duration {
        self.pauses.next()
    }

    /// The pause of a client that has been replaced for this many times in a row: at least 5 seconds, and drawn from an
    /// interval that doubles, up to the cap.
    pub(super) fn after_replaced(&mut self, times: u32) -> Duration {
        let longest = AFTER_REPLACED
            .saturating_mul(1 << times.min(16))
            .min(self.config.growth.cap());
        AFTER_REPLACED + part_of(longest.saturating_sub(AFTER_REPLACED))
    }

    /// The pause of a client whose server asked for its clients to be spread over this long: at most the cap.
    pub(super) fn within(&self, spread: Duration) -> Duration {
        part_of(spread.min(self.config.growth.cap()))
    }

    /// Whether a pause is one of those that follow the loss of a session in good order.
    pub(super) fn is_short(&self, pause: Duration) -> bool {
        pause <= self.config.growth.base()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn pauses_fill_an_interval_that_grows_to_the_cap() {
        let config = ReconnectConfig::default();
        let mut longest = [Duration::ZERO; 20];
        let mut shortest = [Duration::MAX; 20];
        for _ in 0..500 {
            let mut backoff = Backoff::new(&config);
            for attempt in 0..20 {
                let pause = backoff.next();
                longest[attempt] = longest[attempt].max(pause);
                shortest[attempt] = shortest[attempt].min(pause);
            }
        }
        for attempt in 0..20 {
            let interval = secs(1).mul_f64(1.6f64.powi(attempt as i32)).min(secs(120));
            assert!(longest[attempt] <= interval + Duration::from_millis(1));
            assert!(longest[attempt] > interval.mul_f64(0.9));
            assert!(shortest[attempt] < interval.mul_f64(0.1));
        }
    }

    #[test]
    fn only_a_session_that_lasted_begins_them_anew() {
        let mut backoff = Backoff::new(&ReconnectConfig::default());
        let mut grown = || (0..30).map(|_| backoff.next()).max();
        assert!(grown() > Some(secs(10)));
        backoff.session_lasted(secs(9));
        assert!((0..100).map(|_| backoff.next()).max() > Some(secs(10)));
        backoff.session_lasted(secs(10));
        assert!(backoff.next() <= secs(1));
    }

    #[test]
    fn nonsense_is_made_sense_of() {
        let config = ReconnectConfig::default()
            .base(Duration::ZERO)
            .factor(f64::NAN)
            .cap(Duration::ZERO);
        let mut backoff = Backoff::new(&config);
        assert!((0..100).all(|_| backoff.next() <= Duration::from_millis(2)));
    }
}
