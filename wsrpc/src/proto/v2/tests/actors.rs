//! Callers and handlers of a [`Pair`], and what is known of each call.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::pair::{Pace, Pair};
use crate::{
    call_error::{Blame, CallError, Outcome},
    metadata::Metadata,
    proto::{
        Answer, Incoming, Key, Message, MethodName, OpenError, Outgoing, Refusal, Reply, SendError,
        Ticket,
    },
    status::{Code, Status},
};

/// What is to happen in a call, and what has happened.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) side: usize,
    pub(super) streams_requests: bool,
    pub(super) streams_responses: bool,
    pub(super) requests: Vec<Bytes>,
    pub(super) responses: Vec<Bytes>,
    pub(super) script: Script,
    pub(super) deadline: Option<Instant>,
    /// The call whose handler makes this one.
    pub(super) parent: Option<usize>,

    pub(super) transmitted: bool,
    pub(super) started: bool,
    /// The handler has answered: whether well.
    pub(super) answered: Option<bool>,
    /// Requests that the handler was given.
    pub(super) taken: usize,
    /// Responses that the caller was given.
    pub(super) received: usize,
    /// How it ended for its owner; `None` in there if it was dropped.
    pub(super) ended: Option<Option<Result<(), CallError>>>,
}

/// What a handler does.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    /// It is never started.
    pub(super) refused: bool,
    /// It reads all requests before it answers, where there may be several.
    pub(super) reads: bool,
    /// It makes a call to its caller's side first.
    pub(super) nested: bool,
    /// It fails after so many responses.
    pub(super) fails_after: Option<usize>,
    /// It does not answer unless it is stopped.
    pub(super) never: bool,
    /// In how many of a hundred cases it pauses.
    pub(super) slow: usize,
}

/// Whoever makes a call.
pub(super) struct Caller {
    pub(super) call: usize,
    pub(super) pace: Pace,
    key: Option<Key>,
    ticket: Option<Ticket>,
    /// Requests that were sent.
    sent: usize,
    finished: bool,
    began: bool,
}

/// Whoever answers one.
pub(super) struct Handler {
    call: usize,
    side: usize,
    slot: Key,
    pub(super) pace: Pace,
    script: Script,
    first: Option<Message>,
    last: bool,
    nested: Option<usize>,
    began: bool,
    sent: usize,
    /// It was told to stop, and does so at its next turn.
    stopped: bool,
}

const METHOD: MethodName = MethodName {
    service: "shop.Orders",
    name: "Get",
};

fn number_of(metadata: &Metadata) -> usize {
    metadata.get("x-call").unwrap().parse().unwrap()
}

impl Pair {
    /// Makes a call.
    pub(super) fn call(&mut self, call: Call) -> usize {
        let slow = call.script.slow;
        self.calls.push(call);
        self.callers.push(Caller {
            call: self.calls.len() - 1,
            pace: Pace::new(slow, self.now),
            key: None,
            ticket: None,
            sent: 0,
            finished: false,
            began: false,
        });
        self.calls.len() - 1
    }

    /// An open was written.
    pub(super) fn opened(&mut self, metadata: &Metadata) {
        let call = &mut self.calls[number_of(metadata)];
        assert!(!call.transmitted, "sent twice");
        assert!(call.ended.is_none(), "sent after its end");
        call.transmitted = true;
    }

    /// A caller lets go of its call.
    pub(super) fn drop_caller(&mut self, at: usize) {
        let caller = self.callers.swap_remove(at);
        let call = &mut self.calls[caller.call];
        let core = &mut self.sides[call.side].core;
        if let Some(ticket) = caller.ticket {
            core.return_ticket(ticket);
        }
        if let Some(key) = caller.key {
            core.release(key);
        }
        assert!(call.ended.replace(None).is_none(), "it ended twice");
        self.tell_parent(caller.call);
    }

    pub(super) fn start(&mut self, side: usize, incoming: Incoming) {
        let number = number_of(&incoming.metadata);
        let call = &mut self.calls[number];
        assert!(call.transmitted && !call.started && call.side != side);
        if call.script.refused {
            let refusal = Refusal::NotStarted(Status::unimplemented("no method"));
            return self.sides[side].core.answer(incoming.slot, Err(refusal));
        }
        call.started = true;
        let script = call.script.clone();
        self.handlers.push(Handler {
            call: number,
            side,
            slot: incoming.slot,
            pace: Pace::new(script.slow, self.now),
            script,
            first: incoming.first,
            last: incoming.last,
            nested: None,
            began: false,
            sent: 0,
            stopped: false,
        });
    }

    /// A handler is to stop, which may take it a while.
    pub(super) fn stop(&mut self, side: usize, slot: Key) {
        let delay = Duration::from_millis(self.random.below(2) as u64 * 40);
        let is_it = |handler: &&mut Handler| handler.side == side && handler.slot == slot;
        if let Some(handler) = self.handlers.iter_mut().find(is_it) {
            handler.stopped = true;
            handler.pace.resume_at(self.now + delay);
        }
    }

