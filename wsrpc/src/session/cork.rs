//! Writes that wait for the next one.

use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};

/// Holds back the flush of every other turn of a run of full ones, so that one write has the frames of two turns: where they
/// are small it costs about the same.
///
/// ```text
///   full turns, soon after one another:   flushed - flushed - held back - flushed - held back - flushed - ...
/// ```
///
/// The third of a run is the first, for a peer that has two turns' worth of calls on their way waits for both otherwise. Only
/// where the runtime has one thread: there, other tasks have their turns between two of a session's anyway. On several they
/// go on with what a peer sends meanwhile, and it with theirs, and a write that waits holds both up.
pub(super) struct Cork {
    one_thread: bool,
    /// Full turns in a row.
    full: u32,
    /// When the turn before was flushed, if it was.
    flushed: Option<Instant>,
}

/// Full turns that are flushed before one is held back.
const ALL_FLUSHED: u32 = 2;

/// Where it took longer than this from one turn to the next, a write is nothing next to what else goes on.
const BRIEF: Duration = Duration::from_micros(250);

/// Bytes of which a write has few: what they cost is the write. The buffer has room for several times as many.
const LITTLE: usize = 16 * 1024;

impl Cork {
    /// For a session on the calling task's runtime.
    pub(super) fn new() -> Self {
        let one_thread = Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::CurrentThread);
        Self {
            one_thread,
            full: 0,
            flushed: None,
        }
    }

    /// Whether the `bytes` that a turn has to write are held back until the next turn. To be asked once a turn.
    pub(super) fn holds_back(&mut self, bytes: usize, full: bool, now: Instant) -> bool {
        self.full = if full { self.full.saturating_add(1) } else { 0 };
        let soon = |flushed| now.saturating_duration_since(flushed) < BRIEF;
        self.flushed.take().is_some_and(soon)
            && self.full > ALL_FLUSHED
            && self.one_thread
            && bytes <= LITTLE
    }

    /// All that a turn had to write was written.
    pub(super) fn flushed(&mut self, now: Instant) {
        self.flushed = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the turns are held back that are so far apart, have so many bytes to write, and are full or not.
    fn held_back(turns: &[(Duration, usize, bool)]) -> Vec<bool> {
        let mut cork = Cork::new();
        let mut now = Instant::now();
        let turn = |(later, bytes, full): &(Duration, usize, bool)| {
            now += *later;
            let held_back = cork.holds_back(*bytes, *full, now);
            if !held_back {
                cork.flushed(now);
            }
            held_back
        };
        turns.iter().map(turn).collect()
    }

    const AT_ONCE: Duration = Duration::from_micros(249);

    #[tokio::test]
    async fn of_a_run_of_full_turns_the_third_is_held_back_and_then_every_other() {
        let held = held_back(&[(AT_ONCE, LITTLE, true); 6]);
        assert_eq!(held, [false, false, true, false, true, false]);
        let mut turns = [(AT_ONCE, LITTLE, true); 6];
        turns[2].2 = false;
        let held = held_back(&turns);
        assert_eq!(held, [false, false, false, false, false, true]);
    }

    #[tokio::test]
    async fn nothing_is_held_back_where_turns_take_their_time_or_have_much_to_write() {
        assert_eq!(held_back(&[(BRIEF, LITTLE, true); 6]), [false; 6]);
        assert_eq!(held_back(&[(AT_ONCE, LITTLE + 1, true); 6]), [false; 6]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn nothing_is_held_back_on_a_runtime_of_several_threads() {
        assert_eq!(held_back(&[(AT_ONCE, 0, true); 6]), [false; 6]);
    }

    #[test]
    fn nothing_is_held_back_outside_of_a_runtime() {
        assert_eq!(held_back(&[(AT_ONCE, 0, true); 6]), [false; 6]);
    }
}
