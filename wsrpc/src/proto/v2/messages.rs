//! Messages of a call, which go both ways alike.

use std::task::Waker;

use super::{
    core::Core,
    exchange::{Role, Stop},
    receive::{Effect, Freed},
};
use crate::{
    call_error::{Blame, CallError, Outcome},
    proto::{Key, Message, SendError},
    status::Status,
    wire::v2::Data,
};

impl Core {
    /// The next message that has arrived, `None` after the last one: otherwise `waker` is woken.
    ///
    /// What was delivered before a call failed comes first.
    pub(crate) fn poll_message(
        &mut self,
        key: Key,
        waker: &Waker,
    ) -> Option<Result<Option<Message>, CallError>> {
        let Some(exchange) = self.get_mut(key) else {
            return Some(Err(self.gone()));
        };
        if let Some((message, freed)) = exchange.receive.take() {
            if freed > 0 {
                self.give_back(Freed::bytes(freed));
            }
            self.credit(key);
            return Some(Ok(Some(message)));
        }
        let ended = match &exchange.role {
            Role::Caller(caller) => caller.end.as_ref().map(|end| match end {
                Ok(_) => Ok(None),
                Err(error) => Err(error.clone()),
            }),
            Role::Callee(callee) => match &callee.stopping {
                Some(why) => Some(Err(why.error())),
                None if callee.ending.is_some() => return Some(Err(self.gone())),
                None => exchange.receive.is_last().then_some(Ok(None)),
            },
        };
        if ended.is_none() {
            exchange.receive.set_waker(waker);
            self.want(key);
        }
        ended
    }

    /// Whoever reads a call waits for its next message.
    pub(super) fn want(&mut self, key: Key) {
        let wanted = self.get_mut(key).and_then(|call| call.receive.want());
        if let Some(bytes) = wanted {
            self.reserve(key, bytes);
        }
    }

    /// Whether another message may be sent: otherwise `waker` is woken when it may.
    pub(crate) fn poll_room(&mut self, key: Key, waker: &Waker) -> Option<Result<(), SendError>> {
        let Some(exchange) = self.get_mut(key) else {
            return Some(Err(SendError::Stopped));
        };
        if !exchange.is_live() || exchange.send.is_done() {
            return Some(Err(SendError::Stopped));
        }
        exchange.send.has_room(waker).then_some(Ok(()))
    }

    /// Sends a message, whether there is room for it or not.
    pub(crate) fn send(&mut self, key: Key, message: Message) -> Result<(), SendError> {
        if let Some(status) = self.reject(&message) {
            return Err(SendError::Rejected(status));
        }
        let Some(exchange) = self.get_mut(key).filter(|exchange| exchange.is_live()) else {
            return Err(SendError::Stopped);
        };
        if exchange.send.is_finished() {
            return Err(SendError::Stopped);
        }
        exchange.send.push(message);
        self.schedule(key);
        Ok(())
    }

    /// A caller sends no more messages.
    pub(crate) fn finish(&mut self, key: Key) {
        if let Some(exchange) = self.get_mut(key) {
            exchange.send.finish();
            self.schedule(key);
        }
    }

    pub(super) fn receive_data(&mut self, data: Data) {
        let id = data.id;
        let own = self.ids.is_own(id);
        // What is wrong with it by itself is so even if it comes too late to be of use.
        if own && data.last {
            return self.violation(format!("on the call {id}: a callee ends with an end"));
        }
        if !own && !data.metadata.is_empty() {
            return self.violation(format!("on the call {id}: metadata of a caller's data"));
        }
        if !self.takes(&data.metadata, data.chunk.as_ref()) {
            return;
        }
        let Some(key) = self.find(id) else {
            return;
        };
        let limit = self.limits.max_recv_size as u64;
        let Some(exchange) = self.get_mut(key).filter(|exchange| exchange.is_live()) else {
            // Nobody wants it, and its sender gets no credit for more.
            return;
        };
        let mut begins = false;
        if let Role::Caller(caller) = &mut exchange.role {
            if !caller.began {
                begins = true;
                caller.began = true;
                caller.head = data.metadata;
            } else if !data.metadata.is_empty() {
                return self.violation(format!("on the call {id}: metadata after the first frame"));
            }
        }
        let listed = exchange.receive.has_fresh();
        let effect = match exchange.receive.receive(data.chunk, data.last, limit) {
            Ok(effect) => effect,
            Err(what) => return self.violation(format!("on the call {id}: {what}")),
        };
        let fresh = !listed && exchange.receive.has_fresh();
        // For a caller, that responses begin is progress by itself.
        if begins || !matches!(effect, Effect::Part | Effect::Begun(_)) {
            let waker = exchange.receive.take_waker();
            self.wake(waker);
        }
        if fresh {
            self.fresh.push(key);
        }
        match effect {
            Effect::Begun(bytes) => self.reserve(key, bytes),
            Effect::Unadmitted(turn) => self.give_back(Freed::turn(turn)),
            Effect::TooLarge(size) => return self.refuse_message(key, size),
            Effect::Part | Effect::Progress => {}
        }
        if own {
            self.check_responses(key);
        }
        self.credit(key);
    }

    /// Whether messages have come since what waits was [shelved](Self::shelve).
    pub(crate) fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// To be called once those who read have had their turn: what they left keeps alive no more than what it counts for
    /// from here on. To copy each message as it comes would cost those who keep up with them, too.
    pub(crate) fn shelve(&mut self) {
        let mut fresh = std::mem::take(&mut self.fresh);
        for key in fresh.drain(..) {
            if let Some(exchange) = self.get_mut(key) {
                exchange.receive.shelve();
            }
        }
        self.fresh = fresh;
    }

    /// A message began that is over the limit: its call ends here.
    fn refuse_message(&mut self, key: Key, size: u64) {
        let status = self.too_large(size);
        match self.get(key).map(|exchange| &exchange.role) {
            Some(Role::Caller(_)) => {
                let error = CallError::new(status, Outcome::Unknown, Blame::Local);
                self.give_up(key, error);
            }
            Some(Role::Callee(_)) => self.stop(key, Stop::TooLarge(status.into())),
            None => {}
        }
    }

    pub(super) fn too_large(&self, size: u64) -> Status {
        Status::resource_exhausted(format!(
            "the message of {size} bytes is over the limit of {} bytes to receive",
            self.limits.max_recv_size
        ))
    }

    /// Sets memory aside for a message that has begun, now or when its turn comes.
    pub(super) fn reserve(&mut self, key: Key, total: u64) {
        let turn = self.pool.reserve(key, total);
        match (turn, self.get_mut(key)) {
            (None, _) => self.admit(key),
            (Some(turn), Some(exchange)) => exchange.receive.queue(turn),
            (Some(_), None) => {}
        }
        self.credit(key);
    }

    pub(super) fn receive_credit(&mut self, id: u64, bytes: u64) {
        let Some(key) = self.find(id) else {
            return;
        };
        let Some(exchange) = self.get_mut(key).filter(|e| !e.is_cancelled()) else {
            return;
        };
        if !exchange.send.add_credit(bytes) {
            return self.violation(format!("on the call {id}: credit beyond what is counted"));
        }
        self.schedule(key);
    }
}
