//! Frames as they are on the wire, and their parts.

use std::{num::NonZeroU64, time::Duration};

use bytes::Bytes;
use prost::Message as _;

use super::{decoded, owned};
use crate::{
    metadata::Metadata,
    wire::v2::{
        Body, Chunk, Data, DecodeError, End, EndHead, Frame, Hello, Open, decode, encode_cancel,
        encode_credit, encode_data_head, encode_end_head, encode_go_away, encode_hello,
        encode_open_head, frames,
    },
};

fn whole(payload: impl Into<Bytes>) -> Option<Chunk> {
    Some(Chunk {
        payload: payload.into(),
        total: None,
        inflated: None,
    })
}

fn end(metadata: &Metadata) -> EndHead<'_> {
    EndHead {
        code: 0,
        message: "",
        metadata,
        details: &[],
        refused: false,
    }
}

#[test]
fn an_open_is_its_head_and_the_payload() {
    let mut metadata = Metadata::default();
    metadata.push_received("k".into(), "v".into()).unwrap();
    let body = Body {
        last: true,
        payload_len: Some(2),
        ..Body::default()
    };
    let mut out = Vec::new();
    encode_open_head(&mut out, 1, "a.S", "M", 300, &metadata, &body);
    out.extend_from_slice(b"pp");
    assert_eq!(
        out,
        b"\x2a\x1a\x08\x01\x12\x05a.S/M\x18\xac\x02\x22\x06\x0a\x01k\x12\x01v\x60\x01\x7a\x02pp"
    );
    let open = Open {
        id: 1,
        method: "a.S/M".into(),
        timeout: Some(Duration::from_micros(300)),
        metadata,
        chunk: whole("pp"),
        last: true,
    };
    assert_eq!(decoded(&out), Ok(Frame::Open(open)));
}

#[test]
fn no_message_an_empty_one_and_some_bytes_are_told_apart() {
    let metadata = Metadata::default();
    for (payload_len, fields, chunk) in [
        (None, &b"\x08\x01"[..], None),
        (Some(0), b"\x08\x01\x7a\x00", whole("")),
        (Some(1), b"\x08\x01\x7a\x01p", whole("p")),
    ] {
        let body = Body {
            payload_len,
            ..Body::default()
        };
        let payload = &b"p"[..payload_len.unwrap_or_default()];
        let frame = |member: u8| [&[member << 3 | 2, fields.len() as u8], fields].concat();

        let mut out = Vec::new();
        encode_data_head(&mut out, 1, &metadata, &body);
        out.extend_from_slice(payload);
        assert_eq!(out, frame(6));
        let data = Data {
            id: 1,
            metadata: metadata.clone(),
            chunk: chunk.clone(),
            last: false,
        };
        assert_eq!(decoded(&out), Ok(Frame::Data(data)));

        let mut out = Vec::new();
        encode_end_head(&mut out, 1, &end(&metadata), &body);
        out.extend_from_slice(payload);
        assert_eq!(out, frame(7));
        let end = End {
            id: 1,
            metadata: metadata.clone(),
            chunk,
            failure: None,
        };
        assert_eq!(decoded(&out), Ok(Frame::End(end)));
    }
}

#[test]
fn a_first_chunk_has_its_sizes() {
    let body = Body {
        inflated: NonZeroU64::new(1 << 40),
        total: NonZeroU64::new(3),
        payload_len: Some(2),
        ..Body::default()
    };
    let mut out = Vec::new();
    encode_data_head(&mut out, 2, &Metadata::default(), &body);
    out.extend_from_slice(b"pp");
    let chunk = Chunk {
        payload: "pp".into(),
        total: NonZeroU64::new(3),
        inflated: NonZeroU64::new(1 << 40),
    };
    let Ok(Frame::Data(data)) = decoded(&out) else {
        panic!("not data");
    };
    assert_eq!(data.chunk, Some(chunk));
}

