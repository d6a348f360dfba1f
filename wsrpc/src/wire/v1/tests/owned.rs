//! The wire schema as prost derives it from the `.proto` file: what ours is held against.

use bytes::Bytes;

use crate::wire::v1::{self as wire, Frame};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Message {
    #[prost(oneof = "Exchange", tags = "2, 3")]
    pub(super) exchange: Option<Exchange>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Exchange {
    #[prost(message, tag = "2")]
    Request(Request),
    #[prost(message, tag = "3")]
    Response(Response),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Request {
    #[prost(string, tag = "1")]
    pub(super) method: String,
    #[prost(string, tag = "2")]
    pub(super) call_id: String,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) payload: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Response {
    #[prost(string, tag = "1")]
    pub(super) call_id: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) payload: Vec<u8>,
    #[prost(string, tag = "3")]
    pub(super) error: String,
}

impl From<Exchange> for Message {
    fn from(exchange: Exchange) -> Self {
        Self {
            exchange: Some(exchange),
        }
    }
}

/// The frame that our decoder is to make of a message.
impl From<Message> for Frame {
    fn from(message: Message) -> Self {
        match message.exchange {
            Some(Exchange::Request(request)) => Self::Request(wire::Request {
                method: request.method.as_str().into(),
                call_id: request.call_id.as_str().into(),
                payload: request.payload.into(),
            }),
            Some(Exchange::Response(response)) => Self::Response(wire::decode::Response {
                call_id: response.call_id.as_str().into(),
                result: if response.error.is_empty() {
                    Ok(Bytes::from(response.payload))
                } else {
                    Err(response.error.as_str().into())
                },
            }),
            None => Self::Unknown,
        }
    }
}
