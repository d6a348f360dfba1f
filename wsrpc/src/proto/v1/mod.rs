//! Version 1: one request, one response, and nothing between them.

mod calls;
mod core;
mod outbox;
mod serving;

pub(crate) use self::{
    calls::{CallKey, deadline_exceeded},
    core::{Core, Event, Limits, OpenError, Refusal, Ticket},
    serving::{Incoming, Slot},
};

#[cfg(test)]
mod tests;
