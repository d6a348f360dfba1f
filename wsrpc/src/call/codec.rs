//! Messages to bytes and back.

use bytes::Bytes;

use crate::{
    compression::{InflateError, inflate},
    proto,
    service::MethodDescriptor,
    status::{Code, Status},
};

/// Why bytes are no message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    #[error(transparent)]
    Protobuf(#[from] prost::DecodeError),
    #[error(transparent)]
    Inflate(#[from] InflateError),
}

impl CodecError {
    /// The status of a call of `method` whose request or response, as `what` says, is bad.
    pub(crate) fn into_status(self, what: &str, method: &MethodDescriptor) -> Status {
        let code = match self {
            Self::Inflate(InflateError::TooLarge { .. }) => Code::RESOURCE_EXHAUSTED,
            _ if what == "request" => Code::INVALID_ARGUMENT,
            _ => Code::INTERNAL,
        };
        Status::new(
            code,
            format!("the payload is no {what} of {method}: {self}"),
        )
    }
}

pub(crate) fn encode(message: &impl prost::Message) -> Bytes {
    message.encode_to_vec().into()
}

/// Decodes a message that has at most `limit` bytes.
pub(crate) fn decode<T: prost::Message + Default>(
    message: proto::Message,
    limit: usize,
) -> Result<T, CodecError> {
    // `decode` would move it twice, which is 3 % of a small call.
    let mut decoded = T::default();
    decoded.merge(plain(message, limit)?)?;
    Ok(decoded)
}

/// The bytes of a message, uncompressed, of which there are at most `limit`.
#[inline]
pub(crate) fn plain(message: proto::Message, limit: usize) -> Result<Bytes, CodecError> {
    match message.inflated {
        Some(size) => Ok(inflate(&message.payload, size.get(), limit)?),
        None => Ok(message.payload),
    }
}
