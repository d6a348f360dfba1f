//! The engine: once a connection stands, both sides hold the same [`Session`], whichever of them dialled.
//!
//! One task, the driver, owns the socket. Callers and handlers reach it through the protocol's
//! [`Core`](crate::proto::Core), which a mutex guards that is never held while anything is awaited, sent or woken.

mod driver;
mod handlers;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::Notify, time::Instant};

pub(crate) use self::driver::{Driver, Finished};
use self::handlers::Handlers;
use crate::{
    call_error::CallError,
    config::Resolved,
    identity::PublicKey,
    proto::{CallKey, Core, OpenError, Slot, Ticket},
    service::{MethodDescriptor, Router},
    session_end::SessionEnd,
    transport::{Io, WebSocket},
};

/// One established connection, in both directions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Session(Arc<Shared>);

struct Shared {
    id: u64,
    peer: PublicKey,
    state: Mutex<State>,
    ended: Notify,
    handlers: Handlers,
}

struct State {
    core: Core,
    /// Set while the driver sleeps: whoever takes it wakes it.
    driver: Option<Waker>,
}

/// What a session tells the side that made it.
#[derive(Default)]
pub(crate) struct Hooks {
    /// The first message or pong was received: the peer is alive, and not a replay of its handshake.
    pub(crate) proven: Option<Proven>,
    /// The session has ended, and its socket is about to be closed.
    pub(crate) ended: Option<Ended>,
}

pub(crate) type Proven = Box<dyn FnOnce(&Session) + Send>;
pub(crate) type Ended = Box<dyn FnOnce(&Session, &SessionEnd) + Send>;

impl Session {
    /// A session with `peer`, and the driver that is to be run for as long as it lasts.
    pub(crate) fn new<IO: Io>(
        socket: WebSocket<IO>,
        peer: PublicKey,
        router: Arc<Router>,
        config: &Resolved,
        hooks: Hooks,
    ) -> (Self, Driver<IO>) {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let mut salt = [0; 8];
        getrandom::fill(&mut salt).expect("the system's random source works");
        let now = Instant::now().into_std();
        let session = Self(Arc::new(Shared {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            peer,
            state: Mutex::new(State {
                core: Core::new(config.limits.clone(), u64::from_ne_bytes(salt), now),
                driver: None,
            }),
            ended: Notify::new(),
            handlers: Handlers::default(),
        }));
        let driver = Driver::new(session.clone(), socket, router, config, hooks);
        (session, driver)
    }

    /// The peer's key.
    pub(crate) fn peer(&self) -> PublicKey {
        self.0.peer
    }

    /// Tells sessions of this process apart.
    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    /// The deadline of a call that is made now and has none of its own.
    pub(crate) fn default_deadline(&self) -> Option<Instant> {
        let timeout = self.lock().core.default_timeout()?;
        Instant::now().checked_add(timeout)
    }

    /// Makes a call; see [`Core::open`].
    pub(crate) fn open(
        &self,
        method: &MethodDescriptor,
        payload: Bytes,
        deadline: Option<Instant>,
        ticket: Option<Ticket>,
        waker: &Waker,
    ) -> Result<CallKey, OpenError> {
        let mut state = self.lock();
        let deadline = deadline.map(Instant::into_std);
        let key = state
            .core
            .open(method.name(), payload, deadline, ticket, waker)?;
        let driver = state.driver.take();
        drop(state);
        wake(driver);
        Ok(key)
    }

    /// Someone who waited for room will not try again.
    pub(crate) fn return_ticket(&self, ticket: Ticket) {
        self.lock().core.return_ticket(ticket);
    }

    /// The result of a call, once.
    pub(crate) fn poll_call(
        &self,
        key: CallKey,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Bytes, CallError>> {
        match self.lock().core.poll_call(key, cx.waker()) {
            Some(result) => Poll::Ready(result),
            None => Poll::Pending,
        }
    }

    /// The caller gave up.
    pub(crate) fn cancel(&self, key: CallKey) {
        let mut state = self.lock();
        state.core.cancel(key);
        let callers = state.core.take_wakers();
        // It may have been the last thing that a session waited for which drains.
        let drained = state.core.is_drained();
        let driver = drained.then(|| state.driver.take()).flatten();
        drop(state);
        wake(callers);
        wake(driver);
    }

    /// A handler that runs as a task of its own has ended.
    fn answer(&self, slot: Slot, result: crate::service::HandlerResult) {
        let mut state = self.lock();
        state.core.answer(slot, result);
        let driver = state.driver.take();
        drop(state);
        wake(driver);
    }

    /// Refuses calls from here on; the session ends once nothing is left that runs.
    pub(crate) fn drain(&self) {
        let mut state = self.lock();
        state.core.drain();
        let driver = state.driver.take();
        drop(state);
        wake(driver);
    }

    /// Pings the peer now, so that its pong proves it alive.
    pub(crate) fn ping(&self) {
        let mut state = self.lock();
        state.core.ping();
        let driver = state.driver.take();
        drop(state);
        wake(driver);
    }

    /// Ends the session: pending calls fail, handlers stop, answers are dropped, all before this returns. The first
    /// reason given stays. The handler that calls this is let be.
    pub(crate) fn end(&self, reason: SessionEnd) {
        let mut state = self.lock();
        if state.core.ended().is_some() {
            drop(state);
            // The core may have ended by itself a moment ago, in its driver's hands: what is promised here holds anyway.
            self.stop();
            return;
        }
        state.core.end(reason);
        let driver = state.driver.take();
        let callers = state.core.take_wakers();
        drop(state);
        self.stop();
        wake(callers);
        wake(driver);
    }

    /// Stops what belongs to a session that has ended. Doing so twice does nothing more.
    fn stop(&self) {
        self.0.handlers.stop(self.id());
        self.0.ended.notify_waiters();
    }

    /// Why the session ended, if it has.
    pub(crate) fn ended(&self) -> Option<SessionEnd> {
        self.lock().core.ended().cloned()
    }

    /// Waits until the session has ended.
    pub(crate) async fn closed(&self) -> SessionEnd {
        loop {
            let notified = self.0.ended.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if let Some(end) = self.ended() {
                return end;
            }
            notified.await;
        }
    }

    /// Waits until the session's tasks have ended, at most `limit`. Called from one of its own handlers, it does not
    /// wait at all, for it would wait for itself. Returns whether they have ended.
    pub(crate) async fn finished(&self, limit: Duration) -> bool {
        if handlers::current_session() == Some(self.id()) {
            return true;
        }
        let finished = tokio::time::timeout(limit, self.0.handlers.idle()).await;
        finished.is_ok()
    }

    /// As [`finished`](Self::finished), and says so where tasks are left.
    pub(crate) async fn wait_for_tasks(&self, limit: Duration) {
        if !self.finished(limit).await {
            tracing::warn!(
                peer = %self.peer(),
                "tasks of a session that has ended still run: a handler blocks its thread"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    /// Calls of this side that wait for an answer.
    #[cfg(test)]
    pub(crate) fn calls_in_flight(&self) -> usize {
        self.lock().core.calls_in_flight()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id())
            .field("peer", &self.peer())
            .finish_non_exhaustive()
    }
}

/// Locks, also after a panic elsewhere: no critical section leaves its data half-changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests;
