//! A call on its way, from the stub to its answer.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::{
    Call, Lookup, Streaming, WaitForSession, codec,
    layered::Encoded,
    requests::{self, Requests},
    retry::Attempts,
    streaming::{Held, InFlight},
};
use crate::{
    call_error::{Blame, CallError, Outcome},
    compression::compress,
    layer::{Body, CallResponse, ResponseFuture},
    proto::{CallKey, OpenError, Outgoing, Reply, Ticket, deadline_exceeded},
    service::Response,
    session::Session,
    status::Status,
};

/// A [`Call`] that is being made.
#[must_use = "futures do nothing unless they are polled"]
pub struct CallFuture<R> {
    call: Call<R>,
    deadline: Option<Instant>,
    attempts: Attempts,
    state: State,
    /// In the place of all that, for a call in layers.
    layered: Option<ResponseFuture>,
}

/// ```text
///     +---------------------+------------- Pausing: failed, and the call's policy has it made again
///     v                     |                 ^
///   Lookup --> Waiting --> (open) --> InFlight --> Done
///     ^  |                  ^ | ^         |
///     |  +------------------+ | +-- Opening <-- no room
///     +-----------------------+-----------+--- not sent, and the call waits for ready
/// ```
enum State {
    Lookup,
    /// For a session.
    Waiting(WaitForSession),
    /// Boxed, for few calls have to wait for room.
    Opening(Box<Opening>),
    InFlight(InFlight),
    /// Before another attempt.
    Pausing(Pin<Box<Sleep>>),
    Done,
}

/// A call that its session has no room for yet.
struct Opening {
    session: Session,
    outgoing: Outgoing,
    ticket: Ticket,
    /// The call's deadline.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.session.return_ticket(self.ticket);
    }
}

impl<R> CallFuture<R> {
    #[inline]
    pub(super) fn new(call: Call<R>, deadline: Option<Instant>) -> Self {
        Self {
            call,
            deadline,
            attempts: Attempts::default(),
            state: State::Lookup,
            layered: None,
        }
    }

    /// A call that layers take.
    pub(super) fn layered(call: Call<R>, response: ResponseFuture) -> Self {
        Self {
            layered: Some(response),
            ..Self::new(call, None)
        }
    }

    /// A call that failed before it was made.
    pub(super) fn failed(call: Call<R>, error: CallError) -> Self {
        // Not a state of its own, for it is not to be made again.
        Self::layered(call, ResponseFuture::new(std::future::ready(Err(error))))
    }

    /// Gets the call as far as `answer` takes it: until there is a call in flight, and then until that is answered.
    fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut answer: impl FnMut(&mut InFlight, &mut Context<'_>) -> Poll<Result<T, CallError>>,
    ) -> Poll<Result<(InFlight, T), CallError>> {
        loop {
            let gone_on = match &mut self.state {
                State::Lookup => self.lookup(cx),
                State::Waiting(wait) => match ready!(wait.as_mut().poll(cx)) {
                    Ok(session) => self.begin(session, cx),
                    Err(error) => Err(error),
                },
                State::Opening(_) => ready!(self.poll_opening(cx)),
                State::InFlight(call) => match ready!(answer(call, cx)) {
                    Ok(answer) => {
                        self.succeeded();
                        match std::mem::replace(&mut self.state, State::Done) {
                            State::InFlight(call) => return Poll::Ready(Ok((call, answer))),
                            _ => Ok(()),
                        }
                    }
                    Err(error) => Err(error),
                },
                State::Pausing(pause) => {
                    ready!(pause.as_mut().poll(cx));
                    self.state = State::Lookup;
                    Ok(())
                }
                State::Done => panic!("a call was polled after it had ended"),
            };
            self.state = match gone_on {
                // Its session wakes the call.
                Ok(()) if matches!(self.state, State::InFlight(_)) => return Poll::Pending,
                Ok(()) => continue,
                // A session that took no call is not found again: it has ended, or its peer goes away.
                Err(error) if self.waits_for_another(&error) => State::Lookup,
                Err(error) => match self.pause(&error) {
                    Some(pause) => State::Pausing(pause),
                    None => {
                        self.state = State::Done;
                        return Poll::Ready(Err(self.attempts.conclude(error)));
                    }
                },
            };
        }
    }

