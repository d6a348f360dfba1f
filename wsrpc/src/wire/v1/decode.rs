//! Bytes to frames.

use bytes::Bytes;

use super::encode::{REQUEST, RESPONSE};
use crate::wire::{
    Text,
    fields::{Fields, Malformed},
};

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
    Protobuf(#[from] Malformed),
    #[error("the field `{0}` is not UTF-8")]
    NotUtf8(&'static str),
}

/// Decodes one frame.
pub(crate) fn decode(bytes: Bytes) -> Result<Frame, DecodeError> {
    let mut exchange = None;
    for field in Fields::of(&bytes) {
        let (member, value) = field?;
        if member != REQUEST && member != RESPONSE {
            continue;
        }
        // As protobuf has it: two of a kind are one, of two kinds the later one counts.
        let mut fields = match exchange {
            Some((before, fields)) if before == member => fields,
            _ => [&[][..]; 3],
        };
        for field in Fields::of(value.bytes()?) {
            let (number, value) = field?;
            let at = (number as usize).wrapping_sub(1);
            if let Some(slot) = fields.get_mut(at) {
                *slot = value.bytes()?;
            }
        }
        exchange = Some((member, fields));
    }
    let text = |part, name| Text::new(bytes.slice_ref(part)).ok_or(DecodeError::NotUtf8(name));
    Ok(match exchange {
        Some((REQUEST, [method, call_id, payload])) => Frame::Request(Request {
            method: text(method, "method")?,
            call_id: text(call_id, "call_id")?,
            payload: bytes.slice_ref(payload),
        }),
        Some((_, [call_id, payload, error])) => {
            let error = text(error, "error")?;
            Frame::Response(Response {
                call_id: text(call_id, "call_id")?,
                result: if error.is_empty() {
                    Ok(bytes.slice_ref(payload))
                } else {
                    Err(error)
                },
            })
        }
        None => Frame::Unknown,
    })
}
