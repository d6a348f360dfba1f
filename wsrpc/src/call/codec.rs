//! Messages to bytes and back.

use bytes::Bytes;

use crate::{
    proto,
    service::MethodDescriptor,
    status::{Code, Status},
};

/// Why bytes are no message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    #[error(transparent)]
    Protobuf(#[from] prost::DecodeError),
    #[error("it is compressed, which this side did not offer to undo")]
    Compressed,
}

impl CodecError {
    /// The status of a call of `method` whose request or response, as `what` says, is bad.
    pub(crate) fn into_status(self, what: &str, method: &MethodDescriptor) -> Status {
        let code = match what {
            "request" => Code::INVALID_ARGUMENT,
            _ => Code::INTERNAL,
        };
        Status::new(
            code,
            format!("the payload is no {what} of {method}: {self}"),
        )
    }
}

pub(crate) fn encode(message: &impl prost::Message) -> proto::Message {
    Bytes::from(message.encode_to_vec()).into()
}

/// Decodes a message that has at most `limit` bytes.
pub(crate) fn decode<T: prost::Message + Default>(
    message: proto::Message,
    _limit: usize,
) -> Result<T, CodecError> {
    if message.inflated.is_some() {
        return Err(CodecError::Compressed);
    }
    Ok(T::decode(message.payload)?)
}
