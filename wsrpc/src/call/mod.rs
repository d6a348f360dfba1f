//! What callers hold: channels, and calls on their way.

mod channel;
pub(crate) mod codec;
mod context;
mod future;
mod options;
mod outgoing;
mod requests;
mod streaming;

pub(crate) use self::channel::{Connector, Lookup, WaitForSession};
pub use self::{
    channel::Channel, context::Context, future::CallFuture, outgoing::Call, streaming::Streaming,
};

#[cfg(test)]
mod tests;