    /// Looks for a session, and opens the call on it or waits for it.
    fn lookup(&mut self, cx: &mut Context<'_>) -> Result<(), CallError> {
        let connector = &self.call.connector;
        let wait_for_ready = self.call.options.wait_for_ready;
        match connector.lookup(wait_for_ready) {
            Lookup::Ready(session) => self.begin(session, cx),
            Lookup::Failed(error) => Err(error),
            Lookup::Wait => {
                let wait = connector.clone().wait(wait_for_ready);
                self.state = State::Waiting(self.in_time(wait));
                Ok(())
            }
        }
    }

    /// Opens the call on `session`, with its request as that session's peer takes it.
    fn begin(&mut self, session: Session, cx: &mut Context<'_>) -> Result<(), CallError> {
        // There was a session: what fails from here on is not the way to one.
        self.state = State::Done;
        let compression = session.accepted().or_off(self.call.options.compression);
        let (request, metadata) = if self.may_be_made_again() {
            let request = self.call.requests.copy_of_one();
            (request, self.call.metadata.clone())
        } else {
            let metadata = std::mem::take(&mut self.call.metadata);
            (self.call.requests.take_one(), metadata)
        };
        let deadline = self.deadline.or_else(|| session.default_deadline());
        let mut outgoing = Outgoing {
            method: self.call.method.full_name(),
            metadata,
            deadline: deadline.map(Instant::into_std),
            first: request.map(|request| compress(request, compression)),
            streams_responses: self.call.streams_responses,
        };
        match session.open(&mut outgoing, None, cx.waker()) {
            Ok(key) => self.opened(session, key),
            Err(OpenError::Failed(error)) => return Err(error),
            Err(OpenError::Full(ticket)) => {
                self.state = State::Opening(Box::new(Opening {
                    session,
                    outgoing,
                    ticket,
                    timer: deadline.map(|deadline| Box::pin(sleep_until(deadline))),
                }));
            }
        }
        Ok(())
    }

    /// The session has taken the call.
    fn opened(&mut self, session: Session, key: CallKey) {
        let requests = self.call.requests.take_stream();
        let sender = requests.map(|requests| (session.clone(), requests));
        self.state = State::InFlight(InFlight::new(session, key));
        if let Some((session, requests)) = sender {
            let compression = self.call.options.compression;
            let compression = session.accepted().or_off(compression);
            let sending = requests::send_all(session, key, requests, compression);
            // If there is no runtime for it, the call is let go of with this future.
            tokio::spawn(super::Context::current().scope(sending));
        }
    }

    /// Waits no longer than the call may take.
    fn in_time(&self, wait: WaitForSession) -> WaitForSession {
        match self.deadline {
            None => wait,
            Some(deadline) => Box::pin(async move {
                let waited = timeout_at(deadline, wait).await;
                waited.unwrap_or_else(|_| Err(no_session_in_time()))
            }),
        }
    }

    fn poll_opening(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        let State::Opening(opening) = &mut self.state else {
            return Poll::Ready(Ok(()));
        };
        let ticket = Some(opening.ticket);
        match opening
            .session
            .open(&mut opening.outgoing, ticket, cx.waker())
        {
            Ok(key) => {
                let session = opening.session.clone();
                self.opened(session, key);
                Poll::Ready(Ok(()))
            }
            Err(OpenError::Failed(error)) => Poll::Ready(Err(error)),
            Err(OpenError::Full(ticket)) => {
                opening.ticket = ticket;
                let Some(timer) = &mut opening.timer else {
                    return Poll::Pending;
                };
                ready!(timer.as_mut().poll(cx));
                Poll::Ready(Err(deadline_exceeded(Outcome::NotSent)))
            }
        }
    }

    /// Whether a failure may lead to another attempt, which needs the request again.
    fn may_be_made_again(&self) -> bool {
        self.call.options.retry.is_some() || self.call.options.wait_for_ready
    }

