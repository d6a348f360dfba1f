//! The one task that owns a session's socket.

mod closing;

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::{task::yield_now, time::Instant};

use super::{
    Hooks, Session,
    alarm::Alarm,
    busy_poll::BusyPoll,
    cork::Cork,
    handlers::{self, Alive},
    quiet::Quiet,
    readable::Readable,
    wake,
};
use crate::{
    config::Resolved,
    proto::{Answered, Event, Slot, Transmit},
    service::Router,
    session_end::SessionEnd,
    transport::{Io, Received, TransportError, WebSocket},
};

/// Moves bytes between the socket and the session's core, and starts handlers.
///
/// Each turn reads what has come, if the stream has said that something has, wakes and starts whom it concerns, and then
/// writes all that waits in one go, or [leaves it](Cork) to the next turn to do so. The reader never waits for the writer:
/// if both sides did, neither would ever go on.
pub(crate) struct Driver<IO> {
    session: Session,
    socket: WebSocket<IO>,
    readable: Readable,
    router: Arc<Router>,
    max_handler_time: Option<Duration>,
    close_timeout: Duration,
    hooks: Hooks,
    alarm: Alarm,
    /// Events of this turn.
    events: VecDeque<Event>,
    /// Answers of handlers that came at once.
    answers: Vec<(Slot, Answered)>,
    /// Whom to wake once no lock is held.
    callers: Vec<Waker>,
    /// Others on this thread have their turn before the next.
    yields: bool,
    cork: Cork,
    /// Messages have come that their readers may have left unread.
    fresh: bool,
    /// This turn was full of bytes, and nobody waits for what it did.
    bulk: bool,
    /// How many such turns it had in a row.
    bulk_turns: u8,
    /// Where heads of frames are encoded.
    head: Vec<u8>,
    received: u64,
    busy_poll: BusyPoll,
    quiet: Quiet,
    _alive: Alive,
}

/// How a session ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) end: SessionEnd,
    /// The peer confirmed the close: it was alive to the last.
    pub(crate) acknowledged: bool,
}

/// Frames that are read before those whom they concern get their turn, and then the writer. The two sides of a session
/// work at the same time only if each goes on with what the other has done so far: were all that waits read in one go,
/// and answered in one go, then one of them would always wait for the other.
const FRAMES_A_TURN: usize = 64;

/// Bytes that are read before the writer gets its turn, which has no more than fits into its buffer: small calls beside
/// bulk wait no longer than the two take.
const BYTES_A_TURN: usize = 40 * 1024;

/// Turns full of bytes that a session may have in a row while it answers all calls at once. One that is through with its
/// burst before another begins is done with the memory for it: many that hold some at a time leave gaps behind, between
/// what they keep, that an allocator does not return to the system.
const BULK_TURNS: u8 = 4;

impl<IO: Io> Driver<IO> {
    pub(super) fn new(
        session: Session,
        socket: WebSocket<IO>,
        router: Arc<Router>,
        config: &Resolved,
        hooks: Hooks,
    ) -> Self {
        Self {
            _alive: Alive::driver(session.clone()),
            session,
            received: socket.received(),
            socket,
            readable: Readable::new(),
            router,
            max_handler_time: config.max_handler_time,
            close_timeout: config.close_timeout,
            hooks,
            alarm: Alarm::new(),
            events: VecDeque::new(),
            answers: Vec::new(),
            callers: Vec::new(),
            yields: false,
            cork: Cork::new(),
            fresh: false,
            bulk: false,
            bulk_turns: 0,
            head: Vec::new(),
            busy_poll: BusyPoll::new(config.busy_poll),
            quiet: Quiet::new(Instant::now().into_std()),
        }
    }

