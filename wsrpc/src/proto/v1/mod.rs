//! Version 1: one request, one response, and nothing between them.

mod calls;
mod core;
mod outbox;
mod serving;

pub(crate) use self::core::Core;

#[cfg(test)]
mod tests;
