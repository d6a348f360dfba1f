//! Pauses that grow, drawn at random. The only file that knows the `backoff` crate.

use std::time::Duration;

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff as _};

/// How pauses grow: the longest one is `base` at first, and `factor` times as long with each, up to `cap`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growth {
    base: Duration,
    factor: f64,
    cap: Duration,
}

impl Growth {
    pub(crate) const fn new(base: Duration, factor: f64, cap: Duration) -> Self {
        Self { base, factor, cap }
    }

    pub(crate) fn base(&self) -> Duration {
        self.base
    }

    pub(crate) fn cap(&self) -> Duration {
        self.cap
    }

    /// At least 1 millisecond.
    pub(crate) fn set_base(&mut self, base: Duration) {
        self.base = base.max(Duration::from_millis(1));
    }

    /// At least 1.
    pub(crate) fn set_factor(&mut self, factor: f64) {
        self.factor = if factor.is_finite() {
            factor.max(1.0)
        } else {
            1.0
        };
    }

    pub(crate) fn set_cap(&mut self, cap: Duration) {
        self.cap = cap;
    }
}

/// Pauses one after the other, each drawn from between nothing and the longest that it may be.
#[derive(Debug)]
pub(crate) struct Pauses {
    pauses: ExponentialBackoff,
    cap: Duration,
}

impl Pauses {
    pub(crate) fn new(growth: &Growth) -> Self {
        // The crate draws from the interval around a value; half of ours, and all of the interval, is what we want.
        let half = growth.base / 2;
        let pauses = ExponentialBackoffBuilder::new()
            .with_initial_interval(half)
            .with_multiplier(growth.factor)
            .with_max_interval((growth.cap / 2).max(half))
            .with_randomization_factor(1.0)
            .with_max_elapsed_time(None)
            .build();
        Self {
            pauses,
            cap: growth.cap,
        }
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        // Without a limit on the time in all, there is always a next one.
        self.pauses.next_backoff().unwrap_or(self.cap)
    }

    /// Begins anew.
    pub(crate) fn reset(&mut self) {
        self.pauses.reset();
    }
}

/// A random part of `whole`.
pub(crate) fn part_of(whole: Duration) -> Duration {
    let mut random = [0; 4];
    getrandom::fill(&mut random).expect("the system's random source works");
    let share = f64::from(u32::from_ne_bytes(random)) / f64::from(u32::MAX);
    whole.mul_f64(share)
}