    /// How long to wait until the call is made again, if it is.
    fn pause(&mut self, error: &CallError) -> Option<Pin<Box<Sleep>>> {
        let connector = &self.call.connector;
        let policy = self.call.options.retry.as_deref()?;
        let pause = self.attempts.pause(policy, error, self.call.method)?;
        let until = Instant::now().checked_add(pause)?;
        let in_time = self.deadline.is_none_or(|deadline| until < deadline);
        let makes_sense =
            matches!(self.call.requests, Requests::One(_)) && in_time && !connector.is_over();
        if !makes_sense || !connector.retry_budget().take() {
            return None;
        }
        self.attempts.go_on(error);
        tracing::debug!(method = %self.call.method, %error, ?pause, "a call is made again");
        Some(Box::pin(sleep_until(until)))
    }

    fn succeeded(&self) {
        if self.call.options.retry.is_some() {
            self.call.connector.retry_budget().succeeded();
        }
    }

    /// Only where nothing can run twice, and where another session can do better.
    fn waits_for_another(&self, error: &CallError) -> bool {
        self.call.options.wait_for_ready
            && error.outcome() == Outcome::NotSent
            && error.code() == crate::Code::UNAVAILABLE
            && !matches!(self.state, State::Lookup | State::Waiting(_))
            && !matches!(self.call.requests, Requests::Sent)
    }
}

impl<R: prost::Message + Default> Future for CallFuture<R> {
    type Output = Result<Response<R>, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (message, metadata, limit) = match &mut this.layered {
            None => {
                let mut reply = Reply::default();
                let (call, ()) =
                    ready!(this.poll_with(cx, |call, cx| call.poll_reply(cx, &mut reply)))?;
                (reply.message, reply.metadata, call.session.max_recv_size())
            }
            Some(layered) => {
                let (metadata, body) = ready!(Pin::new(layered).poll(cx))?.into_parts();
                let limit = body.limit();
                (
                    body.into_message().ok().flatten().unwrap_or_default(),
                    metadata,
                    limit,
                )
            }
        };
        let decoded = codec::decode(message, limit);
        Poll::Ready(match decoded {
            Ok(message) => Ok(Response::from_parts(message, metadata)),
            Err(error) => Err(this.attempts.conclude(CallError::new(
                error.into_status("response", this.call.method),
                Outcome::Ran,
                Blame::Remote,
            ))),
        })
    }
}

impl<R: prost::Message + Default> Future for CallFuture<Streaming<R>> {
    type Output = Result<Response<Streaming<R>>, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let method = this.call.method;
        let (responses, metadata) = match &mut this.layered {
            None => {
                let (call, metadata) =
                    ready!(this.poll_with(cx, |call, cx| call.session.poll_head(call.key, cx)))?;
                (Streaming::of_caller(call, method), metadata)
            }
            Some(layered) => {
                let (metadata, body) = ready!(Pin::new(layered).poll(cx))?.into_parts();
                (Streaming::of_responses(body, method), metadata)
            }
        };
        let responses = responses.keeping(this.call.connector.clone());
        Poll::Ready(Ok(Response::from_parts(responses, metadata)))
    }
}

/// The answer as layers see it.
impl Future for CallFuture<Encoded> {
    type Output = Result<CallResponse, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (metadata, body) = if this.call.streams_responses {
            let (call, metadata) =
                ready!(this.poll_with(cx, |call, cx| call.session.poll_head(call.key, cx)))?;
            let limit = call.session.max_recv_size();
            let connector = this.call.connector.clone();
            let held = Held::new(call, connector);
            (metadata, Body::of_messages(held, limit))
        } else {
            let mut reply = Reply::default();
            let (call, ()) =
                ready!(this.poll_with(cx, |call, cx| call.poll_reply(cx, &mut reply)))?;
            let limit = call.session.max_recv_size();
            let body = Body::of_message(reply.message).with_limit(limit);
            (reply.metadata, body)
        };
        Poll::Ready(Ok(CallResponse::from_parts(metadata, body)))
    }
}

impl<R> fmt::Debug for CallFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.call, f)
    }
}

fn no_session_in_time() -> CallError {
    CallError::new(
        Status::deadline_exceeded("the deadline passed before there was a session"),
        Outcome::NotSent,
        Blame::Transport,
    )
}
