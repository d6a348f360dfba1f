//! Whether a stream is worth another read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
};

/// Knows what the driver was woken for: a read that found nothing is made again only when its stream has woken the
/// driver, and not in turns that it has for another reason. To ask a stream in vain goes through all its layers, each of
/// whose memory has left the core's cache where thousands of sessions have their turn.
pub(super) struct Readable {
    listener: Arc<Listener>,
    /// What the stream wakes.
    waker: Waker,
}

/// Wakes a task, and remembers that it did.
struct Listener {
    woken: AtomicBool,
    task: Waker,
}

impl Readable {
    /// One that nobody has asked yet, and so may have something.
    pub(super) fn new() -> Self {
        Self::of(Waker::noop())
    }

    fn of(task: &Waker) -> Self {
        let listener = Arc::new(Listener {
            woken: AtomicBool::new(true),
            task: task.clone(),
        });
        Self {
            waker: listener.clone().into(),
            listener,
        }
    }

    /// What to read with, if there may be something: `None` if not. Whoever does not go on until a read is pending has to
    /// [say so](Self::stop_short), or what is left is not read before more comes.
    pub(super) fn reading(&mut self, cx: &Context<'_>) -> Option<Context<'_>> {
        if !self.listener.task.will_wake(cx.waker()) {
            *self = Self::of(cx.waker());
        }
        let woken = self.listener.woken.swap(false, Ordering::AcqRel);
        woken.then(|| Context::from_waker(&self.waker))
    }

    /// There may be more, which nobody will wake the driver for.
    pub(super) fn stop_short(&self) {
        self.listener.woken.store(true, Ordering::Release);
    }
}

impl Wake for Listener {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use super::Readable;
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Wake, Waker},
    };

    /// A task that counts how often it is woken.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn task() -> (Arc<Task>, Waker) {
        let task = Arc::new(Task::default());
        (task.clone(), task.into())
    }

    #[test]
    fn what_was_read_to_its_end_is_read_again_once_it_has_woken_the_task() {
        let (woken, task) = task();
        let cx = Context::from_waker(&task);
        let mut readable = Readable::new();
        let waker = readable.reading(&cx).unwrap().waker().clone();
        for round in 1..3 {
            assert!(readable.reading(&cx).is_none());
            waker.wake_by_ref();
            assert_eq!(woken.0.load(Ordering::Relaxed), round);
            assert!(readable.reading(&cx).is_some());
        }
    }

    #[test]
    fn what_was_left_is_read_in_the_next_turn() {
        let (_, task) = task();
        let cx = Context::from_waker(&task);
        let mut readable = Readable::new();
        for _ in 0..3 {
            assert!(readable.reading(&cx).is_some());
            readable.stop_short();
        }
    }

    #[test]
    fn another_task_reads_anew_and_is_the_one_that_is_woken() {
        let mut readable = Readable::new();
        for _ in 0..2 {
            let (woken, task) = task();
            let cx = Context::from_waker(&task);
            let waker = readable.reading(&cx).unwrap().waker().clone();
            assert!(readable.reading(&cx).is_none());
            waker.wake();
            assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        }
    }
}
