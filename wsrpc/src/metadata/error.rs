//! Why metadata was refused.

use crate::status::Status;

/// Why a key or a value of [`Metadata`](crate::Metadata) was refused. It never shows a value, which may be secret.
///
/// In a handler, `?` turns it into a [`Status`]: [`Code::INTERNAL`](crate::Code::INTERNAL), for the caller cannot help
/// it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The key is empty.
    #[error(
        "a metadata key is empty: give it 1 to 256 of the characters 0-9, a-z, `_`, `.` and `-`"
    )]
    EmptyKey,
    /// The key has more than 256 bytes.
    #[error(
        "the metadata key that begins with {begin:?} has {length} bytes: a key has at most 256, a value may be longer"
    )]
    KeyTooLong {
        /// The first characters of the key.
        begin: String,
        /// Bytes of the key.
        length: usize,
    },
    /// The key has a character that none may have.
    #[error(
        "the metadata key {key:?} has {found:?} in it: a key has only 0-9, a-z, `_`, `.` and `-`"
    )]
    InvalidKey {
        /// The key.
        key: String,
        /// The first such character.
        found: char,
    },
    /// The key begins with `wsrpc-` or `grpc-`.
    #[error(
        "the metadata key `{key}` is reserved: choose one that begins with neither `wsrpc-` nor `grpc-`"
    )]
    Reserved {
        /// The key.
        key: String,
    },
    /// The key ends in `-bin`, and the value was given as text.
    #[error(
        "the metadata key `{key}` ends in `-bin`, so its values are bytes: use insert_bin or append_bin"
    )]
    BinaryKey {
        /// The key.
        key: String,
    },
    /// The key does not end in `-bin`, and the value was given as bytes.
    #[error(
        "the metadata key `{key}` has values of text: use insert or append, or for bytes the key `{key}-bin`"
    )]
    AsciiKey {
        /// The key.
        key: String,
    },
    /// The value has a byte outside of 0x20 to 0x7e.
    #[error(
        "the value of the metadata key `{key}` is not printable ASCII at byte {position}: escape it, or put it under a key that ends in `-bin`"
    )]
    InvalidValue {
        /// The key.
        key: String,
        /// The first such byte, counted from 1.
        position: usize,
    },
    /// The value begins or ends with a space.
    #[error(
        "the value of the metadata key `{key}` begins or ends with a space, which HTTP would drop: trim it"
    )]
    PaddedValue {
        /// The key.
        key: String,
    },
}

impl From<MetadataError> for Status {
    fn from(error: MetadataError) -> Self {
        Self::internal(error.to_string())
    }
}

debug_as_display!(MetadataError);
