//! Handlers at work: polled in place, run as tasks, stopped with their session.

use std::{
    any::Any,
    cell::Cell,
    collections::HashMap,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Mutex,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::AbortHandle,
    time::{Instant, Sleep, sleep_until},
};

use super::{Session, lock};
use crate::{
    compression::Compression,
    proto::{Answered, Incoming, Refusal, Slot},
    service::{HandlerFuture, IncomingCall, MethodDescriptor, MethodKind, Origin, Router},
    status::Status,
    version::ProtocolVersion,
};

/// On whose behalf code runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Scope {
    /// The handler that runs.
    handler: Option<(u64, Slot)>,
    /// When the call that it answers is to be done.
    pub(crate) deadline: Option<Instant>,
}

impl Scope {
    /// That of code outside of handlers.
    const NONE: Self = Self {
        handler: None,
        deadline: None,
    };

    /// What code that the handler starts elsewhere takes over of it.
    pub(crate) fn inherited(self) -> Self {
        Self {
            handler: None,
            ..self
        }
    }

    /// The same with another deadline.
    pub(crate) fn until(self, deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..self
        }
    }
}

thread_local! {
    static CURRENT: Cell<Scope> = const { Cell::new(Scope::NONE) };
}

/// On whose behalf the calling code runs.
pub(crate) fn current_scope() -> Scope {
    CURRENT.get()
}

/// Runs a step on behalf of `scope`.
fn within<T>(scope: Scope, step: impl FnOnce() -> T) -> T {
    /// Also after a panic.
    struct Restore(Scope);

    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }

    let _outer = Restore(CURRENT.replace(scope));
    step()
}

/// Runs `future` on behalf of `scope`, within whichever handler polls it.
pub(crate) async fn in_scope<F: Future>(scope: Scope, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let handler = current_scope().handler;
        within(Scope { handler, ..scope }, || future.as_mut().poll(cx))
    })
    .await
}

/// The session whose handler calls this, if one does.
pub(super) fn current_session() -> Option<u64> {
    current_scope().handler.map(|(session, _)| session)
}

/// The tasks of one session: its driver, and the handlers that did not answer at once.
#[derive(Default)]
pub(super) struct Handlers {
    table: Mutex<Table>,
    idle: Notify,
}

#[derive(Default)]
struct Table {
    stopped: bool,
    /// The handler that ended the session while it ran: it is let be.
    spared: Option<Slot>,
    /// All tasks, the driver included.
    alive: usize,
    running: HashMap<Slot, Running>,
}

enum Running {
    /// It is being spawned, and there is nothing yet to stop it by.
    Spawning,
    /// The same, and it is to be stopped by who spawns it.
    Unwanted,
    Spawned(AbortHandle),
}

impl Handlers {
    /// Runs `handler` as a task, unless the session has ended.
    fn spawn(&self, handler: Handler) {
        let slot = handler.slot;
        let session = handler.session.clone();
        let _alive = {
            let mut table = lock(&self.table);
            if table.stopped && table.spared != Some(slot) {
                return;
            }
            table.running.insert(slot, Running::Spawning);
            Alive::new(session, &mut table, Some(slot))
        };
        // Not under the lock: a runtime that shuts down drops the task in here.
        let task = tokio::spawn(Task { handler, _alive }.run());
        let mut table = lock(&self.table);
        let unwanted = match table.running.get_mut(&slot) {
            Some(Running::Unwanted) => true,
            Some(running) => {
                *running = Running::Spawned(task.abort_handle());
                false
            }
            // It has ended, or the session has.
            None => table.stopped && table.spared != Some(slot),
        };
        drop(table);
        if unwanted {
            task.abort();
        }
    }

    /// Stops all handlers but the one that calls this.
    pub(super) fn stop(&self, session: u64) {
        let current = current_scope().handler;
        let mut table = lock(&self.table);
        if table.stopped {
            return;
        }
        table.stopped = true;
        table.spared = current
            .filter(|(running_in, _)| *running_in == session)
            .map(|(_, slot)| slot);
        let spared = table.spared;
        let running = std::mem::take(&mut table.running);
        drop(table);
        for (slot, task) in running {
            // One that is being spawned is stopped by who spawns it.
            if let Running::Spawned(task) = task {
                if spared != Some(slot) {
                    task.abort();
                }
            }
        }
    }

    /// Stops one handler, if it still runs.
    pub(super) fn abort(&self, slot: Slot) {
        let mut table = lock(&self.table);
        let Some(running) = table.running.get_mut(&slot) else {
            return;
        };
        if let Running::Spawned(task) = running {
            let task = task.clone();
            drop(table);
            task.abort();
        } else {
            *running = Running::Unwanted;
        }
    }

    /// Gives back memory that only a burst needed.
    pub(super) fn shrink(&self) {
        let mut table = lock(&self.table);
        if table.running.is_empty() {
            table.running = HashMap::new();
        }
    }

    #[cfg(test)]
    pub(super) fn alive(&self) -> usize {
        lock(&self.table).alive
    }

    /// Waits until no task is alive.
    pub(super) async fn idle(&self) {
        loop {
            let notified = self.idle.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if lock(&self.table).alive == 0 {
                return;
            }
            notified.await;
        }
    }
}

/// A handler that is a task of its own. What holds it as alive is dropped last, also if it never runs.
struct Task {
    handler: Handler,
    _alive: Alive,
}

impl Task {
    async fn run(self) {
        self.handler.run().await;
    }
}

/// Counts a task as alive until it is dropped, however it ends.
pub(super) struct Alive {
    session: Session,
    slot: Option<Slot>,
}

