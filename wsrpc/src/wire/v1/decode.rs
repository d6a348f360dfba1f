//! Bytes to frames.

use bytes::Bytes;
use prost::Message as _;

use crate::wire::Text;

/// A frame as the protocol sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A call by the peer.
    Request(Request),
    /// The peer's answer to a call of ours.
    Response(Response),
    /// Something this version does not know. A later version may send it, so it is skipped.
    Unknown,
}

/// A call by the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The bare name of the method.
    pub(crate) method: Text,
    /// The caller's id of the call, to be echoed byte for byte.
    pub(crate) call_id: Text,
    /// The encoded message.
    pub(crate) payload: Bytes,
}

impl Request {
    /// The same request in memory of its own. Its fields are slices of what was read, of which they may be a small
    /// part.
    pub(crate) fn detached(&self) -> Self {
        Self {
            method: self.method.detached(),
            call_id: self.call_id.detached(),
            payload: Bytes::copy_from_slice(&self.payload),
        }
    }
}

/// The peer's answer to a call of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    /// Our id of the call.
    pub(crate) call_id: Text,
    /// The encoded message, or the text of the failure, which is never empty.
    pub(crate) result: Result<Bytes, Text>,
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("not a protobuf message of the wire schema: {0}")]
    Protobuf(#[from] prost::DecodeError),
    #[error("the field `{0}` is not UTF-8")]
    NotUtf8(&'static str),
}

/// Decodes one frame.
pub(crate) fn decode(bytes: Bytes) -> Result<Frame, DecodeError> {
    let text = |field, name| Text::new(field).ok_or(DecodeError::NotUtf8(name));
    Ok(match schema::Message::decode(bytes)?.exchange {
        Some(schema::Exchange::Request(request)) => Frame::Request(Request {
            method: text(request.method, "method")?,
            call_id: text(request.call_id, "call_id")?,
            payload: request.payload,
        }),
        Some(schema::Exchange::Response(response)) => {
            let error = text(response.error, "error")?;
            Frame::Response(Response {
                call_id: text(response.call_id, "call_id")?,
                result: if error.is_empty() {
                    Ok(response.payload)
                } else {
                    Err(error)
                },
            })
        }
        None => Frame::Unknown,
    })
}

/// The wire schema as prost reads it. Strings are read as bytes, which is the same on the wire and saves a copy; the
/// integration tests hold this against `proto/wsrpc.proto`.
mod schema {
    use bytes::Bytes;

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
        #[prost(bytes = "bytes", tag = "1")]
        pub(super) method: Bytes,
        #[prost(bytes = "bytes", tag = "2")]
        pub(super) call_id: Bytes,
        #[prost(bytes = "bytes", tag = "3")]
        pub(super) payload: Bytes,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Response {
        #[prost(bytes = "bytes", tag = "1")]
        pub(super) call_id: Bytes,
        #[prost(bytes = "bytes", tag = "2")]
        pub(super) payload: Bytes,
        #[prost(bytes = "bytes", tag = "3")]
        pub(super) error: Bytes,
    }
}
