//! Frames to bytes: fields in the order of their numbers, those with their default left out. Of a frame
//! with a payload only the head is written, and the payload is to follow as it is.

use std::{num::NonZeroU64, time::Duration};

use super::{
    frame::Hello,
    schema::{
        CANCEL, CREDIT, DATA, END, GO_AWAY, HELLO, ID, INFLATED, KEY, LAST, METADATA, OPEN,
        PAYLOAD, TOTAL, VALUE,
    },
};
use crate::{
    metadata::Metadata,
    wire::{Text, put},
};

/// What a head says of the payload that is to follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Body {
    /// No further message follows. Not for an end.
    pub(crate) last: bool,
    /// Bytes of a compressed message when inflated.
    pub(crate) inflated: Option<NonZeroU64>,
    /// On the first of several chunks, the bytes of all of them. Not for an end.
    pub(crate) total: Option<NonZeroU64>,
    /// `None` is no payload at all, `Some(0)` is that of an empty message.
    pub(crate) payload_len: Option<usize>,
}

impl Body {
    fn encoded_len(&self) -> usize {
        sum([
            varint_len(self.last.into()),
            varint_len(self.inflated.map_or(0, NonZeroU64::get)),
            varint_len(self.total.map_or(0, NonZeroU64::get)),
            self.payload_len.map_or(0, element_len),
        ])
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, LAST, self.last.into());
        put_varint(out, INFLATED, self.inflated.map_or(0, NonZeroU64::get));
        put_varint(out, TOTAL, self.total.map_or(0, NonZeroU64::get));
        if let Some(len) = self.payload_len {
            put::prefix(out, PAYLOAD, len);
        }
    }
}

/// How a call ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndHead<'a> {
    pub(crate) code: u32,
    pub(crate) message: &'a str,
    pub(crate) metadata: &'a Metadata,
    pub(crate) details: &'a [u8],
    pub(crate) refused: bool,
}

/// Appends to `out` all of the frame that opens a call, up to its payload. A `timeout_us` of 0 is none.
pub(crate) fn encode_open_head(
    out: &mut Vec<u8>,
    id: u64,
    service: &str,
    method: &str,
    timeout_us: u64,
    metadata: &Metadata,
    body: &Body,
) {
    let name_len = sum([service.len(), 1, method.len()]);
    let len = sum([
        varint_len(id),
        element_len(name_len),
        varint_len(timeout_us),
        metadata_len(metadata),
        body.encoded_len(),
    ]);
    put::prefix(out, OPEN, len);
    put_varint(out, ID, id);
    put::prefix(out, 2, name_len);
    out.extend_from_slice(service.as_bytes());
    out.push(b'/');
    out.extend_from_slice(method.as_bytes());
    put_varint(out, 3, timeout_us);
    put_metadata(out, metadata);
    body.put(out);
}

/// Appends to `out` all of a frame with data of a call, up to its payload.
pub(crate) fn encode_data_head(out: &mut Vec<u8>, id: u64, metadata: &Metadata, body: &Body) {
    let len = sum([varint_len(id), metadata_len(metadata), body.encoded_len()]);
    put::prefix(out, DATA, len);
    put_varint(out, ID, id);
    put_metadata(out, metadata);
    body.put(out);
}

/// Appends to `out` all of the frame that ends a call, up to its payload.
pub(crate) fn encode_end_head(out: &mut Vec<u8>, id: u64, end: &EndHead<'_>, body: &Body) {
    debug_assert!(
        !body.last && body.total.is_none(),
        "an end is the last frame, and has its message whole"
    );
    let len = sum([
        varint_len(id),
        varint_len(end.code.into()),
        bytes_len(end.message.len()),
        metadata_len(end.metadata),
        bytes_len(end.details.len()),
        varint_len(end.refused.into()),
        body.encoded_len(),
    ]);
    put::prefix(out, END, len);
    put_varint(out, ID, id);
    put_varint(out, 2, end.code.into());
    put_bytes(out, 3, end.message.as_bytes());
    put_metadata(out, end.metadata);
    put_bytes(out, 5, end.details);
    put_varint(out, 6, end.refused.into());
    body.put(out);
}

/// Appends to `out` the frame that cancels a call.
pub(crate) fn encode_cancel(out: &mut Vec<u8>, id: u64) {
    put::prefix(out, CANCEL, varint_len(id));
    put_varint(out, ID, id);
}