#[test]
fn a_frame_is_appended_to_what_is_there() {
    let mut out = b"before".to_vec();
    encode_cancel(&mut out, 3);
    encode_credit(&mut out, 3, 300);
    encode_go_away(&mut out, 5, "r", Duration::from_millis(2));
    encode_end_head(&mut out, 3, &end(&Metadata::default()), &Body::default());
    assert_eq!(
        out,
        b"before\x42\x02\x08\x03\x4a\x05\x08\x03\x10\xac\x02\x52\x07\x08\x05\x12\x01r\x18\x02\x3a\x02\x08\x03"
    );
}

#[test]
fn a_spread_is_whole_milliseconds_up_to_the_largest_number_of_them() {
    for (spread, sent) in [
        (Duration::from_micros(1_999), Duration::from_millis(1)),
        (Duration::MAX, Duration::from_millis(u32::MAX.into())),
    ] {
        let mut out = Vec::new();
        encode_go_away(&mut out, 0, "", spread);
        let Ok(Frame::GoAway(go_away)) = decoded(&out) else {
            panic!("not a go-away");
        };
        assert_eq!(go_away.spread, sent);
    }
}

#[test]
fn limits_that_a_hello_leaves_out_are_the_defaults_of_the_protocol() {
    let hello = Hello {
        initial_window: 0,
        max_message_size: 0,
        max_calls: 0,
        max_metadata_size: 0,
        features: Vec::new(),
        compression: Vec::new(),
        instance_id: [7; 16],
        agent: "".into(),
        labels: Vec::new(),
    };
    let mut out = Vec::new();
    encode_hello(&mut out, &hello);
    assert_eq!(
        out,
        b"\x22\x12\x3a\x10\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07"
    );
    let expected = Hello {
        initial_window: 65_536,
        max_message_size: 4_194_304,
        max_calls: 100,
        max_metadata_size: 8_192,
        ..hello
    };
    assert_eq!(decoded(&out), Ok(Frame::Hello(Box::new(expected))));
}

#[test]
fn members_of_version_1_are_told_from_unknown_ones() {
    assert_eq!(decoded(b"\x12\x03\x0a\x01M"), Ok(Frame::V1));
    assert_eq!(decoded(b"\x1a\x00"), Ok(Frame::V1));
    assert_eq!(decoded(b""), Ok(Frame::Unknown));
    for reserved in 11..=14 {
        assert_eq!(decoded(&[reserved << 3 | 2, 1, 9]), Ok(Frame::Unknown));
    }
    // Unknown within a known one: a cancel with a field 7.
    assert_eq!(decoded(b"\x42\x05\x08\x03\x3a\x01x"), Ok(Frame::Cancel(3)));
    // Of other types, among them a group.
    for other in [
        &b"\xa0\x01\x07"[..],
        b"\xa5\x011234",
        b"\xa1\x0112345678",
        b"\xa3\x01\x08\x01\xa4\x01",
    ] {
        assert_eq!(decoded(other), Ok(Frame::Unknown), "{other:02x?}");
    }
}

#[test]
fn groups_are_skipped_to_a_depth() {
    let groups = |depth| [[0xa3, 1].repeat(depth), [0xa4, 1].repeat(depth)].concat();
    assert_eq!(decoded(&groups(100)), Ok(Frame::Unknown));
    assert!(decoded(&groups(101)).is_err());
    assert!(decoded(b"\xa3\x01\xac\x01").is_err());
}

#[test]
fn frames_of_one_message_are_read_in_their_order_up_to_the_first_that_is_none() {
    let message = Bytes::from_static(b"\x42\x02\x08\x01\x5a\x00\x42\x02\x08\x03\x42\x05\x08\x05");
    let mut frames = frames(&message);
    for expected in [Frame::Cancel(1), Frame::Unknown, Frame::Cancel(3)] {
        assert!(!frames.is_empty());
        assert_eq!(frames.next(), Some(Ok(expected)));
    }
    assert!(frames.next().unwrap().is_err());
    assert_eq!(frames.next(), None);
    assert!(frames.is_empty());
}

