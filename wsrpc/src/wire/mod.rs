//! Frames to bytes and back, total and panic-free.
//!
//! A frame is one protobuf `Message` of the wire schema (`proto/wsrpc.proto`), carried in one binary WebSocket
//! message. Decoding borrows: every field is a slice of what was read. Encoding writes only what precedes the payload,
//! so that a user's message is encoded once and never copied into an envelope.

#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod call_id;
mod decode;
mod encode;
mod text;

pub(crate) use call_id::CallId;
#[cfg(test)]
pub(crate) use decode::Response;
pub(crate) use decode::{Frame, Request, decode};
pub(crate) use encode::{encode_error, encode_request_head, encode_response_head};
pub(crate) use text::Text;

#[cfg(test)]
mod tests;
