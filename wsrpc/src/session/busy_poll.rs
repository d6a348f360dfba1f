//! When a session that has nothing left to do looks on for what comes next, instead of going to sleep.
//!
//! To be woken takes the kernel longer than a small call takes the two sides together. So a session that is woken soon
//! each time, by its peer's answers or by calls of its own, stays awake for what comes, a little. Whether that pays shows
//! only when it is tried, and a session for which it does not must hardly cost more than one that never tries: each try in
//! vain doubles the short sleeps that precede the next, and each that pays halves them.
//!
//! ```text
//!            nothing to do, after enough short sleeps
//!          ┌──────────────────────────────────────────┐
//!          │             in time: it paid             ▼
//!       Working ◄─────────────────────────────────── Awake
//!        ▲   │                                        │
//!   woken│   │ nothing to do                          │ time is up: in vain
//!        │   ▼                                        │
//!        Asleep ◄─────────────────────────────────────┘
//! ```

use std::time::{Duration, Instant};

/// A sleep is short up to so many times what a session stays awake for: both sides were woken in it, which is what
/// staying awake spares them.
const SHORT: u32 = 4;

/// Short sleeps, one after the other, before the first try.
const FIRST: u32 = 4;

/// The most of them: one try in vain in so many sleeps is not noticed.
const MOST: u32 = 1024;

/// Decides for one session. Times are the machine's and not those of the runtime, whose clock stands still while a test
/// waits.
#[derive(Debug)]
pub(super) struct BusyPoll {
    /// For how long at a time; zero is never.
    limit: Duration,
    now: State,
    /// The last sleeps that were short, one after the other.
    short_sleeps: u32,
    /// So many of them make the next try.
    patience: u32,
}

#[derive(Debug)]
enum State {
    Working,
    Awake { until: Instant },
    Asleep { since: Instant },
}

impl BusyPoll {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            now: State::Working,
            short_sleeps: 0,
            patience: FIRST,
        }
    }

    /// There was something to do.
    pub(super) fn worked(&mut self) {
        self.worked_at(Instant::now);
    }

    fn worked_at(&mut self, now: impl Fn() -> Instant) {
        match std::mem::replace(&mut self.now, State::Working) {
            State::Working => {}
            State::Awake { until } if now() < until => self.patience = (self.patience / 2).max(1),
            State::Awake { .. } => self.in_vain(),
            State::Asleep { since } => {
                let short = now().saturating_duration_since(since) < self.limit * SHORT;
                self.short_sleeps = if short { self.short_sleeps + 1 } else { 0 };
            }
        }
    }

    /// There is nothing to do: whether to look again soon.
    pub(super) fn stays_awake(&mut self) -> bool {
        !self.limit.is_zero() && self.stays_awake_at(Instant::now())
    }

    fn stays_awake_at(&mut self, now: Instant) -> bool {
        match self.now {
            State::Awake { until } if now < until => true,
            State::Awake { .. } => {
                self.in_vain();
                self.now = State::Working;
                false
            }
            State::Working if self.short_sleeps >= self.patience => {
                let until = now + self.limit;
                self.now = State::Awake { until };
                true
            }
            State::Working | State::Asleep { .. } => false,
        }
    }

    /// It goes to sleep.
    pub(super) fn sleeps(&mut self) {
        if !self.limit.is_zero() {
            self.sleeps_at(Instant::now());
        }
    }

    fn sleeps_at(&mut self, now: Instant) {
        if !matches!(self.now, State::Asleep { .. }) {
            self.now = State::Asleep { since: now };
        }
    }

    fn in_vain(&mut self) {
        self.patience = (self.patience * 2).min(MOST);
        self.short_sleeps = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{BusyPoll, FIRST, MOST, SHORT};
    use std::time::{Duration, Instant};

    const LIMIT: Duration = Duration::from_micros(100);

    /// A session, and a clock that only the test moves.
    struct Session {
        poll: BusyPoll,
        now: Instant,
        /// Time that it stayed awake, and went to sleep all the same.
        in_vain: Duration,
    }

    impl Session {
        fn new() -> Self {
            Self {
                poll: BusyPoll::new(LIMIT),
                now: Instant::now(),
                in_vain: Duration::ZERO,
            }
        }

        /// Has nothing to do until something comes after so long. Returns whether it was awake then.
        fn waits(&mut self, gap: Duration) -> bool {
            let (began, comes) = (self.now, self.now + gap);
            let mut awake = self.poll.stays_awake_at(self.now);
            while awake && self.now < comes {
                self.now = comes.min(self.now + Duration::from_micros(1));
                awake = self.now == comes || self.poll.stays_awake_at(self.now);
            }
            if !awake {
                self.in_vain += self.now - began;
                self.poll.sleeps_at(self.now);
            }
            self.now = comes;
            self.poll.worked_at(|| comes);
            awake
        }
    }

    #[test]
    fn a_session_that_is_woken_soon_each_time_stays_awake() {
        let mut session = Session::new();
        for _ in 0..FIRST {
            assert!(!session.waits(LIMIT));
        }
        for _ in 0..100 {
            assert!(session.waits(LIMIT / 2));
        }
    }

    #[test]
    fn a_session_that_waits_for_long_sleeps() {
        let mut session = Session::new();
        for _ in 0..100 {
            assert!(!session.waits(LIMIT * SHORT));
        }
    }

    #[test]
    fn a_long_sleep_begins_the_count_anew() {
        let mut session = Session::new();
        for _ in 0..100 {
            for _ in 1..FIRST {
                assert!(!session.waits(LIMIT));
            }
            assert!(!session.waits(LIMIT * SHORT));
        }
    }

    #[test]
    fn what_is_tried_in_vain_is_hardly_tried_any_more() {
        let mut session = Session::new();
        let began = session.now;
        for _ in 0..100_000 {
            assert!(!session.waits(LIMIT * 2));
        }
        assert_eq!(session.poll.patience, MOST);
        assert!(session.in_vain < (session.now - began) / 1000);
    }

    #[test]
    fn one_that_paid_again_is_soon_tried_as_before() {
        let mut session = Session::new();
        while session.poll.patience < MOST {
            session.waits(LIMIT * 2);
        }
        while session.poll.short_sleeps < MOST {
            session.waits(LIMIT * 2);
        }
        for _ in 0..MOST.ilog2() {
            assert!(session.waits(LIMIT / 2));
        }
        assert_eq!(session.poll.patience, 1);
    }

    #[test]
    fn one_that_could_not_look_in_time_stayed_awake_in_vain() {
        let mut session = Session::new();
        for _ in 0..FIRST {
            session.waits(LIMIT);
        }
        assert!(session.poll.stays_awake_at(session.now));
        let late = session.now + LIMIT;
        session.poll.worked_at(|| late);
        assert_eq!(session.poll.patience, 2 * FIRST);
        assert!(!session.poll.stays_awake_at(late));
    }

    #[test]
    fn only_a_sleep_counts_as_one() {
        let mut session = Session::new();
        for _ in 0..100 {
            assert!(!session.poll.stays_awake_at(session.now));
            session.poll.worked_at(|| session.now);
        }
    }

    #[test]
    fn a_limit_of_nothing_is_never() {
        let mut poll = BusyPoll::new(Duration::ZERO);
        for _ in 0..100 {
            assert!(!poll.stays_awake());
            poll.sleeps();
            poll.worked();
        }
    }
}