/// A field, whose length has more bytes than it needs.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let len = [len | 0x80, (len >> 7) | 0x80, len >> 14].map(|bits| bits as u8);
    [&[number << 3 | 2][..], &len, content].concat()
}

#[test]
fn several_frames_have_16_kib_together_and_one_has_128() {
    // Of a member that this version does not know.
    let frame = |len: usize| field(11, &vec![0; len - 4]);
    for (len, may_be_shared) in [(16_384, true), (16_385, false), (131_072, false)] {
        let alone = Bytes::from(frame(len));
        assert_eq!(frames(&alone).next(), Some(Ok(Frame::Unknown)));
        for first in [4, len - 4] {
            let shared = Bytes::from([frame(first), frame(len - first)].concat());
            assert_eq!(shared.len(), len);
            let read = frames(&shared).take_while(Result::is_ok).count();
            assert_eq!(read, if may_be_shared { 2 } else { 0 });
            let shares_too_much = Some(Err(DecodeError::Shared(len).into()));
            assert_eq!(frames(&shared).next() == shares_too_much, !may_be_shared);
        }
    }
}

#[test]
fn a_small_payload_does_not_keep_a_large_frame_and_a_large_one_is_not_copied() {
    for (other, len, is_slice) in [
        (0, 30_000, true),
        (14_900, 15_000, true),
        (15_100, 15_000, false),
        (900, 1_000, true),
        (16_300, 1, true),
        (16_400, 1, false),
    ] {
        let fields = [
            b"\x08\x01".to_vec(),
            field(11, &vec![0; other]),
            field(15, &vec![7; len]),
        ];
        let message = Bytes::from(field(6, &fields.concat()));
        let Some(Ok(Frame::Data(data))) = frames(&message).next() else {
            panic!("not data");
        };
        let payload = data.chunk.unwrap().payload;
        assert_eq!(payload.len(), len);
        let read = message.as_ptr_range();
        assert_eq!(read.contains(&payload.as_ptr()), is_slice, "{other}, {len}");
    }
}

#[test]
fn a_chunk_costs_its_payload_and_16_bytes() {
    for len in [0, 1, 65_536] {
        let chunk = whole(vec![7; len]).unwrap();
        assert_eq!(chunk.cost(), len as u64 + 16);
    }
}

#[test]
fn fields_are_slices_of_what_was_read() {
    let message = owned::Message::from(owned::Exchange::Open(owned::Open {
        id: 1,
        method: "service/method".into(),
        payload: Some(vec![7; 100]),
        ..owned::Open::default()
    }));
    let bytes = Bytes::from(message.encode_to_vec());
    let Ok(Frame::Open(open)) = decode(bytes.clone()) else {
        panic!("not an open");
    };
    let read = bytes.as_ptr_range();
    assert!(read.contains(&open.method.as_str().as_ptr()));
    assert!(read.contains(&open.chunk.unwrap().payload.as_ptr()));
}

#[test]
fn lengths_and_numbers_of_every_varint_size_are_right() {
    let metadata = Metadata::default();
    // Below each size, so that the frame's own length passes it as well.
    for len in [1 << 7, 1 << 14, 1 << 21]
        .into_iter()
        .flat_map(|size| size - 12..=size)
    {
        let body = Body {
            payload_len: Some(len),
            ..Body::default()
        };
        let mut out = Vec::new();
        encode_data_head(&mut out, 1, &metadata, &body);
        out.resize(out.len() + len, 7);
        let Ok(Frame::Data(data)) = decode(out.into()) else {
            panic!("not data of {len} bytes");
        };
        assert_eq!(data.chunk.unwrap().payload.len(), len);
    }
    for bits in 0..53 {
        let power = 1u64 << bits;
        for bytes in [power - 1, power, power | 1, u64::MAX >> (11 + bits)] {
            let bytes = bytes.max(1);
            let id = bytes;
            let mut out = Vec::new();
            encode_credit(&mut out, id, bytes);
            assert_eq!(decoded(&out), Ok(Frame::Credit { id, bytes }));
        }
    }
}
