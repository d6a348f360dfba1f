//! Frames to bytes, byte for byte as Go's protobuf writes them: fields in the order of their numbers, empty ones left
//! out.

use crate::wire::put;

/// The members of `Message.exchange`.
pub(super) const REQUEST: u32 = 2;
pub(super) const RESPONSE: u32 = 3;

/// Appends to `out` all of a request's frame up to its payload, which is to follow as it is.
pub(crate) fn encode_request_head(
    out: &mut Vec<u8>,
    method: &str,
    call_id: &[u8],
    payload_len: usize,
) {
    let fields = [
        Field(1, method.as_bytes()),
        Field(2, call_id),
        Field(3, &[]),
    ];
    encode_head(out, REQUEST, fields, payload_len);
}

/// Appends to `out` all of a successful response's frame up to its payload, which is to follow as it is.
pub(crate) fn encode_response_head(out: &mut Vec<u8>, call_id: &[u8], payload_len: usize) {
    encode_head(
        out,
        RESPONSE,
        [Field(1, call_id), Field(2, &[])],
        payload_len,
    );
}

/// Appends to `out` the whole frame of a response that failed. An empty `error` would be read as success.
pub(crate) fn encode_error(out: &mut Vec<u8>, call_id: &[u8], error: &str) {
    debug_assert!(
        !error.is_empty(),
        "an empty error means success on the wire"
    );
    encode_head(
        out,
        RESPONSE,
        [Field(1, call_id), Field(3, error.as_bytes())],
        0,
    );
}

/// A length-delimited field. In a head whose payload follows, the last one is the payload's and only its key and
/// length are written.
#[derive(Clone, Copy)]
struct Field<'a>(u32, &'a [u8]);

impl Field<'_> {
    /// Bytes on the wire of this field with a value of `len` bytes; none when it is empty.
    fn encoded_len(&self, len: usize) -> usize {
        if len == 0 {
            return 0;
        }
        // Field numbers below 16 have keys of one byte.
        len.saturating_add(put::varint_len(len as u64))
            .saturating_add(1)
    }

    fn encode_prefix(&self, out: &mut Vec<u8>, len: usize) {
        if len > 0 {
            put::prefix(out, self.0, len);
        }
    }
}

fn encode_head<const N: usize>(
    out: &mut Vec<u8>,
    member: u32,
    fields: [Field<'_>; N],
    payload_len: usize,
) {
    // A field without a value of its own is the payload's; of both, at most one is not zero.
    let len_of = |field: &Field<'_>| {
        let is_payload = field.1.is_empty() && fields.last().is_some_and(|last| last.0 == field.0);
        if is_payload {
            payload_len
        } else {
            field.1.len()
        }
    };
    let body_len = fields.iter().fold(0usize, |sum, field| {
        sum.saturating_add(field.encoded_len(len_of(field)))
    });
    put::prefix(out, member, body_len);
    for field in &fields {
        field.encode_prefix(out, len_of(field));
        out.extend_from_slice(field.1);
    }
}