    /// Stops those handlers that would never answer. Returns whether there were any.
    pub(super) fn stop_handlers(&mut self) -> bool {
        let now = self.now;
        let mut any = false;
        for handler in &mut self.handlers {
            if handler.script.never {
                handler.stopped = true;
                handler.pace.resume_at(now);
                any = true;
            }
        }
        any
    }

    /// Lets everyone go on whose turn it is.
    pub(super) fn run_actors(&mut self) -> bool {
        let mut any = false;
        let now = self.now;
        while let Some(at) = (0..self.callers.len()).find(|at| self.callers[*at].pace.goes_on(now))
        {
            any = true;
            let mut caller = self.callers.swap_remove(at);
            match self.poll_caller(&mut caller) {
                None => self.callers.push(caller),
                Some(result) => self.ended(&caller, result),
            }
        }
        while let Some(at) =
            (0..self.handlers.len()).find(|at| self.handlers[*at].pace.goes_on(now))
        {
            any = true;
            let mut handler = self.handlers.swap_remove(at);
            if !self.poll_handler(&mut handler) {
                self.handlers.push(handler);
            } else if let Some(nested) = handler.nested {
                let it = self.callers.iter().position(|caller| caller.call == nested);
                if let Some(at) = it {
                    self.drop_caller(at);
                }
            }
        }
        any
    }

    fn poll_caller(&mut self, caller: &mut Caller) -> Option<Result<(), CallError>> {
        let call = &mut self.calls[caller.call];
        let core = &mut self.sides[call.side].core;
        let waker = caller.pace.waker.clone();
        let key = match caller.key {
            Some(key) => key,
            None => {
                let mut metadata = Metadata::new();
                let number = caller.call.to_string();
                metadata.insert("x-call", &number).unwrap();
                let outgoing = Outgoing {
                    method: &METHOD,
                    metadata,
                    deadline: call.deadline,
                    first: (!call.streams_requests).then(|| call.requests[0].clone().into()),
                    streams_responses: call.streams_responses,
                };
                match core.open(&mut outgoing.clone(), caller.ticket.take(), &waker) {
                    Ok(key) => *caller.key.insert(key),
                    Err(OpenError::Failed(error)) => return Some(Err(error)),
                    Err(OpenError::Full(ticket)) => {
                        caller.ticket = Some(ticket);
                        // What a future does with a timer.
                        return match call.deadline {
                            Some(deadline) if deadline <= self.now => {
                                core.return_ticket(ticket);
                                Some(Err(crate::proto::deadline_exceeded(Outcome::NotSent)))
                            }
                            Some(deadline) => {
                                caller.pace.resume_at(deadline);
                                None
                            }
                            None => None,
                        };
                    }
                }
            }
        };
        while call.streams_requests && !caller.finished {
            match core.poll_room(key, &waker) {
                None => break,
                Some(Err(_)) => caller.finished = true,
                Some(Ok(())) => match call.requests.get(caller.sent) {
                    None => {
                        core.finish(key);
                        caller.finished = true;
                    }
                    Some(request) => match core.send(key, request.clone().into()) {
                        Ok(()) => caller.sent += 1,
                        Err(SendError::Stopped) => caller.finished = true,
                        Err(SendError::Rejected(status)) => {
                            let error = CallError::new(status, Outcome::Unknown, Blame::Local);
                            core.give_up(key, error);
                            caller.finished = true;
                        }
                    },
                },
            }
            if caller.pace.pauses(&mut self.random, self.now) {
                return None;
            }
        }
        if !call.streams_responses {
            let mut reply = Reply::default();
            let replied = core.poll_reply(key, &waker, &mut reply)?;
            core.release(key);
            return Some(replied.map(|()| {
                assert_eq!(reply.message.payload, call.responses[0], "another answer");
                call.received += 1;
            }));
        }
        if !caller.began {
            match core.poll_head(key, &waker)? {
                Ok(_) => caller.began = true,
                Err(error) => {
                    core.release(key);
                    return Some(Err(error));
                }
            }
        }
        loop {
            match core.poll_message(key, &waker)? {
                Ok(Some(message)) => {
                    let expected = &call.responses[call.received];
                    assert_eq!(&message.payload, expected, "another response");
                    call.received += 1;
                }
                Ok(None) => {
                    assert!(core.trailing(key).is_some());
                    core.release(key);
                    return Some(Ok(()));
                }
                Err(error) => {
                    core.release(key);
                    return Some(Err(error));
                }
            }
            if caller.pace.pauses(&mut self.random, self.now) {
                return None;
            }
        }
    }

