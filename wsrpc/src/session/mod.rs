//! The engine: once a connection stands, both sides hold the same [`Session`], whichever of them dialled.
//!
//! One task, the driver, owns the socket. Callers and handlers reach it through the protocol's
//! [`Core`](crate::proto::Core), which a mutex guards that is never held while anything is awaited, sent or woken.

mod alarm;
mod busy_poll;
mod cork;
mod driver;
mod handlers;
mod hello;
mod memory;
mod quiet;
mod readable;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use self::handlers::Handlers;
pub(crate) use self::{
    driver::{Driver, Finished},
    handlers::{Scope, current_scope, in_scope, panic_message},
    hello::{Agreed, HelloError, agree},
    memory::{End, connect},
};
use crate::{
    call::RetryBudget,
    call_error::CallError,
    compression::Accepted,
    config::Resolved,
    identity::PublicKey,
    metadata::Metadata,
    proto::{
        Answered, CallKey, Core, Key, Message, OpenError, Outgoing, Reply, SendError, Slot, Ticket,
    },
    service::Router,
    session_end::SessionEnd,
    status::Status,
    transport::{Io, WebSocket},
    version::ProtocolVersion,
    wire::Text,
};

/// One established connection, in both directions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Session(Arc<Shared>);

/// A handle that does not keep its session.
#[derive(Default)]
pub(crate) struct WeakSession(Weak<Shared>);

impl WeakSession {
    /// The session, if anyone else still has it.
    pub(crate) fn upgrade(&self) -> Option<Session> {
        self.0.upgrade().map(Session)
    }
}

struct Shared {
    id: u64,
    peer: PublicKey,
    version: ProtocolVersion,
    max_recv_size: usize,
    default_timeout: Option<Duration>,
    accepted: Accepted,
    /// It has ended, or its peer goes away: what each call asks first, without the lock.
    closed_to_calls: AtomicBool,
    state: Mutex<State>,
    /// The session drains, its peer goes away, or it has ended.
    turned: Notify,
    handlers: Handlers,
    retry_budget: RetryBudget,
}

struct State {
    core: Core,
    /// Set while the driver sleeps: whoever takes it wakes it.
    driver: Option<Waker>,
    /// One of the sides starts no more calls of the other's.
    draining: bool,
    /// As the peer asked when it said that it is going away.
    spread: Option<Duration>,
}

/// Characters of a peer's reason that are logged.
const MAX_REASON: usize = 128;

/// What a session tells the side that made it.
#[derive(Default)]
pub(crate) struct Hooks {
    /// The first message or pong was received: the peer is alive, and not a replay of its handshake.
    pub(crate) proven: Option<Proven>,
    /// The session has ended, and its socket is about to be closed.
    pub(crate) ended: Option<Ended>,
}

impl Hooks {
    /// The peer is alive, and not a replay of its handshake.
    fn prove(&mut self, session: &Session) {
        if let Some(proven) = self.proven.take() {
            proven(session);
        }
    }
}

pub(crate) type Proven = Box<dyn FnOnce(&Session) + Send>;
pub(crate) type Ended = Box<dyn FnOnce(&Session, &SessionEnd) + Send>;

impl Session {
    /// A session with `peer`, and the driver that is to be run for as long as it lasts.
    pub(crate) fn new<IO: Io>(
        mut socket: WebSocket<IO>,
        peer: PublicKey,
        agreed: Agreed,
        router: Arc<Router>,
        config: &Resolved,
        hooks: Hooks,
    ) -> (Self, Driver<IO>) {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let now = Instant::now().into_std();
        let limits = config.limits.clone();
        let core = match agreed {
            Agreed::V1 => {
                let mut salt = [0; 8];
                getrandom::fill(&mut salt).expect("the system's random source works");
                let salt = u64::from_ne_bytes(salt);
                Core::v1(limits, salt, now)
            }
            Agreed::V2 { parity, peer } => {
                socket.share_messages();
                Core::v2(limits, parity, peer, now)
            }
        };
        let session = Self(Arc::new(Shared {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            peer,
            version: agreed.version(),
            max_recv_size: config.max_recv_size,
            default_timeout: core.default_timeout(),
            accepted: agreed.accepted(),
            closed_to_calls: AtomicBool::new(false),
            state: Mutex::new(State {
                core,
                driver: None,
                draining: false,
                spread: None,
            }),
            turned: Notify::new(),
            handlers: Handlers::default(),
            retry_budget: RetryBudget::default(),
        }));
        let driver = Driver::new(session.clone(), socket, router, config, hooks);
        (session, driver)
    }

