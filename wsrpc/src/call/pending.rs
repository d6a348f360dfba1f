//! A call, from the stub to its answer.

use std::{
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use prost::Message;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::{Channel, Lookup, WaitForSession, channel::CallOptions};
use crate::{
    call_error::{Blame, CallError, Outcome},
    proto::{CallKey, OpenError, Ticket, deadline_exceeded},
    service::{MethodDescriptor, Response},
    session::Session,
    status::Status,
};

/// A call that is made when it is awaited.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn example<R: prost::Message + Default>(call: wsrpc::Call<R>) -> Result<(), wsrpc::CallError> {
/// let answer = call.timeout(Duration::from_secs(2)).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Awaiting it yields a [`CallError`]: the callee's own status, or one of this side's, with what is known of the call.
///
/// # Cancel safety
///
/// Dropping the future gives the call up: it is never sent if it was not yet. A callee that has it already runs on,
/// since version 1 of the wire has no way to tell it.
#[must_use = "a call is made when it is awaited"]
pub struct Call<R> {
    channel: Channel,
    method: &'static MethodDescriptor,
    payload: Bytes,
    options: CallOptions,
    response: PhantomData<fn() -> R>,
}

impl<R: Message + Default> Call<R> {
    /// A call of `method` with one request.
    pub fn unary<Q: Message>(
        channel: &Channel,
        method: &'static MethodDescriptor,
        request: &Q,
    ) -> Self {
        Self {
            channel: channel.clone(),
            method,
            payload: request.encode_to_vec().into(),
            options: channel.options(),
            response: PhantomData,
        }
    }

    /// How long the call may take in all, waiting for a session included. Default: the channel's.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Whether the call waits for a session, within its time-out, and is made again as long as nothing of it was sent.
    /// Default: the channel's.
    pub fn wait_for_ready(mut self, wait: bool) -> Self {
        self.options.wait_for_ready = wait;
        self
    }
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("service", &self.method.service())
            .field("method", &self.method.name())
            .field("request", &format_args!("{} bytes", self.payload.len()))
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<R: Message + Default> IntoFuture for Call<R> {
    type Output = Result<Response<R>, CallError>;
    type IntoFuture = CallFuture<R>;

    fn into_future(self) -> CallFuture<R> {
        let timeout = self.options.timeout;
        CallFuture {
            // A time-out beyond the clock's range is none.
            deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
            call: self,
            state: State::Lookup,
        }
    }
}

/// A [`Call`] that is being made.
#[must_use = "futures do nothing unless they are polled"]
pub struct CallFuture<R> {
    call: Call<R>,
    deadline: Option<Instant>,
    state: State,
}

/// ```text
///   Lookup --> Waiting --> Opening --> InFlight --> Done
///     |                     ^   |         |
///     +---------------------+   |         |
///     ^                         |         |
///     +--- not sent, and the call waits for ready
/// ```
enum State {
    Lookup,
    /// For a session.
    Waiting(WaitForSession),
    Opening(Opening),
    InFlight(InFlight),
    Done,
}

/// A call that its session is to take, and may have no room for yet.
struct Opening {
    session: Session,
    deadline: Option<Instant>,
    ticket: Option<Ticket>,
    /// The call's deadline, while there is no room.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Opening {
    /// The deadline is the call's own, or else the session's default from now on.
    fn new(session: Session, deadline: Option<Instant>) -> Self {
        Self {
            deadline: deadline.or_else(|| session.default_deadline()),
            session,
            ticket: None,
            timer: None,
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.session.return_ticket(ticket);
        }
    }
}

/// A call that its session knows of, until it is dropped.
struct InFlight {
    session: Session,
    key: CallKey,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.session.cancel(self.key);
    }
}

impl<R: Message + Default> Future for CallFuture<R> {
    type Output = Result<Response<R>, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            let result = match &mut this.state {
                State::Lookup => this.lookup(),
                State::Waiting(wait) => ready!(wait.as_mut().poll(cx))
                    .map(|session| Opening::new(session, this.deadline))
                    .map(State::Opening)
                    .map(Step::To),
                State::Opening(_) => ready!(this.open(cx)),
                State::InFlight(call) => {
                    ready!(call.session.poll_call(call.key, cx)).map(Step::Answered)
                }
                State::Done => panic!("a call was polled after it had ended"),
            };
            match result {
                Ok(Step::To(state)) => this.state = state,
                Ok(Step::Answered(payload)) => {
                    this.state = State::Done;
                    return Poll::Ready(decode(this.call.method, payload));
                }
                Err(error) if this.may_try_again(&error) => this.state = State::Lookup,
                Err(error) => {
                    this.state = State::Done;
                    return Poll::Ready(Err(error));
                }
            }
        }
    }
}

enum Step {
    To(State),
    Answered(Bytes),
}

impl<R> CallFuture<R> {
    fn lookup(&self) -> Result<Step, CallError> {
        let connector = self.call.channel.connector();
        let wait_for_ready = self.call.options.wait_for_ready;
        match connector.lookup(wait_for_ready) {
            Lookup::Ready(session) => Ok(Step::To(State::Opening(Opening::new(
                session,
                self.deadline,
            )))),
            Lookup::Failed(error) => Err(error),
            Lookup::Wait => {
                let wait = connector.clone().wait(wait_for_ready);
                let wait: WaitForSession = match self.deadline {
                    None => wait,
                    Some(deadline) => Box::pin(async move {
                        let waited = timeout_at(deadline, wait).await;
                        waited.unwrap_or_else(|_| Err(no_session_in_time()))
                    }),
                };
                Ok(Step::To(State::Waiting(wait)))
            }
        }
    }

    fn open(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step, CallError>> {
        let State::Opening(opening) = &mut self.state else {
            return Poll::Ready(Ok(Step::To(State::Lookup)));
        };
        let Opening {
            session,
            deadline,
            ticket,
            timer,
        } = opening;
        let payload = self.call.payload.clone();
        match session.open(self.call.method, payload, *deadline, *ticket, cx.waker()) {
            Ok(key) => {
                let session = session.clone();
                *ticket = None;
                Poll::Ready(Ok(Step::To(State::InFlight(InFlight { session, key }))))
            }
            Err(OpenError::Failed(error)) => Poll::Ready(Err(error)),
            Err(OpenError::Full(waiting)) => {
                *ticket = Some(waiting);
                if let Some(deadline) = *deadline {
                    let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                    ready!(timer.as_mut().poll(cx));
                    return Poll::Ready(Err(deadline_exceeded(Outcome::NotSent)));
                }
                Poll::Pending
            }
        }
    }

    /// Only where nothing can run twice, and where a later attempt can fare better.
    fn may_try_again(&self, error: &CallError) -> bool {
        self.call.options.wait_for_ready
            && error.outcome() == Outcome::NotSent
            && error.code() == crate::Code::UNAVAILABLE
            && !matches!(self.state, State::Lookup | State::Waiting(_))
    }
}

impl<R> fmt::Debug for CallFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.call, f)
    }
}

fn decode<R: Message + Default>(
    method: &MethodDescriptor,
    payload: Bytes,
) -> Result<Response<R>, CallError> {
    R::decode(payload).map(Response::new).map_err(|error| {
        let text = format!(
            "the answer is no response of {}/{}: {error}",
            method.service(),
            method.name()
        );
        CallError::new(Status::internal(text), Outcome::Ran, Blame::Remote)
    })
}

fn no_session_in_time() -> CallError {
    CallError::new(
        Status::deadline_exceeded("the deadline passed before there was a session"),
        Outcome::NotSent,
        Blame::Transport,
    )
}
