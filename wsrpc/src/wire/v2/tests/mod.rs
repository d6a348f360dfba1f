mod equivalence;
mod frames;
mod messages;
mod owned;
mod refusals;
mod vectors;

use bytes::Bytes;

use super::{DecodeError, Frame};

fn decoded(bytes: &[u8]) -> Result<Frame, DecodeError> {
    super::decode(Bytes::copy_from_slice(bytes))
}
