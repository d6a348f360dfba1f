//! What callers hold: channels, and calls on their way.

mod channel;
pub(crate) mod codec;
mod context;
mod future;
mod layered;
mod options;
mod outgoing;
mod requests;
mod retry;
mod streaming;

pub use self::{
    channel::Channel, context::Context, future::CallFuture, outgoing::Call, retry::RetryPolicy,
    streaming::Streaming,
};
pub(crate) use self::{
    channel::{Connector, Lookup, WaitForSession},
    options::CallOptions,
    retry::RetryBudget,
};

#[cfg(test)]
mod tests;
