//! What a listener does that could not take a connection.

use std::{io, time::Duration};

use tokio::time::sleep;

use super::seldom::Seldom;

/// Most likely there are no file descriptors left, which only time can mend.
const PAUSE: Duration = Duration::from_millis(50);

/// The errors of one listener, or of several that are one.
#[derive(Debug)]
pub(super) struct AcceptErrors {
    /// What is not accepted.
    what: &'static str,
    /// By the system's code: each error is told for itself, for several may come in turns.
    by_code: Vec<(Option<i32>, Seldom)>,
}

impl AcceptErrors {
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            by_code: Vec::new(),
        }
    }

    /// Tells of an error, and waits until another try may do better.
    pub(super) async fn wait(&mut self, error: &io::Error) {
        if let Some(times) = self.happened(error) {
            tracing::error!(%error, times, "{} could not be accepted", self.what);
        }
        sleep(PAUSE).await;
    }

    fn happened(&mut self, error: &io::Error) -> Option<u64> {
        let code = error.raw_os_error();
        if let Some((_, seldom)) = self.by_code.iter_mut().find(|(of, _)| *of == code) {
            return seldom.happened();
        }
        let mut seldom = Seldom::default();
        let first = seldom.happened();
        self.by_code.push((code, seldom));
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_error_that_lasts_is_told_now_and_then_and_another_one_at_once() {
        let (no_files, aborted) = (
            io::Error::from_raw_os_error(24),
            io::Error::from_raw_os_error(103),
        );
        let mut errors = AcceptErrors::new("a connection");
        let mut told = 0;
        // 24 seconds, at 50 ms each.
        for _ in 0..480 {
            told += usize::from(errors.happened(&no_files).is_some());
            errors.wait(&no_files).await;
        }
        assert_eq!(told, 3);
        assert!(errors.happened(&aborted).is_some());
        for error in [&no_files, &aborted, &no_files] {
            assert!(errors.happened(error).is_none(), "they come in turns");
        }
    }
}
