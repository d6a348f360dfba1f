//! Calls that this side makes.

use std::{num::NonZeroU64, task::Waker};

use super::{
    core::Core,
    exchange::{Caller, Role},
    outbox::Control,
    receive::{Effect, Freed, Violation},
};
use crate::{
    call_error::{Blame, CallError, Outcome},
    metadata::Metadata,
    proto::{Event, Key, Message, OpenError, Outgoing, Reply, Ticket, peer_leaves},
    status::{Code, Status},
    wire::v2::{End, GoAway, sizes},
};

/// What a call costs beside its payload while it waits, so that empty ones are not free.
const OVERHEAD: usize = 128;

/// How often a peer may say that it goes away, and each time starts fewer calls: to look for those takes time.
const MAX_GO_AWAYS: u8 = 16;

impl Core {
    /// Makes a call, whose metadata and first message are taken out of `call`, and whose owner waits for what comes of it
    /// from here on: `waker` is woken then. When too much waits to be sent, nothing is taken, and `waker` is woken once
    /// there is room to try again; `ticket` is the one that an earlier try was given.
    pub(crate) fn open(
        &mut self,
        call: &mut Outgoing,
        ticket: Option<Ticket>,
        waker: &Waker,
    ) -> Result<Key, OpenError> {
        if let Some(end) = self.ended() {
            return Err(OpenError::Failed(end.call_error(Outcome::NotSent)));
        }
        if self.peer_leaves.is_some() {
            return Err(OpenError::Failed(peer_leaves(Outcome::NotSent)));
        }
        let rejected = call
            .first
            .as_ref()
            .and_then(|message| self.reject(message))
            .or_else(|| self.reject_metadata(&call.metadata));
        if let Some(status) = rejected {
            return Err(OpenError::Failed(CallError::not_sent(status)));
        }
        let cost = cost(call.first.as_ref());
        // One call may always wait, or a large one would never be sent.
        if self.unopened > 0 && self.unopened.saturating_add(cost) > self.limits.max_unsent_bytes {
            return Err(OpenError::Full(self.room.wait(ticket, waker)));
        }
        if let Some(ticket) = ticket {
            self.room.leave(ticket);
        }
        let role = Role::Caller(Caller {
            method: call.method,
            metadata: std::mem::take(&mut call.metadata),
            head: Metadata::default(),
            began: false,
            end: None,
            concluded: false,
            cancelled: false,
            held: true,
            waiting: cost,
            one_response: !call.streams_responses,
        });
        let key = self.insert(role, call.deadline);
        self.calling = self.calling.saturating_add(1);
        self.unopened = self.unopened.saturating_add(cost);
        if let Some(exchange) = self.get_mut(key) {
            if let Some(message) = call.first.take() {
                exchange.send.push(message);
                exchange.send.finish();
            }
            exchange.receive.set_waker(waker);
            if !call.streams_responses {
                exchange.receive.want();
            }
        }
        self.schedule(key);
        Ok(key)
    }

    /// Someone who waited for room will not try again.
    pub(crate) fn return_ticket(&mut self, ticket: Ticket) {
        self.room.leave(ticket);
    }

    /// Why a message cannot be sent, if it cannot.
    pub(super) fn reject(&self, message: &Message) -> Option<Status> {
        let size = message
            .inflated
            .map_or(message.payload.len() as u64, NonZeroU64::get);
        let (limit, whose) = if size > self.peer.max_message_size {
            (self.peer.max_message_size, "that its receiver takes")
        } else if size > self.limits.max_send_size as u64 {
            (self.limits.max_send_size as u64, "to send")
        } else {
            return None;
        };
        Some(Status::resource_exhausted(format!(
            "the message of {size} bytes is over the limit of {limit} bytes {whose}; \
             split it, or raise max_send_message_size at the sender and max_recv_message_size at the receiver"
        )))
    }

    /// Why metadata cannot be sent, if they cannot.
    pub(super) fn reject_metadata(&self, metadata: &Metadata) -> Option<Status> {
        if metadata.is_empty() {
            return None;
        }
        let size = metadata.size();
        let limit = sizes::MAX_SENT_METADATA.min(self.peer.max_metadata_size as usize);
        (size > limit).then(|| {
            Status::resource_exhausted(format!(
                "the metadata of {size} bytes is over the limit of {limit} bytes that can be sent"
            ))
        })
    }

