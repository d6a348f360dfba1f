//! The key that proves who we are.

use std::{fmt, str::FromStr};

use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use super::{
    KeyError, PublicKey,
    hex::{self, HexError},
    pkcs8,
    signer::{SignError, Signer},
};

/// An ed25519 secret key.
///
/// It is wiped from memory when it is dropped, and shows only its public key in `Debug`. To keep it out of this
/// process altogether, implement [`Signer`].
///
/// ```
/// use wsrpc::SecretKey;
///
/// let key = SecretKey::generate();
/// let signature = key.sign(b"message");
/// assert!(key.public_key().verify(b"message", &signature));
/// ```
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The length of the seed in bytes.
    pub const SEED_LENGTH: usize = 32;

    /// Makes a new key from the system's randomness.
    ///
    /// # Panics
    ///
    /// When the system has no randomness to give.
    pub fn generate() -> Self {
        let mut seed = Zeroizing::new([0; Self::SEED_LENGTH]);
        getrandom::fill(seed.as_mut()).expect("the system has a source of randomness");
        Self::from_seed(&seed)
    }

    /// The key of a seed, which is what most tools call the private key. Every 32 bytes are one.
    pub fn from_seed(seed: &[u8; Self::SEED_LENGTH]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The key in the 64 bytes of Go's `ed25519.PrivateKey`: the seed, then the public key.
    ///
    /// # Errors
    ///
    /// When the public key is not the one that the seed gives.
    pub fn from_go_bytes(bytes: &[u8; 64]) -> Result<Self, KeyError> {
        SigningKey::from_keypair_bytes(bytes)
            .map(Self)
            .map_err(|_| KeyError::Mismatch)
    }

    /// The key in a PKCS #8 PEM text (`-----BEGIN PRIVATE KEY-----`), as `openssl genpkey -algorithm ed25519` makes it.
    ///
    /// # Errors
    ///
    /// When the text is no such PEM, is encrypted or damaged, or holds a key of another algorithm.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        pkcs8::decode(pem).map(Self)
    }

    /// The public key, which is what the peers know us by.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::of(&self.0)
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    pub(super) fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        pkcs8::encode(&self.0)
    }
}

impl FromStr for SecretKey {
    type Err = KeyError;

    /// Reads 64 hex digits (the seed) or 128 (Go's form: the seed, then the public key), with nothing around them.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let error = |error| match error {
            HexError::Length { digits } => KeyError::SecretKeyLength { digits },
            HexError::Digit { position, .. } => KeyError::SecretKeyDigit { position },
        };
        if text.len() == 128 {
            Self::from_go_bytes(&Zeroizing::new(hex::decode(text).map_err(error)?))
        } else {
            let seed = Zeroizing::new(hex::decode(text).map_err(error)?);
            Ok(Self::from_seed(&seed))
        }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public_key())
    }
}

impl Signer for SecretKey {
    fn public_key(&self) -> PublicKey {
        self.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.sign(message))
    }
}
