//! Version 2: calls with statuses, metadata and deadlines, that can be cancelled, and streams in both directions.
//!
//! Both sides of a call hold an [`Exchange`](exchange::Exchange): a half that sends and a half that receives, which
//! are the same whoever calls, and what only the caller or only the callee has.

mod answering;
mod calling;
mod core;
mod exchange;
mod exchanges;
mod ids;
mod messages;
mod outbox;
mod pool;
mod queue;
mod receive;
mod round_trip;
mod send;
mod slow_reader;
mod spare;
mod transmit;

pub(crate) use self::{
    core::{Core, MAX_METADATA, PeerLimits},
    ids::Parity,
};

#[cfg(test)]
mod tests;