    /// The one response of a call, once, which is put into `reply`: otherwise `waker` is woken when the call ends.
    pub(crate) fn poll_reply(
        &mut self,
        key: Key,
        waker: &Waker,
        reply: &mut Reply,
    ) -> Option<Result<(), CallError>> {
        let Some(exchange) = self.get_mut(key) else {
            return Some(Err(self.gone()));
        };
        let Role::Caller(caller) = &mut exchange.role else {
            return Some(Err(self.gone()));
        };
        let Some(end) = caller.end.take() else {
            exchange.receive.set_waker(waker);
            self.want(key);
            return None;
        };
        let arrived = exchange.receive.arrived();
        let mut freed = 0;
        let result = match end {
            Ok(trailing) if arrived == 1 => {
                freed = exchange.receive.take_into(&mut reply.message);
                reply.metadata = std::mem::take(&mut caller.head);
                reply.metadata.merge(trailing);
                Ok(())
            }
            Ok(_) => Err(wrong_responses(arrived)),
            Err(error) => Err(error),
        };
        self.release(key);
        if freed > 0 {
            self.give_back(Freed::bytes(freed));
        }
        Some(result)
    }

    /// The metadata that the responses begin with: otherwise `waker` is woken when they come, or the call ends.
    pub(crate) fn poll_head(
        &mut self,
        key: Key,
        waker: &Waker,
    ) -> Option<Result<Metadata, CallError>> {
        let Some(exchange) = self.get_mut(key) else {
            return Some(Err(self.gone()));
        };
        let Role::Caller(caller) = &mut exchange.role else {
            return Some(Err(self.gone()));
        };
        if caller.began {
            return Some(Ok(std::mem::take(&mut caller.head)));
        }
        match &caller.end {
            Some(Ok(_)) => Some(Ok(Metadata::default())),
            Some(Err(error)) => Some(Err(error.clone())),
            None => {
                exchange.receive.set_waker(waker);
                None
            }
        }
    }

    /// The metadata that trail the responses, once the call has ended well.
    pub(crate) fn trailing(&self, key: Key) -> Option<Metadata> {
        match &self.get(key)?.role {
            Role::Caller(caller) => caller.end.as_ref()?.as_ref().ok().cloned(),
            Role::Callee(_) => None,
        }
    }

    /// The owner of a call lets go of it: one that has not ended is given up.
    pub(crate) fn release(&mut self, key: Key) {
        let Some(exchange) = self.get_mut(key) else {
            return;
        };
        let Role::Caller(caller) = &mut exchange.role else {
            return;
        };
        caller.held = false;
        if caller.concluded {
            self.remove(key);
        } else {
            let freed = exchange.receive.discard();
            self.give_back(freed);
            let gave_up = Status::cancelled("the caller gave up");
            let error = CallError::new(gave_up, Outcome::Unknown, Blame::Local);
            self.give_up(key, error);
        }
    }

    /// The call fails on this side, and the callee is told that nobody waits for it.
    pub(crate) fn give_up(&mut self, key: Key, error: CallError) {
        let Some(exchange) = self.get_mut(key) else {
            return;
        };
        let Role::Caller(caller) = &mut exchange.role else {
            return;
        };
        if caller.concluded {
            return;
        }
        if exchange.id == 0 {
            let error = CallError::new(error.status().clone(), Outcome::NotSent, error.blame());
            return self.conclude(key, Err(error));
        }
        if !std::mem::replace(&mut caller.cancelled, true) {
            self.outbox.push_control(Control::Cancel(key));
        }
        self.fail(key, Err(error));
    }

    /// The callee's end was read, or the call never began.
    fn conclude(&mut self, key: Key, end: Result<Metadata, CallError>) {
        let Some(exchange) = self.get_mut(key) else {
            return;
        };
        let Role::Caller(caller) = &mut exchange.role else {
            return;
        };
        if caller.concluded {
            return;
        }
        caller.concluded = true;
        let (held, id, waiting) = (caller.held, exchange.id, caller.waiting);
        if id == 0 {
            self.no_longer_waits(waiting);
        } else {
            self.ids.remove(id);
        }
        self.calling = self.calling.saturating_sub(1);
        self.fail(key, end);
        if !held {
            self.remove(key);
        }
    }

    /// The owner is told how the call ended, unless it was told before.
    fn fail(&mut self, key: Key, end: Result<Metadata, CallError>) {
        let Some(exchange) = self.get_mut(key) else {
            return;
        };
        if let Role::Caller(caller) = &mut exchange.role {
            caller.end.get_or_insert(end);
        }
        let writer = exchange.send.stop();
        let reader = exchange.receive.take_waker();
        let freed = exchange.receive.set_last();
        self.wake(writer);
        self.wake(reader);
        self.give_back(freed);
    }

    /// Gives up a call that has one response, and gets another.
    pub(super) fn check_responses(&mut self, key: Key) {
        let Some(exchange) = self.get(key) else {
            return;
        };
        let Role::Caller(caller) = &exchange.role else {
            return;
        };
        let begun = usize::from(exchange.receive.is_amid());
        let responses = exchange.receive.arrived().saturating_add(begun);
        if caller.one_response && responses > 1 {
            self.give_up(key, wrong_responses(responses));
        }
    }

