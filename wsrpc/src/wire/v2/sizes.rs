//! How large frames are, and the WebSocket messages that carry them. Two of these are the protocol's, [`MAX_FRAME`] and
//! [`SHARED`]; the others are what we make of them.

/// Bytes of the largest WebSocket message, and so of the largest frame.
pub(crate) const MAX_FRAME: usize = 128 * 1024;

/// What a TLS record carries. It is read as a whole, so that no part of it waits for what comes later.
const RECORD: usize = 16 * 1024;

/// Bytes of the largest WebSocket message that several frames share: the first of them never waits for the last, and a
/// peer that fills one with tiny frames does not keep its reader from others for long.
pub(crate) const SHARED: usize = RECORD;

/// So many frames share a WebSocket message of ours at most: what it saves is nearly all saved then, and a reader that
/// takes turns can stop between two.
pub(crate) const SHARERS: usize = 32;

/// A message up to this size goes out in one frame: 64 KiB of a user's, with what protobuf puts around them.
pub(crate) const WHOLE: usize = 65 * 1024;

/// Larger ones go out in chunks of this size, so that other calls find a gap: with what is put around it, a chunk just
/// fits into a TLS record.
pub(crate) const CHUNK: usize = RECORD - 64;

/// Bytes of metadata that are sent, whatever the peer takes.
pub(crate) const MAX_SENT_METADATA: usize = 60 * 1024;

/// Bytes of a status's text that are sent.
pub(crate) const MAX_TEXT: usize = 4 * 1024;

/// Bytes of a status's details that are sent: cut, they would mean nothing.
pub(crate) const MAX_DETAILS: usize = 16 * 1024;

const _: () = {
    // Numbers, and the name of the method.
    let rest = 2 * 1024;
    assert!(MAX_SENT_METADATA + WHOLE + rest <= MAX_FRAME);
    assert!(MAX_SENT_METADATA + MAX_TEXT + MAX_DETAILS + rest <= MAX_FRAME);
};

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::{CHUNK, RECORD};
    use crate::{
        metadata::Metadata,
        wire::v2::{Body, NUMBER_LIMIT, encode_data_head},
    };

    /// What precedes a WebSocket frame of this size that is masked.
    const WEBSOCKET: usize = 8;

    #[test]
    fn a_tls_record_has_room_for_a_chunk_with_the_longest_head() {
        let body = Body {
            last: true,
            inflated: NonZeroU64::new(NUMBER_LIMIT - 1),
            total: NonZeroU64::new(NUMBER_LIMIT - 1),
            payload_len: Some(CHUNK),
        };
        let mut head = Vec::new();
        encode_data_head(&mut head, NUMBER_LIMIT - 1, &Metadata::new(), &body);
        assert!(WEBSOCKET + head.len() + CHUNK <= RECORD);
    }
}
