//! The key that names a peer.

use std::{fmt, str::FromStr};

use ed25519_dalek::{Signature, VerifyingKey};

use super::{
    KeyError,
    hex::{self, HexError},
};

/// An ed25519 public key, 32 bytes: the name of a peer.
///
/// It is checked when it is made, so each value is a key that somebody may hold the secret of: the canonical form of
/// a point of the curve, and not a weak one. As text it is 64 hex digits.
///
/// ```
/// use wsrpc::PublicKey;
///
/// let key: PublicKey = "0f17c3bf72de8beef6e2d17a14c0a972f5d7e0e66e70722373f12b88382d40f9".parse()?;
/// assert_eq!(key.to_string().len(), 64);
/// assert_eq!(key.short().to_string(), "0f17c3bf");
/// # Ok::<(), wsrpc::KeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; Self::LENGTH]);

impl PublicKey {
    /// The length in bytes.
    pub const LENGTH: usize = 32;

    /// Checks the bytes of a public key.
    ///
    /// # Errors
    ///
    /// When they are not the canonical form of a point of the curve, or are a weak key.
    pub fn from_bytes(bytes: [u8; Self::LENGTH]) -> Result<Self, KeyError> {
        let start = || Self(bytes).short().to_string();
        let key = VerifyingKey::from_bytes(&bytes)
            .map_err(|_| KeyError::NotOnCurve { start: start() })?;
        // With one, a signature proves nothing. Go accepts them.
        if key.is_weak() {
            return Err(KeyError::Weak { start: start() });
        }
        // Two spellings of one key would be two names of one peer.
        if !is_reduced(&bytes) {
            return Err(KeyError::NotCanonical { start: start() });
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The first 8 digits, for logs. They tell honest keys apart, but a key with given first digits can be made.
    pub fn short(&self) -> impl fmt::Display + use<> {
        Short(self.0)
    }

    /// Whether `signature` is this key's, of `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }

    /// A key that dalek derived from a secret key, and that needs no check.
    pub(super) fn of(key: &ed25519_dalek::SigningKey) -> Self {
        Self(key.verifying_key().to_bytes())
    }
}

/// Whether a point's y, the number that these bytes are but for the highest bit, is below 2^255 - 19, as RFC 8032 has it.
///
/// A sign for an x of 0, which has none, would be the other spelling that is not canonical, but both points of that x are
/// weak.
fn is_reduced(bytes: &[u8; PublicKey::LENGTH]) -> bool {
    let [lowest, between @ .., highest] = bytes;
    *lowest < 0xed || between.iter().any(|byte| *byte != 0xff) || highest | 0x80 != 0xff
}

impl TryFrom<&[u8]> for PublicKey {
    type Error = KeyError;

    fn try_from(bytes: &[u8]) -> Result<Self, KeyError> {
        let length = KeyError::PublicKeyBytes { bytes: bytes.len() };
        Self::from_bytes(bytes.try_into().map_err(|_| length)?)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    /// Reads 64 hex digits of either case, with nothing around them.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = hex::decode(text).map_err(|error| match error {
            HexError::Length { digits } => KeyError::PublicKeyLength { digits },
            HexError::Digit { position, found } => KeyError::PublicKeyDigit { position, found },
        })?;
        Self::from_bytes(bytes)
    }
}

impl fmt::Display for PublicKey {
    /// Writes 64 lowercase hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}…)", self.short())
    }
}

struct Short([u8; PublicKey::LENGTH]);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(4)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(feature = "serde")]
mod serde_impls {
    use serde::{
        Deserialize, Deserializer, Serialize, Serializer,
        de::{self, Visitor},
    };

    use super::{PublicKey, fmt};

    impl Serialize for PublicKey {
        /// As 64 hex digits in formats that people read, as 32 bytes in others.
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if serializer.is_human_readable() {
                serializer.collect_str(self)
            } else {
                serializer.serialize_bytes(&self.0)
            }
        }
    }

    impl<'de> Deserialize<'de> for PublicKey {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if deserializer.is_human_readable() {
                deserializer.deserialize_str(KeyVisitor)
            } else {
                deserializer.deserialize_bytes(KeyVisitor)
            }
        }
    }

    struct KeyVisitor;

    impl Visitor<'_> for KeyVisitor {
        type Value = PublicKey;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an ed25519 public key, as 64 hex digits or 32 bytes")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<PublicKey, E> {
            text.parse().map_err(E::custom)
        }

        fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<PublicKey, E> {
            bytes.try_into().map_err(E::custom)
        }
    }
}