    /// Runs the session until it has ended and its socket is closed.
    // An `async fn` would have room for the driver twice: as its argument, and as the variable that it is moved to.
    #[expect(clippy::manual_async_fn, reason = "it takes half the memory")]
    pub(crate) fn run(mut self) -> impl Future<Output = Finished> + Send {
        async move {
            let end = poll_fn(|cx| self.poll_guarded(cx)).await;
            if let Some(ended) = self.hooks.ended.take() {
                ended(&self.session, &end);
            }
            // In a box, for it is there when nothing else is, and the task would have room for both.
            let acknowledged = Box::pin(self.close(&end)).await;
            tracing::debug!(peer = %self.session.peer().short(), %end, "session ended");
            Finished { end, acknowledged }
        }
    }

    /// A defect in here ends one session, and not the client or the server that it belongs to.
    fn poll_guarded(&mut self, cx: &mut Context<'_>) -> Poll<SessionEnd> {
        let turns = catch_unwind(AssertUnwindSafe(|| self.poll_turns(cx)));
        turns.unwrap_or_else(|panic| {
            let message = handlers::panic_message(&*panic);
            tracing::error!(message, "a session's driver panicked: please report it");
            let end = SessionEnd::Internal(message.to_owned());
            self.session.end(end.clone());
            Poll::Ready(self.session.ended().unwrap_or(end))
        })
    }

