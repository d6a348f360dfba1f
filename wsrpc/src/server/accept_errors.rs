//! What a listener does that could not take a connection.

use std::{io, time::Duration};

use tokio::time::{Instant, sleep};

/// Most likely there are no file descriptors left, which only time can mend.
const PAUSE: Duration = Duration::from_millis(50);

/// The same error is told once in this time, or those who dial would fill the log.
const TOLD: Duration = Duration::from_secs(10);

/// The errors of one listener, or of several that are one.
#[derive(Debug)]
pub(super) struct AcceptErrors {
    /// What is not accepted.
    what: &'static str,
    last_told: Option<(Instant, Option<i32>)>,
}

impl AcceptErrors {
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            last_told: None,
        }
    }

    /// Tells of an error, and waits until another try may do better.
    pub(super) async fn wait(&mut self, error: &io::Error) {
        if self.is_news(error) {
            tracing::error!(%error, "{} could not be accepted", self.what);
        }
        sleep(PAUSE).await;
    }

    fn is_news(&mut self, error: &io::Error) -> bool {
        let (now, code) = (Instant::now(), error.raw_os_error());
        let known = self
            .last_told
            .is_some_and(|(at, told)| told == code && now.duration_since(at) < TOLD);
        if !known {
            self.last_told = Some((now, code));
        }
        !known
    }
}

#[cfg(test)]
mod tests {
    use super::{AcceptErrors, TOLD};
    use std::io;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn an_error_that_lasts_is_told_now_and_then_and_another_one_at_once() {
        let (no_files, aborted) = (
            io::Error::from_raw_os_error(24),
            io::Error::from_raw_os_error(103),
        );
        let mut errors = AcceptErrors::new("a connection");
        let began = Instant::now();
        let mut told = 0;
        while began.elapsed() < 3 * TOLD {
            told += usize::from(errors.is_news(&no_files));
            errors.wait(&no_files).await;
        }
        assert_eq!(told, 3);
        assert!(errors.is_news(&aborted));
        assert!(!errors.is_news(&aborted));
    }
}
