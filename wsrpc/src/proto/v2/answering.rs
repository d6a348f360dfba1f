//! Calls that this side answers.

use std::time::Instant;

use super::{
    core::{Core, Phase},
    exchange::{Callee, Ending, Role, Stop},
    outbox::Control,
};
use crate::{
    metadata::Metadata,
    proto::{Answered, Event, Incoming, Key, Message, Refusal, keepalive::after},
    session_end::SessionEnd,
    status::Status,
    wire::v2::Open,
};

/// Refusals that may wait to be sent. A peer that calls on and on without reading any is cut off.
const MAX_UNSENT_REFUSALS: usize = 4096;

impl Core {
    pub(super) fn receive_open(&mut self, open: Open, now: Instant) {
        let id = open.id;
        if !self.ids.may_open(id) {
            return self.violation(format!(
                "it opened the call {id} after {}",
                self.ids.last_peers()
            ));
        }
        if !self.takes(&open.metadata, open.chunk.as_ref()) {
            return;
        }
        if let Phase::Draining { .. } = self.phase {
            // Its go-away tells the peer that this call is not started.
            return self.ids.skip(id);
        }
        if let Some(status) = self.refuses(&open) {
            self.ids.skip(id);
            return self.refuse(id, status);
        }
        let deadline = open.timeout.map(|timeout| after(now, timeout));
        let key = self.insert(Role::Callee(Callee::default()), deadline);
        self.ids.take(id, key);
        self.answering = self.answering.saturating_add(1);
        let Some(exchange) = self.get_mut(key) else {
            return;
        };
        exchange.id = id;
        let first = match exchange.receive.receive_first(open.chunk, open.last) {
            Ok(first) => first,
            Err(what) => return self.violation(format!("on the call {id}: {what}")),
        };
        self.events.push_back(Event::Start(Incoming {
            slot: key,
            method: open.method,
            metadata: open.metadata,
            deadline,
            first,
            last: open.last,
        }));
        self.credit(key);
    }

    /// Why a call is not started, if it is not.
    fn refuses(&self, open: &Open) -> Option<Status> {
        if self.answering >= self.limits.max_running {
            return Some(Status::resource_exhausted(format!(
                "{} calls of yours run here, which is the limit",
                self.limits.max_running
            )));
        }
        let size = open.chunk.as_ref()?.size();
        (size > self.limits.max_recv_size as u64).then(|| self.too_large(size))
    }

    fn refuse(&mut self, id: u64, status: Status) {
        if self.unsent_refusals >= MAX_UNSENT_REFUSALS {
            let what =
                format!("{MAX_UNSENT_REFUSALS} of its calls were refused before it read one");
            return self.end(SessionEnd::OverLimit(what));
        }
        self.unsent_refusals = self.unsent_refusals.saturating_add(1);
        self.outbox.push_control(Control::Refuse { id, status });
    }

    /// The handler of a call is to stop.
    pub(super) fn stop(&mut self, key: Key, why: Stop) {
        let Some(exchange) = self.get_mut(key) else {
            return;
        };
        let Role::Callee(callee) = &mut exchange.role else {
            return;
        };
        if callee.stopping.is_some() {
            return;
        }
        let status = why.status().into();
        callee.stopping = Some(why);
        callee.head = None;
        let wakers = [exchange.send.stop(), exchange.receive.take_waker()];
        // The handler may have answered, and what it left could not be sent yet.
        let answered = callee.ending.is_some();
        if let Some(ending @ Ending::Success(_)) = &mut callee.ending {
            *ending = Ending::Failure {
                status,
                refused: false,
            };
        }
        let freed = exchange.receive.set_last();
        self.give_back(freed);
        self.wakers.extend(wakers.into_iter().flatten());
        if answered {
            self.schedule(key);
        } else {
            self.events.push_back(Event::Stop(key));
        }
    }

    /// The responses begin with these metadata.
    pub(crate) fn send_head(&mut self, key: Key, metadata: Metadata) -> Result<(), Status> {
        if let Some(status) = self.reject_metadata(&metadata) {
            return Err(status);
        }
        if let Some(exchange) = self.get_mut(key) {
            if let Role::Callee(callee) = &mut exchange.role {
                if callee.stopping.is_none() && callee.ending.is_none() && !callee.began {
                    callee.head = Some(metadata);
                }
            }
        }
        self.schedule(key);
        Ok(())
    }

    /// A handler ended.
    pub(crate) fn answer(&mut self, key: Key, answered: Answered) {
        let ending = match answered {
            Ok(answer) => {
                let rejected = answer
                    .message
                    .as_ref()
                    .and_then(|message| self.reject(message))
                    .or_else(|| self.reject_metadata(&answer.metadata));
                match rejected {
                    Some(status) => Err(Refusal::ByUs(status)),
                    None => Ok((answer.message, answer.metadata)),
                }
            }
            Err(refusal) => Err(refusal),
        };
        let ending = match ending {
            Ok((message, metadata)) => (message, Ending::Success(metadata)),
            Err(refusal) => (None, self.failure(refusal)),
        };
        self.finish_answering(key, ending);
    }

    fn failure(&self, refusal: Refusal) -> Ending {
        let refused = matches!(refusal, Refusal::NotStarted(_));
        let (Refusal::ByHandler(status) | Refusal::ByUs(status) | Refusal::NotStarted(status)) =
            refusal;
        Ending::Failure {
            status: Box::new(match self.reject_metadata(status.metadata()) {
                Some(_) => status.with_metadata(Metadata::default()),
                None => status,
            }),
            refused,
        }
    }

    fn finish_answering(&mut self, key: Key, (message, ending): (Option<Message>, Ending)) {
        let Some(exchange) = self.get_mut(key) else {
            // The session has ended since: nobody waits for this answer any more.
            return;
        };
        let Role::Callee(callee) = &mut exchange.role else {
            return;
        };
        if callee.ending.is_some() {
            return;
        }
        callee.ending = Some(match (&callee.stopping, ending) {
            (None, ending) => ending,
            (Some(why), ending) => Ending::Failure {
                status: why.status().into(),
                refused: matches!(ending, Ending::Failure { refused: true, .. }),
            },
        });
        if callee.stopping.is_none() {
            if let Some(message) = message {
                exchange.send.push(message);
            }
        }
        // The handler may have left its requests to a task that outlives it.
        let reader = exchange.receive.take_waker();
        // What the caller still sends is nobody's.
        let freed = exchange.receive.discard();
        self.wake(reader);
        self.give_back(freed);
        self.schedule(key);
    }

    /// A handler was dropped before it answered.
    pub(crate) fn dropped(&mut self, key: Key) {
        let status = Status::cancelled("the handler was dropped");
        self.answer(key, Err(Refusal::ByUs(status)));
    }

    /// The end of a call of the peer's was written.
    pub(super) fn answered(&mut self, key: Key) {
        self.answering = self.answering.saturating_sub(1);
        self.remove(key);
    }
}
