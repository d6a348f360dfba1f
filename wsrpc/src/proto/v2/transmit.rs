//! What goes out next.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{
    core::Core,
    exchange::{Ending, Exchange, Role},
    outbox::Control,
    send::Piece,
};
use crate::{
    metadata::Metadata,
    proto::{Key, Transmit},
    status::Status,
    wire::v2::{
        self as wire, Body, EndHead,
        sizes::{MAX_DETAILS, MAX_TEXT},
    },
};

/// The longest time-out that is sent.
const MAX_TIMEOUT_US: u64 = wire::NUMBER_LIMIT - 1;

/// What both sides of a session that is busy may take for a turn each, however short the way between them.
const TURNS: Duration = Duration::from_millis(1);

impl Core {
    /// Puts the next frame to send into `out`, which must be empty. Returns whether there was one.
    pub(crate) fn transmit(&mut self, now: Instant, out: &mut Transmit) -> bool {
        while let Some(control) = self.outbox.pop_control() {
            if self.write_control(control, now, &mut out.head) {
                return true;
            }
        }
        while let Some(key) = self.outbox.next_turn() {
            // Of a call that is gone as well, for its place is still there.
            self.keepalive.ask_for_tick(&self.limits.keepalive, now);
            if self.write_turn(key, now, out).is_some() {
                return true;
            }
        }
        false
    }