    /// A handle to the same session that does not keep it.
    pub(crate) fn downgrade(&self) -> WeakSession {
        WeakSession(Arc::downgrade(&self.0))
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
        let timeout = self.0.default_timeout?;
        Instant::now().checked_add(timeout)
    }

    /// The version of the protocol that was agreed on.
    pub(crate) fn version(&self) -> ProtocolVersion {
        self.0.version
    }

    /// Bytes of the largest message that this side takes.
    pub(crate) fn max_recv_size(&self) -> usize {
        self.0.max_recv_size
    }

    /// What the peer can undo.
    pub(crate) fn accepted(&self) -> Accepted {
        self.0.accepted
    }

    /// What calls that are bound to this session may be made again.
    pub(crate) fn retry_budget(&self) -> &RetryBudget {
        &self.0.retry_budget
    }

    /// Makes a call, whose owner waits for the answer from here on; see [`Core::open`].
    pub(crate) fn open(
        &self,
        call: &mut Outgoing,
        ticket: Option<Ticket>,
        waker: &Waker,
    ) -> Result<CallKey, OpenError> {
        let opened = self.tell_driver(|core| core.open(call, ticket, waker));
        if let Err(OpenError::Failed(_)) = &opened {
            // Who looks for a session once more must not find this one again.
            self.notice(&self.lock());
        }
        opened
    }

    /// Someone who waited for room will not try again.
    pub(crate) fn return_ticket(&self, ticket: Ticket) {
        self.lock().core.return_ticket(ticket);
    }

    /// The one response of a call, once, which is put into `reply`: that also lets go of the call.
    pub(crate) fn poll_reply(
        &self,
        key: CallKey,
        cx: &mut Context<'_>,
        reply: &mut Reply,
    ) -> Poll<Result<(), CallError>> {
        // A large reply that came before it was asked for is only now let in: that is for the driver to say.
        ready_or_pending(self.tell_driver(|core| core.poll_reply(key, cx.waker(), reply)))
    }

