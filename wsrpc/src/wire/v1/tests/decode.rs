use bytes::Bytes;

use super::decoded;
use crate::wire::v1::{
    Frame, Request, decode,
    decode::{DecodeError, Response},
};

fn request(method: &str, call_id: &str, payload: &'static [u8]) -> Frame {
    Frame::Request(Request {
        method: method.into(),
        call_id: call_id.into(),
        payload: Bytes::from_static(payload),
    })
}

fn answer(call_id: &str, result: Result<&'static [u8], &str>) -> Frame {
    Frame::Response(Response {
        call_id: call_id.into(),
        result: result.map(Bytes::from_static).map_err(Into::into),
    })
}

#[test]
fn unknown_fields_of_every_kind_are_skipped() {
    let varint = b"\x48\x96\x01";
    let fixed64 = b"\x49\x01\x02\x03\x04\x05\x06\x07\x08";
    let bytes = b"\x4a\x02hi";
    let group = b"\x4b\x4a\x02hi\x4c";
    let fixed32 = b"\x4d\x01\x02\x03\x04";
    for unknown in [&varint[..], fixed64, bytes, group, fixed32] {
        let mut frame = unknown.to_vec();
        frame.extend([0x12, 7 + unknown.len() as u8]);
        frame.extend(b"\x0a\x01M");
        frame.extend(unknown);
        frame.extend(b"\x12\x02id");
        frame.extend(unknown);
        assert_eq!(
            decoded(&frame),
            Ok(request("M", "id", b"")),
            "{unknown:02x?}"
        );
        assert_eq!(decoded(unknown), Ok(Frame::Unknown), "{unknown:02x?}");
    }
}

#[test]
fn nothing_is_a_frame_that_says_nothing() {
    assert_eq!(decoded(b""), Ok(Frame::Unknown));
}

#[test]
fn parts_of_one_request_are_merged_and_the_last_value_of_a_field_wins() {
    let frame = b"\x12\x06\x0a\x01M\x12\x01a\x12\x06\x12\x01b\x1a\x01p";
    assert_eq!(decoded(frame), Ok(request("M", "b", b"p")));
}

#[test]
fn the_last_member_wins() {
    let frame = b"\x12\x03\x0a\x01M\x1a\x03\x0a\x01a";
    assert_eq!(decoded(frame), Ok(answer("a", Ok(b""))));
    let frame = b"\x1a\x03\x0a\x01a\x12\x03\x0a\x01M";
    assert_eq!(decoded(frame), Ok(request("M", "", b"")));
}

#[test]
fn an_error_makes_a_failure_whatever_the_payload() {
    let frame = b"\x1a\x09\x0a\x01a\x12\x01p\x1a\x01e";
    assert_eq!(decoded(frame), Ok(answer("a", Err("e"))));
    let empty_error = b"\x1a\x08\x0a\x01a\x12\x01p\x1a\x00";
    assert_eq!(decoded(empty_error), Ok(answer("a", Ok(b"p"))));
}

#[test]
fn text_that_is_not_utf8_is_named() {
    for (frame, field) in [
        (&b"\x12\x03\x0a\x01\xff"[..], "method"),
        (b"\x12\x03\x12\x01\xff", "call_id"),
        (b"\x1a\x03\x0a\x01\xff", "call_id"),
        (b"\x1a\x03\x1a\x01\xff", "error"),
    ] {
        assert_eq!(decoded(frame), Err(DecodeError::NotUtf8(field)));
    }
    assert_eq!(
        DecodeError::NotUtf8("method").to_string(),
        "the field `method` is not UTF-8"
    );
}

#[test]
fn a_payload_may_be_any_bytes() {
    assert_eq!(
        decoded(b"\x12\x05\x1a\x03\xff\x00\xfe"),
        Ok(request("", "", b"\xff\x00\xfe"))
    );
}

#[test]
fn bytes_that_are_no_frame_are_refused_and_never_panic() {
    let nested = [vec![0x4b; 100_000], vec![0x4c; 100_000]].concat();
    for bytes in [
        &b"\x12"[..],
        b"\x12\x05\x0a",
        b"\x12\x80",
        b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x12\x02\x0a\xff",
        b"\x12\x0b\x1a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x10\x01",
        b"\x12\x02\x08\x01",
        b"\x00\x00",
        b"\x4c",
        b"\x4b",
        b"\x4b\x54",
        b"\x4e\x00",
        &nested,
    ] {
        let error = decoded(bytes).unwrap_err();
        assert!(matches!(error, DecodeError::Protobuf(_)), "{error}");
    }
}

#[test]
fn fields_are_slices_of_what_was_read() {
    let frame = Bytes::from_static(b"\x12\x0b\x0a\x01M\x12\x02id\x1a\x02pp");
    let range = frame.as_ptr_range();
    let Ok(Frame::Request(request)) = decode(frame) else {
        panic!("not a request");
    };
    for text in [request.method.as_str(), request.call_id.as_str()] {
        assert!(range.contains(&text.as_ptr()), "{text} was copied");
    }
    assert!(range.contains(&request.payload.as_ptr()));
}
