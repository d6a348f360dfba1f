//! What a log is told once in a while, however often it happens.

use std::time::Duration;

use tokio::time::Instant;

/// Once in this time, or those who dial would fill the log.
const PERIOD: Duration = Duration::from_secs(10);

/// Something that may happen many times a second for as long as what is behind it lasts. What happened after it was told
/// last is told with the next that happens.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    told: Option<Instant>,
    untold: u64,
}

impl Seldom {
    /// It has happened. Returns how often since it was told last, this time included, if it is to be told now.
    pub(super) fn happened(&mut self) -> Option<u64> {
        self.untold = self.untold.saturating_add(1);
        let now = Instant::now();
        if self
            .told
            .is_some_and(|told| now.duration_since(told) < PERIOD)
        {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_is_told_at_once_and_others_with_the_next_after_ten_seconds() {
        let mut seldom = Seldom::default();
        let mut told = Vec::new();
        for _ in 0..21 {
            told.extend(seldom.happened());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(told, [1, 10, 10]);
    }
}