impl Alive {
    /// The session's driver.
    pub(super) fn driver(session: Session) -> Self {
        let mut table = lock(&session.0.handlers.table);
        let alive = Self::new(session.clone(), &mut table, None);
        drop(table);
        alive
    }

    fn new(session: Session, table: &mut Table, slot: Option<Slot>) -> Self {
        table.alive += 1;
        Self { session, slot }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        let handlers = &self.session.0.handlers;
        let mut table = lock(&handlers.table);
        table.alive -= 1;
        if let Some(slot) = self.slot {
            table.running.remove(&slot);
        }
        if table.alive == 0 {
            drop(table);
            handlers.idle.notify_waiters();
        }
    }
}

/// Starts the handler of a call. Returns its answer if that came at once; otherwise a task goes on with it.
pub(super) fn start(
    session: &Session,
    router: &Router,
    max_time: Option<Duration>,
    cx: &mut Context<'_>,
    incoming: Incoming,
) -> Option<Answered> {
    let method = match router.find(&incoming.method, session.version()) {
        Ok(method) => method,
        Err(status) => return Some(Err(Refusal::NotStarted(status))),
    };
    if session.version() == ProtocolVersion::V1 && method.descriptor.kind() != MethodKind::Unary {
        let text = format!(
            "{} has streams, and version 1 of the protocol has none",
            method.descriptor
        );
        return Some(Err(Refusal::NotStarted(Status::unimplemented(text))));
    }
    let slot = incoming.slot;
    let scope = Scope {
        handler: Some((session.id(), slot)),
        deadline: incoming.deadline.map(Instant::from_std),
    };
    let call = IncomingCall {
        method: method.descriptor,
        first: incoming.first,
        last: incoming.last,
        rest: None,
        handover: None,
        extensions: http::Extensions::new(),
        origin: Origin {
            session: session.clone(),
            slot,
            deadline: scope.deadline,
        },
        metadata: incoming.metadata,
        compression: Compression::Off,
    };
    // The first poll counts, and may be a long one.
    let limit = max_time.and_then(|limit| Some((limit, Instant::now().checked_add(limit)?)));
    let in_place = method.service.runs_in_place();
    let mut future = None;
    // The usual handler begins, answers and is dropped in one step. One that panics leaves its future out here, for to
    // drop it may panic as well.
    let step = guard(scope, || {
        let begun = future.insert(method.service.call(method.index, call));
        if !in_place {
            return Poll::Pending;
        }
        let answer = ready!(begun.0.as_mut().poll(cx));
        drop(future.take());
        Poll::Ready(answer)
    });
    match step {
        Ok(Poll::Ready(answer)) => Some(answer),
        Ok(Poll::Pending) => {
            session.0.handlers.spawn(Handler {
                session: session.clone(),
                slot,
                scope,
                method: method.descriptor,
                future,
                answered: false,
                limit: limit.map(|(limit, until)| (limit, Box::pin(sleep_until(until)))),
            });
            None
        }
        Err(panic) => {
            let refusal = panicked(method.descriptor, &*panic);
            discard(scope, method.descriptor, future);
            Some(Err(refusal))
        }
    }
}

/// A handler that did not answer at once.
struct Handler {
    session: Session,
    slot: Slot,
    scope: Scope,
    method: &'static MethodDescriptor,
    /// Until it has ended.
    future: Option<HandlerFuture>,
    answered: bool,
    limit: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl Handler {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answered> {
        let answer = ready!(self.step(cx));
        self.answered = true;
        Poll::Ready(self.discard().map_or(answer, Err))
    }

    fn discard(&mut self) -> Option<Refusal> {
        discard(self.scope, self.method, self.future.take())
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Poll<Answered> {
        let Some(future) = &mut self.future else {
            return Poll::Pending;
        };
        match guard(self.scope, || future.0.as_mut().poll(cx)) {
            Ok(Poll::Ready(answer)) => return Poll::Ready(answer),
            Ok(Poll::Pending) => {}
            Err(panic) => return Poll::Ready(Err(panicked(self.method, &*panic))),
        }
        if let Some((limit, sleep)) = &mut self.limit {
            if sleep.as_mut().poll(cx).is_ready() {
                let text = format!("the handler took longer than {limit:?}");
                return Poll::Ready(Err(Refusal::ByUs(Status::deadline_exceeded(text))));
            }
        }
        Poll::Pending
    }

    async fn run(mut self) {
        let answer = poll_fn(|cx| self.poll(cx)).await;
        self.session.answer(self.slot, answer);
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.discard();
        if !self.answered {
            self.session.dropped(self.slot);
        }
    }
}

/// Drops a handler. What it holds is the user's too, and may panic as it is dropped.
fn discard(
    scope: Scope,
    method: &MethodDescriptor,
    future: Option<HandlerFuture>,
) -> Option<Refusal> {
    let future = future?;
    let dropped = guard(scope, || drop(future));
    dropped.err().map(|panic| panicked(method, &*panic))
}

/// Runs a step of a handler, so that a panic in it stays its own.
fn guard<T>(scope: Scope, step: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    within(scope, || catch_unwind(AssertUnwindSafe(step)))
}

fn panicked(method: &MethodDescriptor, panic: &(dyn Any + Send)) -> Refusal {
    let (service, method) = (method.service(), method.name());
    let message = panic_message(panic);
    tracing::error!(service, method, message, "a handler panicked");
    // The peer learns that it happened and not what was said: that may hold anything.
    Refusal::ByUs(Status::internal(format!(
        "the handler of {service}/{method} panicked"
    )))
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