    pub(super) fn receive_end(&mut self, end: End) {
        let id = end.id;
        if !self.ids.is_own(id) {
            return self.violation(format!("it ended the call {id}, which is its own"));
        }
        if !self.takes(&end.metadata, end.chunk.as_ref()) {
            return;
        }
        let Some(key) = self.find(id) else {
            return;
        };
        let result = match self.check_end(key, end) {
            Ok(result) => result,
            Err(what) => return self.violation(format!("on the call {id}: {what}")),
        };
        self.conclude(key, result);
    }

    /// How a call ended, as far as its owner was not told before, or what is wrong with its end.
    fn check_end(&mut self, key: Key, end: End) -> Result<Result<Metadata, CallError>, Violation> {
        let limit = self.limits.max_recv_size as u64;
        let Some(exchange) = self.get_mut(key) else {
            return Ok(Ok(end.metadata));
        };
        let Role::Caller(caller) = &exchange.role else {
            return Ok(Ok(end.metadata));
        };
        if let Some(failure) = end.failure {
            if failure.refused && caller.began {
                return Err("it was refused after it had begun to be answered");
            }
            let status = Status::new(Code::from(failure.code), failure.message.as_str())
                .with_details(failure.details)
                .with_metadata(end.metadata);
            let outcome = match failure.refused {
                true => Outcome::Refused,
                false => Outcome::Ran,
            };
            return Ok(Err(CallError::new(status, outcome, Blame::Remote)));
        }
        if caller.end.is_none() {
            if exchange.receive.is_amid() {
                return Err("a success within a message");
            }
            let is_stream = !caller.one_response;
            if let Effect::TooLarge(size) = exchange.receive.receive(end.chunk, true, limit)? {
                let status = self.too_large(size);
                return Ok(Err(CallError::new(status, Outcome::Unknown, Blame::Local)));
            }
            if is_stream && exchange.receive.has_fresh() {
                self.fresh.push(key);
            }
        }
        Ok(Ok(end.metadata))
    }

    /// The peer starts no calls above an id: those are refused here and now, for it says no more of them.
    pub(super) fn receive_go_away(&mut self, go_away: GoAway) {
        if self.peer_leaves.is_some_and(|said| go_away.last_id > said) {
            return self.violation("it takes calls again that it said it would not start");
        }
        let said = self.peer_leaves.replace(go_away.last_id);
        if said.is_some() && self.calling == 0 || said == Some(go_away.last_id) {
            // No call is left that it could be about: to look for one each time would be dear.
            return;
        }
        if self.go_aways >= MAX_GO_AWAYS {
            return self.violation("it says again and again that it goes away");
        }
        self.go_aways = self.go_aways.saturating_add(1);
        let refused: Vec<Key> = self
            .exchanges
            .iter()
            .filter(|(_, exchange)| {
                let unopened = exchange.id == 0 || exchange.id > go_away.last_id;
                unopened && matches!(&exchange.role, Role::Caller(caller) if !caller.concluded)
            })
            .map(|(key, _)| key)
            .collect();
        for key in refused {
            let Some(exchange) = self.get(key) else {
                continue;
            };
            let began = matches!(&exchange.role, Role::Caller(caller) if caller.began);
            let outcome = match exchange.id {
                0 => Outcome::NotSent,
                id if began => {
                    return self.violation(format!(
                        "it began to answer the call {id}, and did not start it"
                    ));
                }
                _ => Outcome::Refused,
            };
            self.conclude(key, Err(peer_leaves(outcome)));
        }
        self.room.open(&mut self.wakers);
        self.events.push_back(Event::GoingAway {
            reason: go_away.reason,
            spread: go_away.spread,
        });
    }

    /// A call that counted this much was opened on the wire, or never will be.
    pub(super) fn no_longer_waits(&mut self, waiting: usize) {
        self.unopened = self.unopened.saturating_sub(waiting);
        if self.unopened <= self.limits.max_unsent_bytes / 2 && !self.room.is_empty() {
            self.room.open(&mut self.wakers);
        }
    }
}

/// What a call counts while it waits to be opened.
fn cost(first: Option<&Message>) -> usize {
    first
        .map_or(0, |message| message.payload.len())
        .saturating_add(OVERHEAD)
}

/// The failure of a call that has one response, and gets none or several.
fn wrong_responses(responses: usize) -> CallError {
    CallError::new(
        Status::internal(format!("{responses} responses to a call that has one")),
        Outcome::Ran,
        Blame::Remote,
    )
}