/// Appends to `out` the frame that lets the peer send so many more `bytes` on a call.
pub(crate) fn encode_credit(out: &mut Vec<u8>, id: u64, bytes: u64) {
    put::prefix(out, CREDIT, sum([varint_len(id), varint_len(bytes)]));
    put_varint(out, ID, id);
    put_varint(out, 2, bytes);
}

/// Appends to `out` the frame that says goodbye. `spread` is cut to milliseconds.
pub(crate) fn encode_go_away(out: &mut Vec<u8>, last_id: u64, reason: &str, spread: Duration) {
    let spread_ms = u32::try_from(spread.as_millis()).unwrap_or(u32::MAX).into();
    let len = sum([
        varint_len(last_id),
        bytes_len(reason.len()),
        varint_len(spread_ms),
    ]);
    put::prefix(out, GO_AWAY, len);
    put_varint(out, 1, last_id);
    put_bytes(out, 2, reason.as_bytes());
    put_varint(out, 3, spread_ms);
}

/// Appends to `out` the first frame of a session.
pub(crate) fn encode_hello(out: &mut Vec<u8>, hello: &Hello) {
    let labels = || {
        let labels = hello.labels.iter();
        labels.map(|(key, value)| (key.as_str(), value.as_str().as_bytes()))
    };
    let len = sum([
        varint_len(hello.initial_window),
        varint_len(hello.max_message_size),
        varint_len(hello.max_calls.into()),
        varint_len(hello.max_metadata_size.into()),
        texts_len(&hello.features),
        texts_len(&hello.compression),
        bytes_len(hello.instance_id.len()),
        bytes_len(hello.agent.len()),
        pairs_len(labels()),
    ]);
    put::prefix(out, HELLO, len);
    put_varint(out, 1, hello.initial_window);
    put_varint(out, 2, hello.max_message_size);
    put_varint(out, 3, hello.max_calls.into());
    put_varint(out, 4, hello.max_metadata_size.into());
    put_texts(out, 5, &hello.features);
    put_texts(out, 6, &hello.compression);
    put_bytes(out, 7, &hello.instance_id);
    put_bytes(out, 8, hello.agent.as_str().as_bytes());
    put_pairs(out, 9, labels());
}

fn metadata_len(metadata: &Metadata) -> usize {
    pairs_len(metadata.iter_raw())
}

fn put_metadata(out: &mut Vec<u8>, metadata: &Metadata) {
    put_pairs(out, METADATA, metadata.iter_raw());
}

/// Bytes of a repeated message of a key and a value.
fn pairs_len<'a>(pairs: impl Iterator<Item = (&'a str, &'a [u8])>) -> usize {
    pairs.fold(0, |len, (key, value)| {
        sum([len, element_len(pair_len(key, value))])
    })
}

fn pair_len(key: &str, value: &[u8]) -> usize {
    sum([bytes_len(key.len()), bytes_len(value.len())])
}

fn put_pairs<'a>(out: &mut Vec<u8>, number: u32, pairs: impl Iterator<Item = (&'a str, &'a [u8])>) {
    for (key, value) in pairs {
        put::prefix(out, number, pair_len(key, value));
        put_bytes(out, KEY, key.as_bytes());
        put_bytes(out, VALUE, value);
    }
}

/// Bytes of a repeated string.
fn texts_len(texts: &[Text]) -> usize {
    texts
        .iter()
        .fold(0, |len, text| sum([len, element_len(text.len())]))
}

fn put_texts(out: &mut Vec<u8>, number: u32, texts: &[Text]) {
    for text in texts {
        put::prefix(out, number, text.len());
        out.extend_from_slice(text.as_str().as_bytes());
    }
}

/// Bytes of a numeric field; none when it is 0.
#[inline]
fn varint_len(value: u64) -> usize {
    if value == 0 {
        0
    } else {
        put::varint_len(value).saturating_add(1)
    }
}

#[inline]
fn put_varint(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        put::number(out, number, value);
    }
}

/// Bytes of a length-delimited field; none when it is empty.
fn bytes_len(len: usize) -> usize {
    if len == 0 { 0 } else { element_len(len) }
}

fn put_bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    if !value.is_empty() {
        put::prefix(out, number, value.len());
        out.extend_from_slice(value);
    }
}

/// Bytes of a length-delimited field that is there even when it is empty.
#[inline]
fn element_len(len: usize) -> usize {
    sum([1, put::varint_len(len as u64), len])
}

#[inline]
fn sum<const N: usize>(lens: [usize; N]) -> usize {
    lens.into_iter().fold(0, usize::saturating_add)
}
