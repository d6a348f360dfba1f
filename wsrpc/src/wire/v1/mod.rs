//! Version 1: what Go speaks. A request and its response, each one frame.

mod call_id;
mod decode;
mod encode;

pub(crate) use call_id::CallId;
#[cfg(test)]
pub(crate) use decode::Response;
pub(crate) use decode::{Frame, Request, decode};
pub(crate) use encode::{encode_error, encode_request_head, encode_response_head};

#[cfg(test)]
mod tests;