    /// Returns whether it is done.
    fn poll_handler(&mut self, handler: &mut Handler) -> bool {
        let call = &mut self.calls[handler.call];
        let core = &mut self.sides[handler.side].core;
        if handler.stopped || core.ended().is_some() {
            core.dropped(handler.slot);
            return true;
        }
        let slot = handler.slot;
        let waker = handler.pace.waker.clone();
        while (!call.streams_requests || handler.script.reads) && !handler.last {
            let next = match handler.first.take() {
                Some(first) => Ok(Some(first)),
                None => match core.poll_message(slot, &waker) {
                    Some(next) => next,
                    None => return false,
                },
            };
            match next {
                Ok(Some(message)) => {
                    assert_eq!(message.payload, call.requests[call.taken], "another");
                    call.taken += 1;
                }
                Ok(None) => {
                    assert_eq!(call.taken, call.requests.len(), "requests are lost");
                    handler.last = true;
                }
                // It will be stopped.
                Err(_) => return false,
            }
            if handler.pace.pauses(&mut self.random, self.now) {
                return false;
            }
        }
        if handler.script.never {
            return false;
        }
        if handler.script.nested {
            let Some(nested) = handler.nested else {
                let mut nested = super::schedules::plan(&mut self.random, self.now);
                nested.side = handler.side;
                nested.parent = Some(handler.call);
                nested.script.nested &= self.random.percent(50);
                handler.nested = Some(self.call(nested));
                return false;
            };
            if self.calls[nested].ended.is_none() {
                return false;
            }
        }
        let call = &mut self.calls[handler.call];
        let core = &mut self.sides[handler.side].core;
        let failure = |number: usize| Err(Refusal::ByHandler(Status::aborted(number.to_string())));
        if !call.streams_responses {
            call.answered = Some(handler.script.fails_after.is_none());
            core.answer(
                slot,
                match handler.script.fails_after {
                    Some(_) => failure(handler.call),
                    None => Ok(Answer {
                        message: Some(call.responses[0].clone().into()),
                        metadata: Metadata::new(),
                    }),
                },
            );
            return true;
        }
        if !std::mem::replace(&mut handler.began, true) {
            let mut head = Metadata::new();
            if self.random.percent(50) {
                head.insert("x-head", "1").unwrap();
            }
            core.send_head(slot, head).unwrap();
        }
        let answer = loop {
            if handler.script.fails_after == Some(handler.sent) {
                break failure(handler.call);
            }
            match core.poll_room(slot, &waker) {
                None => return false,
                // It will be stopped.
                Some(Err(_)) => return false,
                Some(Ok(())) => {}
            }
            let Some(response) = call.responses.get(handler.sent) else {
                break Ok(Answer::default());
            };
            match core.send(slot, response.clone().into()) {
                Ok(()) => handler.sent += 1,
                Err(SendError::Stopped) => return false,
                Err(SendError::Rejected(status)) => break Err(Refusal::ByUs(status)),
            }
            if handler.pace.pauses(&mut self.random, self.now) {
                return false;
            }
        };
        call.answered = Some(answer.is_ok());
        core.answer(slot, answer);
        true
    }

    /// Holds the end of a call against what is known of it.
    fn ended(&mut self, caller: &Caller, result: Result<(), CallError>) {
        let number = caller.call;
        let call = &mut self.calls[number];
        if let Err(error) = &result {
            if error.code() == Code::DEADLINE_EXCEEDED {
                assert!(call.deadline.unwrap() <= self.now, "too early");
            }
            match error.outcome() {
                Outcome::NotSent => assert!(!call.transmitted, "it was sent: {error}"),
                Outcome::Refused => {
                    assert!(call.transmitted && !call.started, "it ran: {error}");
                }
                Outcome::Ran => {
                    assert!(call.started, "it never ran: {error}");
                    if error.code() == Code::ABORTED {
                        assert_eq!(error.message(), number.to_string());
                        assert_eq!(call.answered, Some(false));
                        assert_eq!(
                            call.received,
                            if call.streams_responses {
                                call.script.fails_after.unwrap()
                            } else {
                                0
                            }
                        );
                    }
                }
                Outcome::Unknown => assert!(call.transmitted, "it was not sent: {error}"),
            }
        } else {
            assert_eq!(call.answered, Some(true), "a success that nobody made");
            assert_eq!(call.received, call.responses.len(), "responses are lost");
        }
        assert!(call.ended.replace(Some(result)).is_none(), "it ended twice");
        self.tell_parent(number);
    }

    /// The handler that waits for a call goes on.
    fn tell_parent(&mut self, call: usize) {
        let now = self.now;
        let Some(parent) = self.calls[call].parent else {
            return;
        };
        let its = self.handlers.iter_mut().find(|h| h.call == parent);
        if let Some(handler) = its.filter(|handler| !handler.stopped) {
            handler.pace.resume_at(now);
        }
    }
}
