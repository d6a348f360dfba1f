//! What can be wrong with a key, or with the file that holds it.

use std::{io, path::PathBuf};

/// Bytes or text that are not a key.
///
/// No message holds any part of a secret key: of a wrong digit in one it gives the position only.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text of a public key has the wrong length.
    #[error("a public key is 64 hex digits, but {digits} were given")]
    PublicKeyLength {
        /// How many digits were given.
        digits: usize,
    },
    /// The text of a public key holds something that is not a hex digit.
    #[error(
        "a public key is 64 hex digits, but character {position} is {found:?}: give the digits alone, without prefix or space"
    )]
    PublicKeyDigit {
        /// Where it stands, counted in characters from 1.
        position: usize,
        /// What stands there.
        found: char,
    },
    /// The bytes of a public key have the wrong length.
    #[error("a public key is 32 bytes, but {bytes} were given")]
    PublicKeyBytes {
        /// How many bytes were given.
        bytes: usize,
    },
    /// No point of the ed25519 curve has these bytes, so they are nobody's key.
    #[error(
        "{start}… is not an ed25519 public key (no point of the curve has these bytes): check it for a typing error, and that it is no secret key"
    )]
    NotOnCurve {
        /// The first 8 of its hex digits: it may be a secret key that was given by mistake.
        start: String,
    },
    /// The bytes are a second spelling of a point that has a canonical one.
    #[error("{start}… is not the canonical form of an ed25519 public key")]
    NotCanonical {
        /// The first 8 of its hex digits: it may be a secret key that was given by mistake.
        start: String,
    },
    /// The point has a small order, so that one signature fits almost every message.
    #[error(
        "{start}… is a weak ed25519 public key, for which anyone can sign: have its owner generate another"
    )]
    Weak {
        /// The first 8 of its hex digits: it may be a secret key that was given by mistake.
        start: String,
    },
    /// The text of a secret key has the wrong length.
    #[error(
        "a secret key is 64 hex digits (the seed) or 128 (the seed, then the public key, as in Go), but {digits} were given"
    )]
    SecretKeyLength {
        /// How many digits were given.
        digits: usize,
    },
    /// The text of a secret key holds something that is not a hex digit.
    #[error(
        "a secret key is 64 or 128 hex digits, but character {position} is not one: give the digits alone, without prefix or space"
    )]
    SecretKeyDigit {
        /// Where it stands, counted in characters from 1.
        position: usize,
    },
    /// A secret key comes with a public key that is not its own.
    #[error(
        "the secret key's public half is not the one that its seed gives: the two come from different keys, or one is damaged"
    )]
    Mismatch,
    /// A PEM secret key is encrypted.
    #[error(
        "the PEM secret key is encrypted, which is not supported: decrypt it first, as with `openssl pkey -in KEY -out DECRYPTED`"
    )]
    PemEncrypted,
    /// A PEM text holds something else than a PKCS #8 secret key.
    #[error(
        "the PEM text holds a {label:?}, but a \"PRIVATE KEY\" (PKCS #8) is needed, as `openssl genpkey -algorithm ed25519` makes it"
    )]
    PemLabel {
        /// What the PEM text says that it holds.
        label: String,
    },
    /// A PEM secret key is of another algorithm than ed25519.
    #[error(
        "the PEM secret key is of the algorithm {algorithm}, but an ed25519 key is needed, as `openssl genpkey -algorithm ed25519` makes it"
    )]
    PemAlgorithm {
        /// The algorithm: its name, or the number of an unfamiliar one.
        algorithm: String,
    },
    /// A PEM secret key is damaged.
    #[error("the PEM secret key cannot be decoded: {reason}")]
    PemMalformed {
        /// What is wrong with it.
        reason: String,
    },
}

/// A key file that could not be read or written.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The system refused to read the file.
    #[error("cannot read the key file {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The system refused to write the file.
    #[error("cannot write the key file {}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file to be written exists; a key is never overwritten.
    #[error(
        "the key file {} exists and is not overwritten: choose another path, or remove the file if its key is of no more use",
        path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file is far too large for a key.
    #[error("{} is not a key file: it has more than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes that a key file may have.
        limit: usize,
    },
    /// The file is not text.
    #[error("{} is not a key file: it must hold hex digits or PEM, but is not text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The file's text is not a secret key.
    #[error("the key file {} holds no secret key: {error}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with the text.
        error: KeyError,
    },
}

debug_as_display!(KeyError, KeyFileError);