    fn poll_turns(&mut self, cx: &mut Context<'_>) -> Poll<SessionEnd> {
        self.bulk_turns = 0;
        loop {
            let read = self.read(cx);
            let started = self.run_events(cx);
            // Handlers take their time, and to write does not.
            let now = Instant::now().into_std();
            let wrote = self.write(cx, now, read.full);
            if read.anything || started || wrote.anything {
                self.quiet.worked();
                self.busy_poll.worked();
            }
            let goes_on = read.more || self.yields;
            match self.rest(cx, now, wrote, goes_on) {
                Rest::Ended(end) => return Poll::Ready(end),
                Rest::Sleep => {
                    if self.busy_poll.stays_awake() {
                        // All others have their turn first, and a runtime with nothing else to do asks the sockets what
                        // came.
                        let _ = pin!(yield_now()).poll(cx);
                    } else {
                        self.busy_poll.sleeps();
                    }
                    return Poll::Pending;
                }
                Rest::Again => {}
            }
            // Others on this thread have their turn before the next: those who were woken go on, and what they then ask
            // for is written with what is answered.
            if std::mem::take(&mut self.yields) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Reads what has come.
    fn read(&mut self, cx: &mut Context<'_>) -> Read {
        if std::mem::take(&mut self.fresh) {
            self.session.lock().core.shelve();
        }
        let Some(mut reading) = self.readable.reading(cx) else {
            return Read {
                anything: false,
                more: false,
                full: false,
            };
        };
        let mut end = None;
        let mut more = true;
        let mut frames = 0;
        let now = Instant::now().into_std();
        let enough = self.received.saturating_add(BYTES_A_TURN as u64);
        while end.is_none() && frames < FRAMES_A_TURN && self.socket.received() < enough {
            match self.socket.poll_read(&mut reading) {
                Poll::Pending => {
                    more = false;
                    break;
                }
                Poll::Ready(Ok(received)) => match received {
                    Received::Message(message) => {
                        self.hooks.prove(&self.session);
                        let mut state = self.session.lock();
                        frames += state.core.receive(&message, now).max(1);
                        if state.core.ended().is_some() {
                            self.session.notice(&state);
                            break;
                        }
                    }
                    Received::Pong => {
                        self.hooks.prove(&self.session);
                        self.session.lock().core.ponged(now);
                        frames += 1;
                    }
                    Received::Ping => frames += 1,
                    Received::Text => end = Some(SessionEnd::TextFrame),
                    Received::Close { code, reason } => {
                        end = Some(SessionEnd::PeerClosed { code, reason });
                    }
                },
                Poll::Ready(Err(error)) => end = Some(error.into()),
            }
        }
        if more {
            self.readable.stop_short();
        }
        let received = self.socket.received();
        let heard = received != self.received;
        self.received = received;
        if heard || frames > 0 {
            let mut state = self.session.lock();
            self.session.notice(&state);
            state.core.keepalive().heard(now);
            state.core.take_events(&mut self.events);
            state.core.take_wakers(&mut self.callers);
            self.fresh = state.core.has_fresh();
            drop(state);
            self.bulk = more && frames < FRAMES_A_TURN && self.callers.is_empty();
            self.yields = more || self.fresh || !self.callers.is_empty();
            wake(self.callers.drain(..));
        }
        if let Some(end) = end {
            self.session.end(end);
            // What was read before is dispatched no more: its answers could not be sent.
            Event::keep_parting_words(&mut self.events);
        }
        Read {
            anything: heard || frames > 0,
            more,
            full: frames >= FRAMES_A_TURN,
        }
    }

    /// Does what the core asks for. Returns whether it asked for anything.
    fn run_events(&mut self, cx: &mut Context<'_>) -> bool {
        let any = !self.events.is_empty();
        let mut shrink = false;
        for event in self.events.drain(..) {
            match event {
                // Most often, a session that asks whether its peer is alive has nothing else to do.
                Event::Ping => {
                    self.socket.push_ping(cx);
                    shrink = true;
                }
                Event::Pong => {
                    self.socket.push_pong(cx);
                    shrink = true;
                }
                Event::Shrink => shrink = true,
                Event::Stop(slot) => self.session.0.handlers.abort(slot),
                Event::GoingAway { reason, spread } => self.session.peer_leaves(&reason, spread),
                // Looked up for each: one handler may end the session, and so may another thread. What was received
                // before that starts no more, for its answer could not be sent and its caller may have been revoked.
                Event::Start(_) if self.session.has_ended() => {}
                Event::Start(incoming) => {
                    let slot = incoming.slot;
                    let limit = self.max_handler_time;
                    let answer = handlers::start(&self.session, &self.router, limit, cx, incoming);
                    self.bulk &= answer.is_some();
                    self.answers.extend(answer.map(|answer| (slot, answer)));
                }
            }
        }
        if shrink {
            self.shrink();
        }
        if std::mem::take(&mut self.bulk) && !self.answers.is_empty() {
            self.bulk_turns += 1;
            self.yields = self.bulk_turns >= BULK_TURNS;
        }
        any
    }

    /// Gives back memory that only a burst needed. The core has done so.
    fn shrink(&mut self) {
        self.socket.shrink();
        self.session.0.handlers.shrink();
        self.callers = Vec::new();
        self.head = Vec::new();
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
        if self.answers.is_empty() {
            self.answers = Vec::new();
        }
    }

    /// Writes what waits, as much as fits into the buffer and the socket takes, unless that of a `full` turn is held back.
    fn write(&mut self, cx: &mut Context<'_>, now: std::time::Instant, full: bool) -> Wrote {
        let mut state = self.session.lock();
        for (slot, answer) in self.answers.drain(..) {
            state.core.answer(slot, answer);
        }
        let mut out = Transmit {
            head: std::mem::take(&mut self.head),
            payload: Bytes::new(),
        };
        while self.socket.is_ready() && state.core.transmit(now, &mut out) {
            let payload = std::mem::take(&mut out.payload);
            self.socket.push_message(&out.head, payload);
            out.head.clear();
        }
        self.head = out.head;
        state.core.take_events(&mut self.events);
        let mut waiting = state.core.has_unsent();
        state.core.take_wakers(&mut self.callers);
        drop(state);
        wake(self.callers.drain(..));
        let mut progress = 0;
        // The stream is not asked then: nothing waits for the peer.
        if !self.cork.holds_back(self.socket.unwritten(), full, now) {
            match self.socket.poll_flush(cx, &mut progress) {
                Poll::Ready(Ok(())) => self.cork.flushed(now),
                Poll::Pending => waiting = true,
                Poll::Ready(Err(error)) => {
                    let end = self.explain(cx, error);
                    self.session.end(end);
                    // No other turn comes that would.
                    self.run_events(cx);
                }
            }
        }
        Wrote {
            anything: progress > 0,
            waiting,
        }
    }

    /// After a failed write, what the peer sent before it went away says more than the write, and answers are answers.
    fn explain(&mut self, cx: &mut Context<'_>, error: TransportError) -> SessionEnd {
        loop {
            match self.socket.poll_read(cx) {
                Poll::Ready(Ok(Received::Close { code, reason })) => {
                    return SessionEnd::PeerClosed { code, reason };
                }
                Poll::Ready(Ok(Received::Message(message))) => {
                    let now = Instant::now().into_std();
                    let mut state = self.session.lock();
                    state.core.receive(&message, now);
                    self.session.notice(&state);
                    state.core.take_events(&mut self.events);
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(TransportError::Io(error))) => {
                    return SessionEnd::Lost(error.to_string());
                }
                Poll::Ready(Err(_)) | Poll::Pending => return error.into(),
            }
        }
    }

    /// Sees to the timers, and that the driver is woken for what comes, unless it `goes_on` anyway.
    fn rest(
        &mut self,
        cx: &mut Context<'_>,
        now: std::time::Instant,
        wrote: Wrote,
        goes_on: bool,
    ) -> Rest {
        let mut state = self.session.lock();
        if wrote.anything || !wrote.waiting {
            state.core.keepalive().wrote(now, wrote.waiting);
        } else {
            state.core.keepalive().waiting(now);
        }
        let due = state.core.next_timeout().is_some_and(|next| next <= now);
        if due {
            state.core.handle_timeout(now);
            self.session.notice(&state);
        }
        state.core.take_events(&mut self.events);
        state.core.take_wakers(&mut self.callers);
        let ended = state.core.ended().cloned();
        let drained = state.core.is_drained() && self.socket.is_flushed();
        let unsent = state.core.has_unsent() && self.socket.is_ready();
        // Both are asked, for the core gives memory back meanwhile.
        let look = || state.core.look() | self.socket.has_grown();
        let quiet = self.quiet.poll(now, look);
        let is_done = || !goes_on && self.socket.has_large_spare() && !state.core.has_calls();
        let shrink = quiet || self.quiet.at_once(is_done);
        if shrink {
            state.core.shrink();
        }
        let next = state.core.next_timeout();
        let again = goes_on || unsent || !self.events.is_empty();
        if ended.is_none() && !drained && !again {
            match &mut state.driver {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
        }
        drop(state);
        wake(self.callers.drain(..));
        if shrink {
            self.shrink();
        }
        if let Some(end) = ended {
            // A core that ended by itself has not told the rest of the session yet.
            self.session.stop();
            return Rest::Ended(end);
        }
        if drained {
            self.session.end(SessionEnd::Shutdown);
            return Rest::Again;
        }
        if again {
            return Rest::Again;
        }
        let Some(next) = next.into_iter().chain(self.quiet.next_look()).min() else {
            return Rest::Again;
        };
        match self.alarm.poll(cx, next, now) {
            Poll::Ready(()) => Rest::Again,
            Poll::Pending => Rest::Sleep,
        }
    }
}

/// What a turn has read.
struct Read {
    anything: bool,
    /// As many frames as a turn may have. There may be more.
    full: bool,
    /// More may have come already: nobody wakes the driver for it.
    more: bool,
}

/// What a turn has written.
struct Wrote {
    anything: bool,
    /// There is more to write.
    waiting: bool,
}

enum Rest {
    /// There is more to do.
    Again,
    /// There is nothing to do until someone wakes the driver.
    Sleep,
    Ended(SessionEnd),
}

impl<IO> Drop for Driver<IO> {
    fn drop(&mut self) {
        // A driver that is dropped in its tracks takes its session with it.
        self.session.end(SessionEnd::Closed);
        self.session.stop();
    }
}

impl From<TransportError> for SessionEnd {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Protocol(what) => Self::Protocol(what),
            TransportError::TooBig { size, limit } => Self::TooBig { size, limit },
            TransportError::Closed | TransportError::HungUp | TransportError::Io(_) => {
                Self::Lost(error.to_string())
            }
        }
    }
}
