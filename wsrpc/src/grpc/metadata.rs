//! Metadata as HTTP headers, and what else gRPC has in them.

use std::time::Duration;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::{
    metadata::{Metadata, MetadataValue},
    status::Status,
    wire::Text,
};

/// Headers that HTTP has for itself.
const OF_HTTP: [&str; 11] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Writes no padding, as gRPC asks for, and reads with and without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Whether an entry is the application's, and not of HTTP, gRPC or this library.
fn is_users(key: &str) -> bool {
    !key.starts_with("grpc-") && !key.starts_with("wsrpc-") && !OF_HTTP.contains(&key)
}

pub(super) fn to_headers(metadata: &Metadata) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (key, value) in metadata.iter().filter(|(key, _)| is_users(key)) {
        let value = match value {
            MetadataValue::Ascii(text) => HeaderValue::from_str(text),
            MetadataValue::Binary(bytes) => HeaderValue::try_from(BASE64.encode(bytes)),
        };
        // The rules of metadata are within those of headers.
        if let (Ok(key), Ok(value)) = (HeaderName::from_bytes(key.as_bytes()), value) {
            headers.append(key, value);
        }
    }
    headers
}

/// What breaks the rules of metadata is left out: a proxy may have added it, and no call should fail for that.
pub(super) fn from_headers(headers: &HeaderMap) -> Metadata {
    let mut metadata = Metadata::new();
    for (key, value) in headers {
        let key = key.as_str();
        if !is_users(key) {
            continue;
        }
        if push(&mut metadata, key, value.as_bytes()).is_none() {
            tracing::debug!(
                key,
                "a header is left out, for its value or its key cannot be metadata"
            );
        }
    }
    metadata
}

fn push(metadata: &mut Metadata, key: &str, value: &[u8]) -> Option<()> {
    let mut push = |value| metadata.push_received(Text::from(key), value).ok();
    if !key.ends_with("-bin") {
        return push(Bytes::copy_from_slice(value));
    }
    // Values of one key may have been joined on their way.
    value.split(|byte| *byte == b',').try_for_each(|value| {
        let decoded = BASE64.decode(value.trim_ascii()).ok()?;
        push(decoded.into())
    })
}

/// When the caller stops waiting.
pub(super) fn deadline(headers: &HeaderMap) -> Result<Option<Instant>, Status> {
    let Some(value) = headers.get("grpc-timeout") else {
        return Ok(None);
    };
    let timeout = parse_timeout(value.as_bytes())
        .ok_or_else(|| Status::internal("the header grpc-timeout is malformed"))?;
    // One beyond the clock's range is none.
    Ok(Instant::now().checked_add(timeout))
}

fn parse_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 60 * 60),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_survives_being_headers() {
        let mut metadata = Metadata::try_from([("x-zone", "north"), ("x-zone", "south")]).unwrap();
        metadata.append_bin("id-bin", vec![0, 0xff, 7]).unwrap();
        metadata.append_bin("id-bin", Bytes::new()).unwrap();
        let headers = to_headers(&metadata);
        assert_eq!(headers["id-bin"], "AP8H");
        assert_eq!(from_headers(&headers), metadata);
    }

    #[test]
    fn binary_values_may_be_padded_and_joined() {
        let mut headers = HeaderMap::new();
        headers.insert("id-bin", HeaderValue::from_static("AA==,/w, AA"));
        let metadata = from_headers(&headers);
        let values: Vec<_> = metadata.get_all_bin("id-bin").map(|id| &id[..]).collect();
        assert_eq!(values, [&[0][..], &[0xff], &[0]]);
    }

    #[test]
    fn headers_of_others_and_malformed_ones_are_left_out() {
        let mut headers = HeaderMap::new();
        for (key, value) in [
            ("content-type", "application/grpc"),
            ("grpc-timeout", "1S"),
            ("wsrpc-hop", "1"),
            ("te", "trailers"),
            ("id-bin", "!"),
            ("x!", "odd"),
            ("x-zone", "north"),
        ] {
            headers.insert(key, HeaderValue::from_static(value));
        }
        headers.insert("x-name", HeaderValue::from_bytes(b"J\xfcrgen").unwrap());
        let expected = Metadata::try_from([("x-zone", "north")]).unwrap();
        assert_eq!(from_headers(&headers), expected);
    }

    #[test]
    fn timeouts_have_up_to_eight_digits_and_a_unit() {
        let parsed = |text: &str| parse_timeout(text.as_bytes());
        assert_eq!(
            parsed("99999999H"),
            Some(Duration::from_secs(359_999_996_400))
        );
        assert_eq!(parsed("2M"), Some(Duration::from_secs(120)));
        assert_eq!(parsed("1S"), Some(Duration::from_secs(1)));
        assert_eq!(parsed("10m"), Some(Duration::from_millis(10)));
        assert_eq!(parsed("0u"), Some(Duration::ZERO));
        assert_eq!(parsed("5n"), Some(Duration::from_nanos(5)));
        for text in ["", "S", "1", "123456789S", "-1S", "+1S", "1s", "1 S"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