    /// The metadata that the responses of a call begin with.
    pub(crate) fn poll_head(
        &self,
        key: CallKey,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Metadata, CallError>> {
        ready_or_pending(self.lock().core.poll_head(key, cx.waker()))
    }

    /// The next message of a call, in either role; `None` after the last one.
    pub(crate) fn poll_message(
        &self,
        key: Key,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, CallError>> {
        ready_or_pending(self.tell_driver(|core| core.poll_message(key, cx.waker())))
    }

    /// The metadata that trail the responses of a call that has ended well.
    pub(crate) fn trailing(&self, key: CallKey) -> Option<Metadata> {
        self.lock().core.trailing(key)
    }

    /// Whether another message of a call may be sent.
    pub(crate) fn poll_room(&self, key: Key, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        ready_or_pending(self.lock().core.poll_room(key, cx.waker()))
    }

    /// Sends a message of a call.
    pub(crate) fn send(&self, key: Key, message: Message) -> Result<(), SendError> {
        self.tell_driver(|core| core.send(key, message))
    }

    /// A caller sends no more messages.
    pub(crate) fn finish(&self, key: CallKey) {
        self.tell_driver(|core| core.finish(key));
    }

    /// A call fails on this side.
    pub(crate) fn give_up(&self, key: CallKey, error: CallError) {
        self.tell_driver(|core| core.give_up(key, error));
    }

    /// The owner of a call lets go of it.
    pub(crate) fn release(&self, key: CallKey) {
        self.tell_driver(|core| core.release(key));
    }

    /// The responses to a call begin with these metadata.
    pub(crate) fn send_head(&self, slot: Slot, metadata: Metadata) -> Result<(), Status> {
        self.tell_driver(|core| core.send_head(slot, metadata))
    }

    /// A handler that runs as a task of its own has ended.
    fn answer(&self, slot: Slot, answered: Answered) {
        self.tell_driver(|core| core.answer(slot, answered));
    }

    /// A handler was dropped before it answered.
    fn dropped(&self, slot: Slot) {
        self.tell_driver(|core| core.dropped(slot));
    }

    /// Changes the core, and wakes whom that concerns: the driver if there is something for it to do.
    fn tell_driver<T>(&self, change: impl FnOnce(&mut Core) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state.core);
        let mut callers = Vec::new();
        state.core.take_wakers(&mut callers);
        let sleeps = state.driver.is_some();
        let concerned = sleeps && (state.core.has_unsent() || state.core.is_drained());
        let driver = if concerned { state.driver.take() } else { None };
        drop(state);
        wake(callers);
        wake(driver);
        result
    }

    /// Refuses calls from here on; the session ends once nothing is left that runs. The peer learns over how long its
    /// side is to spread its coming back.
    pub(crate) fn drain(&self, spread: Duration) {
        let mut state = self.lock();
        state.core.drain(spread);
        state.draining = true;
        let driver = state.driver.take();
        drop(state);
        self.0.turned.notify_waiters();
        wake(driver);
    }

    /// The peer takes no more calls, and ends the session once nothing is left that runs.
    fn peer_leaves(&self, reason: &Text, spread: Duration) {
        let mut state = self.lock();
        let repeats = state.spread.replace(spread).is_some();
        state.draining = true;
        drop(state);
        // A log that grows with each frame of a peer's would be the peer's to fill.
        if !repeats {
            let reason: String = reason.as_str().chars().take(MAX_REASON).collect();
            tracing::info!(peer = %self.peer().short(), reason, ?spread, "the peer is going away");
        }
        self.0.turned.notify_waiters();
    }

    /// Whether calls are worth a try: the session has not ended, and its peer does not go away.
    pub(crate) fn takes_calls(&self) -> bool {
        !self.0.closed_to_calls.load(Ordering::Acquire)
    }

    /// Where the core takes no more calls, they find another session from here on. To be called before the lock is let
    /// go of under which that may have come about.
    fn notice(&self, state: &State) {
        if !state.core.takes_calls() {
            self.0.closed_to_calls.store(true, Ordering::Release);
        }
    }

    /// Waits until the peer goes away. Returns over how long it asks those who come back to spread.
    pub(crate) async fn going_away(&self) -> Duration {
        self.turned(Self::spread).await
    }

    /// Over how long the peer, which goes away, asks those who come back to spread.
    pub(crate) fn spread(&self) -> Option<Duration> {
        self.lock().spread
    }

    /// Pings the peer now, so that its pong proves it alive.
    pub(crate) fn ping(&self) {
        let mut state = self.lock();
        state.core.ping(Instant::now().into_std());
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
        self.notice(&state);
        let driver = state.driver.take();
        let mut callers = Vec::new();
        state.core.take_wakers(&mut callers);
        drop(state);
        self.stop();
        wake(callers);
        wake(driver);
    }

    /// Stops what belongs to a session that has ended. Doing so twice does nothing more.
    fn stop(&self) {
        self.0.handlers.stop(self.id());
        self.0.turned.notify_waiters();
    }

    /// Why the session ended, if it has.
    pub(crate) fn ended(&self) -> Option<SessionEnd> {
        self.lock().core.ended().cloned()
    }

    /// Whether the session has ended. While it takes calls it has not, which needs no lock to see.
    fn has_ended(&self) -> bool {
        !self.takes_calls() && self.lock().core.ended().is_some()
    }

    /// Waits until the session has ended.
    pub(crate) async fn closed(&self) -> SessionEnd {
        self.turned(Self::ended).await
    }

    /// Waits until one of the sides starts no more calls of the other's.
    pub(crate) async fn draining(&self) {
        self.turned(|session| {
            let state = session.lock();
            (state.draining || state.core.ended().is_some()).then_some(())
        })
        .await;
    }

    /// Waits until the session has taken a turn that `look` sees.
    async fn turned<T>(&self, look: impl Fn(&Self) -> Option<T>) -> T {
        loop {
            let notified = self.0.turned.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if let Some(seen) = look(self) {
                return seen;
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

    /// Tasks that are alive: the driver, and the handlers that did not answer at once.
    #[cfg(test)]
    pub(crate) fn tasks_alive(&self) -> usize {
        self.0.handlers.alive()
    }

    /// Calls of this side that wait for an answer.
    #[cfg(test)]
    pub(crate) fn calls_in_flight(&self) -> usize {
        self.lock().core.calls_in_flight()
    }

    /// Whether what waits for its reader may keep alive what it came in.
    #[cfg(test)]
    pub(crate) fn has_fresh(&self) -> bool {
        self.lock().core.has_fresh()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id())
            .field("peer", &self.peer())
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}

/// Locks, also after a panic elsewhere: no critical section leaves its data half-changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ready_or_pending<T>(ready: Option<T>) -> Poll<T> {
    ready.map_or(Poll::Pending, Poll::Ready)
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests;
