//! When a session has something to do without being told.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Instant,
};

use tokio::{
    task::unconstrained,
    time::{Sleep, sleep_until},
};

/// A timer that is asked every turn, and that next to none of them has anything to do with: one that is set already is
/// not even looked at.
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    /// When it goes off, as `sleep` knows too, which lies elsewhere in memory.
    at: Instant,
    /// Whom it wakes then; `None` until it is polled after it was set, or has gone off.
    waker: Option<Waker>,
}

impl Alarm {
    /// One that is not set.
    pub(super) fn new() -> Self {
        let now = tokio::time::Instant::now();
        Self {
            sleep: Box::pin(sleep_until(now)),
            at: now.into_std(),
            waker: None,
        }
    }

    /// Whether it is time to look what is due. Otherwise the task is woken at `next`, at the latest.
    ///
    /// It may be sooner: for as long as bytes are received, `next` only ever moves later, and to set the timer anew
    /// each time would cost more than to look once too often. One that is far too soon is set anew all the same: an idle
    /// session would be woken for nothing but that.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, next: Instant, now: Instant) -> Poll<()> {
        if next < self.at || self.at <= now || self.is_far_too_soon(next, now) {
            self.at = next;
            self.waker = None;
            self.sleep.as_mut().reset(next.into());
        }
        match &self.waker {
            Some(waker) if waker.will_wake(cx.waker()) => Poll::Pending,
            _ => {
                // With its share of the runtime used up, a task's timers are pending without being registered, and this
                // one is not polled again.
                let gone_off = pin!(unconstrained(self.sleep.as_mut())).poll(cx);
                self.waker = gone_off.is_pending().then(|| cx.waker().clone());
                gone_off
            }
        }
    }

    /// It would go off when less than half of the time is over.
    fn is_far_too_soon(&self, next: Instant, now: Instant) -> bool {
        next.saturating_duration_since(self.at) > self.at.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::Alarm;
    use std::{
        future::{Future, poll_fn},
        pin::pin,
        task::{Context, Poll, Waker},
        time::{Duration, Instant},
    };
    use tokio::sync::Semaphore;

    const SECOND: Duration = Duration::from_secs(1);

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// Waits until `next`, and counts how often it was looked.
    async fn wait(alarm: &mut Alarm, next: Instant) -> usize {
        let mut looks = 0;
        poll_fn(|cx| {
            looks += 1;
            match next <= now() {
                true => Poll::Ready(looks),
                // As a session does, which goes round once more.
                false => match alarm.poll(cx, next, now()) {
                    Poll::Ready(()) => {
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }
                    Poll::Pending => Poll::Pending,
                },
            }
        })
        .await
    }

    /// Asks for it once, long before.
    async fn set(alarm: &mut Alarm, next: Instant) {
        poll_fn(|cx| {
            assert!(alarm.poll(cx, next, now()).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_off_in_time_again_and_again() {
        let mut alarm = Alarm::new();
        for _ in 0..3 {
            let next = now() + SECOND;
            assert_eq!(wait(&mut alarm, next).await, 2);
            assert_eq!(now(), next);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_set_anew_for_what_is_due_sooner_or_much_later_and_not_a_little_later() {
        let mut alarm = Alarm::new();
        let began = now();
        set(&mut alarm, began + 5 * SECOND).await;
        set(&mut alarm, began + 2 * SECOND).await;
        let next = began + 4 * SECOND;
        assert_eq!(wait(&mut alarm, next).await, 3);
        assert_eq!(now(), next);

        set(&mut alarm, next + 2 * SECOND).await;
        let next = next + 5 * SECOND;
        assert_eq!(wait(&mut alarm, next).await, 2);
        assert_eq!(now(), next);
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_whoever_asked_last() {
        let mut alarm = Alarm::new();
        let next = now() + SECOND;
        let mut other = Context::from_waker(Waker::noop());
        assert!(alarm.poll(&mut other, next, now()).is_pending());
        assert_eq!(wait(&mut alarm, next).await, 2);
        assert_eq!(now(), next);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_set_although_its_task_has_used_up_its_share_of_the_runtime() {
        let mut alarm = Alarm::new();
        let next = now() + SECOND;
        poll_fn(|cx| {
            let free = Semaphore::new(1);
            while pin!(free.acquire()).poll(cx).is_ready() {}
            assert!(alarm.poll(cx, next, now()).is_pending());
            Poll::Ready(())
        })
        .await;
        wait(&mut alarm, next).await;
        assert_eq!(now(), next);
    }
}