    /// Whether there is anything to send.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.outbox.is_empty()
    }

    fn write_control(&mut self, control: Control, now: Instant, head: &mut Vec<u8>) -> bool {
        match control {
            Control::Credit(key) => return self.write_credit(key, now, head),
            Control::Cancel(key) => return self.write_cancel(key, head),
            Control::Refuse { id, status } => {
                self.unsent_refusals = self.unsent_refusals.saturating_sub(1);
                write_failure(head, id, &status, true);
            }
            Control::GoAway { last_id, spread } => {
                wire::encode_go_away(head, last_id, "shutting down", spread);
            }
        }
        true
    }

    /// Cancels a call, unless it has ended meanwhile.
    fn write_cancel(&mut self, key: Key, head: &mut Vec<u8>) -> bool {
        match self.get(key) {
            Some(Exchange {
                id,
                role: Role::Caller(caller),
                ..
            }) if !caller.concluded => {
                wire::encode_cancel(head, *id);
                true
            }
            _ => false,
        }
    }

    fn write_credit(&mut self, key: Key, now: Instant, head: &mut Vec<u8>) -> bool {
        self.grow_window(key, now);
        let Some(exchange) = self.get_mut(key) else {
            return false;
        };
        exchange.crediting = false;
        if !exchange.receive.owes() {
            return false;
        }
        let bytes = exchange.receive.give_credit(now);
        wire::encode_credit(head, exchange.id, bytes);
        true
    }

    /// Doubles the window of a stream that used half of it within two round trips, or while the two sides take a turn:
    /// it may be what holds it up.
    fn grow_window(&mut self, key: Key, now: Instant) {
        let Some(exchange) = self.get(key).filter(|e| e.receive.owes()) else {
            return;
        };
        let (Some(credited), growth) = (exchange.receive.credited(), exchange.receive.growth())
        else {
            return;
        };
        let Some(round_trip) = self.round_trip.get() else {
            if self.round_trip.wants_ping() {
                self.ping(now);
            }
            return;
        };
        let fast =
            now.saturating_duration_since(credited) < round_trip.saturating_mul(2).max(TURNS);
        if fast && growth > 0 && self.pool.try_grow(growth) {
            if let Some(exchange) = self.get_mut(key) {
                exchange.receive.grow(growth);
            }
        }
    }

    /// Writes the next frame of the call whose turn it is, and lets it wait for its next turn. `None` if there is none.
    fn write_turn(&mut self, key: Key, now: Instant, out: &mut Transmit) -> Option<()> {
        let exchange = self.get_mut(key)?;
        exchange.scheduled = false;
        match &exchange.role {
            Role::Callee(_) if exchange.may_end() => {
                self.slow_reader.took_some();
                self.write_end(key, out)
            }
            _ if !exchange.is_sendable() => None,
            Role::Caller(_) if exchange.id == 0 => self.write_open(key, now, out),
            Role::Caller(_) => self.write_data(key, out),
            Role::Callee(callee) => {
                if callee.ending.is_some() {
                    self.slow_reader.took_some();
                }
                self.write_data(key, out)
            }
        }
    }

    fn write_open(&mut self, key: Key, now: Instant, out: &mut Transmit) -> Option<()> {
        let deadline = self.get(key)?.deadline;
        let left = deadline.map(|deadline| deadline.saturating_duration_since(now).as_micros());
        if left == Some(0) {
            // The timer is about to tell its caller, and it must not run.
            return None;
        }
        // Later than anyone can wait is as late as can be said.
        let timeout_us = left.map_or(0, |left| {
            u64::try_from(left).map_or(MAX_TIMEOUT_US, |left| left.min(MAX_TIMEOUT_US))
        });
        let Some(id) = self.ids.give(key) else {
            let status = Status::unavailable("the session has used up its call ids");
            self.give_up(key, crate::call_error::CallError::not_sent(status));
            return None;
        };
        let exchange = self.get_mut(key)?;
        let Role::Caller(caller) = &mut exchange.role else {
            return None;
        };
        exchange.id = id;
        let piece = exchange.send.next_piece(&mut out.payload);
        let last = exchange.send.is_finished() && exchange.send.is_empty();
        if last {
            exchange.send.set_done();
        }
        let metadata = std::mem::take(&mut caller.metadata);
        let (method, waiting) = (caller.method, caller.waiting);
        wire::encode_open_head(
            &mut out.head,
            id,
            method.service,
            method.name,
            timeout_us,
            &metadata,
            &body(piece, &out.payload, last),
        );
        self.no_longer_waits(waiting);
        if !last {
            self.sent_piece(key);
        }
        Some(())
    }

    fn write_data(&mut self, key: Key, out: &mut Transmit) -> Option<()> {
        let exchange = self.get_mut(key)?;
        let id = exchange.id;
        let piece = exchange.send.next_piece(&mut out.payload);
        let (last, metadata) = match &mut exchange.role {
            Role::Caller(_) => {
                let last = exchange.send.is_finished() && exchange.send.is_empty();
                if last {
                    exchange.send.set_done();
                }
                (last, Metadata::default())
            }
            Role::Callee(callee) => {
                callee.began = true;
                (false, callee.head.take().unwrap_or_default())
            }
        };
        wire::encode_data_head(
            &mut out.head,
            id,
            &metadata,
            &body(piece, &out.payload, last),
        );
        self.sent_piece(key);
        Some(())
    }

    /// There may be room for another message, and more to send.
    fn sent_piece(&mut self, key: Key) {
        let waker = self
            .get_mut(key)
            .and_then(|exchange| exchange.send.take_waker());
        self.wake(waker);
        self.schedule(key);
    }

    fn write_end(&mut self, key: Key, out: &mut Transmit) -> Option<()> {
        let exchange = self.get_mut(key)?;
        let id = exchange.id;
        let Role::Callee(callee) = &mut exchange.role else {
            return None;
        };
        let ending = callee.ending.take()?;
        let piece = exchange.send.next_piece(&mut out.payload);
        match ending {
            Ending::Success(trailing) => {
                let end = EndHead {
                    code: 0,
                    message: "",
                    metadata: &trailing,
                    details: &[],
                    refused: false,
                };
                wire::encode_end_head(&mut out.head, id, &end, &body(piece, &out.payload, false));
            }
            Ending::Failure { status, refused } => {
                write_failure(&mut out.head, id, &status, refused)
            }
        }
        self.answered(key);
        Some(())
    }
}

fn body(piece: Option<Piece>, payload: &Bytes, last: bool) -> Body {
    Body {
        last,
        inflated: piece.and_then(|piece| piece.inflated),
        total: piece.and_then(|piece| piece.total),
        payload_len: piece.map(|_| payload.len()),
    }
}

fn write_failure(head: &mut Vec<u8>, id: u64, status: &Status, refused: bool) {
    let message = status.message();
    let end = (0..=message.len().min(MAX_TEXT))
        .rev()
        .find(|at| message.is_char_boundary(*at));
    let details = status.details();
    let end = EndHead {
        code: status.code().into(),
        message: message.get(..end.unwrap_or_default()).unwrap_or_default(),
        metadata: status.metadata(),
        details: if details.len() > MAX_DETAILS {
            &[]
        } else {
            details
        },
        refused,
    };
    wire::encode_end_head(head, id, &end, &body(None, &Bytes::new(), false));
}
