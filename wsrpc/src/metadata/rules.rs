//! What keys and values may be.

use bytes::Bytes;

use super::MetadataError;
use crate::wire::Text;

/// The longest key, in bytes.
pub(super) const MAX_KEY: usize = 256;

/// Keys that are common enough to be worth no allocation.
pub(super) static WELL_KNOWN: [&str; 5] = [
    "authorization",
    "baggage",
    "traceparent",
    "tracestate",
    "x-request-id",
];

/// What a user gives, if it may be given.
pub(super) fn ascii_entry(key: &str, value: &str) -> Result<(Text, Bytes), MetadataError> {
    let key = users_key(key)?;
    if is_binary(key.as_str()) {
        return Err(MetadataError::BinaryKey {
            key: key.as_str().to_owned(),
        });
    }
    check_ascii(key.as_str(), value.as_bytes())?;
    if value.starts_with(' ') || value.ends_with(' ') {
        return Err(MetadataError::PaddedValue {
            key: key.as_str().to_owned(),
        });
    }
    Ok((key, Bytes::copy_from_slice(value.as_bytes())))
}

/// `key` in lower case, if a user may give it bytes.
pub(super) fn binary_key(key: &str) -> Result<Text, MetadataError> {
    let key = users_key(key)?;
    if is_binary(key.as_str()) {
        Ok(key)
    } else {
        Err(MetadataError::AsciiKey {
            key: key.as_str().to_owned(),
        })
    }
}

/// `key` in lower case, if a user may use it.
fn users_key(key: &str) -> Result<Text, MetadataError> {
    if let Some(known) = WELL_KNOWN
        .iter()
        .find(|known| key.eq_ignore_ascii_case(known))
    {
        return Ok(Text::from_static(known));
    }
    let key = key.to_ascii_lowercase();
    check_key(&key)?;
    if key.starts_with("wsrpc-") || key.starts_with("grpc-") {
        return Err(MetadataError::Reserved { key });
    }
    Ok(Text::from(key))
}

pub(super) fn is_binary(key: &str) -> bool {
    key.ends_with("-bin")
}

pub(super) fn check_key(key: &str) -> Result<(), MetadataError> {
    let foreign = |c: &char| !matches!(c, '0'..='9' | 'a'..='z' | '_' | '.' | '-');
    if key.is_empty() {
        Err(MetadataError::EmptyKey)
    } else if key.len() > MAX_KEY {
        Err(MetadataError::KeyTooLong {
            begin: key.chars().take(32).collect(),
            length: key.len(),
        })
    } else if let Some(found) = key.chars().find(foreign) {
        Err(MetadataError::InvalidKey {
            key: key.to_owned(),
            found,
        })
    } else {
        Ok(())
    }
}

pub(super) fn check_ascii(key: &str, value: &[u8]) -> Result<(), MetadataError> {
    let foreign = |byte: &u8| !matches!(byte, b' '..=b'~');
    match value.iter().position(foreign) {
        None => Ok(()),
        Some(before) => Err(MetadataError::InvalidValue {
            key: key.to_owned(),
            position: before + 1,
        }),
    }
}
