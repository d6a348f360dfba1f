//! Frames to bytes and back, total and panic-free.
//!
//! A frame is one protobuf `Message` of the wire schema (`proto/wsrpc.proto`). A binary WebSocket message carries one
//! frame in version 1, and any number of them, one after the other, in version 2. Decoding borrows: every field is a
//! slice of what was read. Encoding writes only what precedes the payload, so that a user's message is encoded once and
//! never copied into an envelope.

#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod fields;
mod put;
mod text;
pub(crate) mod v1;
pub(crate) mod v2;

pub(crate) use text::Text;

#[cfg(test)]
pub(crate) mod random;
