//! How often a key may take over its own session.

use std::time::Duration;

use tokio::time::Instant;

/// A bucket of tokens. Two holders of one key would otherwise throw each other out as fast as they can dial, and a Go
/// client dials without delay.
#[derive(Debug)]
pub(super) struct Takeovers {
    tokens: u32,
    filled: Instant,
}

/// Takeovers in a row.
const BURST: u32 = 3;

/// One more after each of these.
const REFILL: Duration = Duration::from_secs(10);

impl Takeovers {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            tokens: BURST,
            filled: now,
        }
    }

    /// Takes one, or tells how long until there is one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        while self.tokens < BURST && now.duration_since(self.filled) >= REFILL {
            self.tokens += 1;
            self.filled += REFILL;
        }
        if self.tokens == BURST {
            self.filled = now;
        }
        if self.tokens == 0 {
            return Err(REFILL.saturating_sub(now.duration_since(self.filled)));
        }
        self.tokens -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_a_row_then_one_in_ten_seconds() {
        let start = Instant::now();
        let mut takeovers = Takeovers::new(start);
        for _ in 0..3 {
            assert_eq!(takeovers.take(start), Ok(()));
        }
        assert_eq!(takeovers.take(start), Err(REFILL));
        let soon = start + Duration::from_secs(4);
        assert_eq!(takeovers.take(soon), Err(Duration::from_secs(6)));
        assert_eq!(takeovers.take(start + REFILL), Ok(()));
        assert_eq!(takeovers.take(start + REFILL), Err(REFILL));
        // A long rest fills it, and no more than that.
        let later = start + 100 * REFILL;
        for _ in 0..3 {
            assert_eq!(takeovers.take(later), Ok(()));
        }
        assert_eq!(takeovers.take(later), Err(REFILL));
    }
}
