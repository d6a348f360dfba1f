mod call_id;
mod decode;
mod equivalence;
mod fixtures;
mod owned;

use bytes::Bytes;

use super::{Frame, decode::DecodeError};

fn decoded(bytes: &[u8]) -> Result<Frame, DecodeError> {
    super::decode(Bytes::copy_from_slice(bytes))
}
