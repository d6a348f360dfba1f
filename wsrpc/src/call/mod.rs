//! What callers hold: channels, and calls on their way.

mod channel;
mod pending;

pub(crate) use self::channel::{Connector, Lookup, WaitForSession};
pub use self::{
    channel::Channel,
    pending::{Call, CallFuture},
};

#[cfg(test)]
mod tests;
