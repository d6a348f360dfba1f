//! The wire schema, version 1, written down a second time so that the library is not tested with itself.

use bytes::Bytes;
use prost::Message as _;

/// A frame.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Message {
    /// A call or an answer.
    #[prost(oneof = "Exchange", tags = "2, 3")]
    pub(super) exchange: Option<Exchange>,
}

/// What a frame holds.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Exchange {
    /// A call.
    #[prost(message, tag = "2")]
    Request(Request),
    /// An answer.
    #[prost(message, tag = "3")]
    Response(Response),
}

/// A call.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    /// The bare name.
    #[prost(string, tag = "1")]
    pub method: String,
    /// The caller's id of it.
    #[prost(string, tag = "2")]
    pub call_id: String,
    /// The encoded message.
    #[prost(bytes = "bytes", tag = "3")]
    pub payload: Bytes,
}

/// An answer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Response {
    /// The caller's id of the call.
    #[prost(string, tag = "1")]
    pub call_id: String,
    /// The encoded message.
    #[prost(bytes = "bytes", tag = "2")]
    pub payload: Bytes,
    /// The failure; empty when there is none.
    #[prost(string, tag = "3")]
    pub error: String,
}

/// A frame's bytes.
pub fn frame(exchange: Exchange) -> Bytes {
    let exchange = Some(exchange);
    Message { exchange }.encode_to_vec().into()
}

/// The bytes of a call.
pub fn request(method: &str, call_id: &str, payload: impl Into<Bytes>) -> Bytes {
    frame(Exchange::Request(Request {
        method: method.into(),
        call_id: call_id.into(),
        payload: payload.into(),
    }))
}

/// The bytes of an answer.
pub fn response(call_id: &str, payload: impl Into<Bytes>) -> Bytes {
    frame(Exchange::Response(Response {
        call_id: call_id.into(),
        payload: payload.into(),
        error: String::new(),
    }))
}
