//! Messages of a call, which go both ways alike.

use std::task::Waker;

use super::{
    core::Core,
    exchange::{Role, Stop},
    ids::Found,
    receive::Received,
};
use crate::{
    call_error::{Blame, CallError, Outcome},
    proto::{Key, Message, SendError},
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
                self.give_back(freed);
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
                None => exchange.receive.is_last().then_some(Ok(None)),
            },
        };
        if ended.is_none() {
            exchange.receive.set_waker(waker);
        }
        ended
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
        let (key, own) = match self.ids.find(id) {
            Found::Own(key) => (key, true),
            Found::Peers(key) => (key, false),
            Found::Ended => return,
            Found::NeverOpened => return self.never_opened(id),
        };
        if self.has_too_much(&data.metadata) {
            return;
        }
        let over_limit = data.chunk.as_ref().and_then(|c| self.is_over_limit(c));
        let Some(exchange) = self.get_mut(key) else {
            return;
        };
        let live = exchange.is_live();
        match &mut exchange.role {
            Role::Caller(_) if data.last => {
                return self.violation(format!("on the call {id}: a callee ends with an end"));
            }
            Role::Caller(caller) => {
                if !data.metadata.is_empty() && caller.began {
                    return self
                        .violation(format!("on the call {id}: metadata after the first frame"));
                }
                if !caller.began {
                    caller.began = true;
                    caller.head = Some(data.metadata);
                }
            }
            Role::Callee(_) if !data.metadata.is_empty() => {
                return self.violation(format!("on the call {id}: metadata of a caller's data"));
            }
            Role::Callee(_) => {}
        }
        if !live {
            // Nobody wants it, and its sender gets no credit for more.
            return;
        }
        if let Some(status) = over_limit {
            return if own {
                let error = CallError::new(status, Outcome::Unknown, Blame::Local);
                self.give_up(key, error);
            } else {
                self.stop(key, Stop::TooLarge(status));
            };
        }
        match exchange.receive.receive(data.chunk, data.last) {
            Ok(received) => {
                // A head alone is progress for a caller.
                let wakes = own || !matches!(received, Received::Part | Received::Begun(_));
                let waker = wakes.then(|| exchange.receive.take_waker()).flatten();
                self.wakers.extend(waker);
                match received {
                    Received::Begun(total) => self.reserve(key, total),
                    Received::Unadmitted => self.pool.forget(key),
                    Received::Part | Received::Progress => {}
                }
                self.credit(key);
            }
            Err(what) => self.violation(format!("on the call {id}: {what}")),
        }
    }

    /// Sets memory aside for a message that has begun, now or when its turn comes.
    pub(super) fn reserve(&mut self, key: Key, total: u64) {
        if self.pool.reserve(key, total) {
            if let Some(exchange) = self.get_mut(key) {
                exchange.receive.admit();
                self.credit(key);
            }
        }
    }

    pub(super) fn receive_credit(&mut self, id: u64, bytes: u64) {
        let (Found::Own(key) | Found::Peers(key)) = self.ids.find(id) else {
            if self.ids.find(id) == Found::NeverOpened {
                self.never_opened(id);
            }
            return;
        };
        let Some(exchange) = self.get_mut(key) else {
            return;
        };
        if !exchange.send.add_credit(bytes) {
            return self.violation(format!(
                "on the call {id}: more credit than there are bytes"
            ));
        }
        self.schedule(key);
    }
}
