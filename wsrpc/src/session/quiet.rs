//! When a session that was busy gives memory back.

use std::time::{Duration, Instant};

/// A session that was quiet for this long is taken to be idle. Long enough that one at work keeps its buffers, and short
/// enough that of many that are busy one after the other few hold any at a time: an allocator seldom returns to the
/// system what many held at once.
const QUIET: Duration = Duration::from_millis(5);

/// Watches a session whose buffers have grown until it is quiet.
#[derive(Debug)]
pub(super) struct Quiet {
    /// Something was read or written since the last look.
    worked: bool,
    next_look: Option<Instant>,
    /// It needed little before it grew, and has not given back at once since.
    fresh: bool,
}

impl Quiet {
    /// A session that begins at `now`. It looks once, for what only the handshake needed.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            worked: false,
            next_look: Some(now + QUIET),
            fresh: false,
        }
    }

    /// Something was read or written.
    pub(super) fn worked(&mut self) {
        self.worked = true;
    }

    /// When to [poll](Self::poll), at the latest.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    /// Whether memory is to be given back now. `look`, which is called now and then while the session is at work, tells if
    /// there is enough of it to watch for that.
    pub(super) fn poll(&mut self, now: Instant, look: impl FnOnce() -> bool) -> bool {
        let looked = match self.next_look {
            Some(at) if now < at => return false,
            looked => looked.is_some(),
        };
        let worked = std::mem::take(&mut self.worked);
        self.next_look = (worked && look()).then(|| now + QUIET);
        self.fresh = !looked && self.next_look.is_some();
        looked && !worked
    }

    /// Whether memory is to be given back although the session was busy just now, since it `is_done`. Once only, until a
    /// look has found little to watch: one that is done after each of many calls keeps its buffers from one to the next.
    pub(super) fn at_once(&mut self, is_done: impl FnOnce() -> bool) -> bool {
        let at_once = self.fresh && is_done();
        self.fresh &= !at_once;
        at_once
    }
}

#[cfg(test)]
mod tests {
    use super::{QUIET, Quiet};
    use std::time::{Duration, Instant};

    const STEP: Duration = Duration::from_millis(1);

    #[test]
    fn a_session_that_was_busy_is_looked_at_until_it_is_quiet() {
        let began = Instant::now();
        let mut quiet = Quiet::new(began - QUIET);
        quiet.worked();
        assert!(!quiet.poll(began, || true));
        quiet.worked();
        assert!(!quiet.poll(began + STEP, || true));
        assert_eq!(quiet.next_look(), Some(began + QUIET));
        assert!(!quiet.poll(began + QUIET, || true));
        assert_eq!(quiet.next_look(), Some(began + 2 * QUIET));
        assert!(quiet.poll(began + 2 * QUIET, || true));
        assert_eq!(quiet.next_look(), None);
        assert!(!quiet.poll(began + 3 * QUIET, || true));
    }

    #[test]
    fn a_session_that_is_done_gives_back_at_once_until_it_proves_busy() {
        let began = Instant::now();
        let mut quiet = Quiet::new(began - QUIET);
        assert!(quiet.poll(began, || false));
        assert!(!quiet.at_once(|| true), "nothing has grown");
        quiet.worked();
        assert!(!quiet.poll(began, || true));
        assert!(!quiet.at_once(|| false), "a call goes on");
        assert!(quiet.at_once(|| true));
        quiet.worked();
        assert!(!quiet.poll(began + STEP, || true));
        assert!(!quiet.at_once(|| true), "another call came");
        assert!(!quiet.poll(began + QUIET, || true));
        assert!(!quiet.at_once(|| true));
        assert!(quiet.poll(began + 2 * QUIET, || true));
        quiet.worked();
        assert!(!quiet.poll(began + 3 * QUIET, || true));
        assert!(quiet.at_once(|| true), "it was idle before");
    }

    #[test]
    fn a_session_that_needs_little_is_let_be() {
        let began = Instant::now();
        let mut quiet = Quiet::new(began);
        quiet.worked();
        assert!(!quiet.poll(began + QUIET, || false));
        assert_eq!(quiet.next_look(), None);
    }
}
