//! Who a peer is: its ed25519 key, and what signs for it.
//!
//! Nothing here knows of TLS, so that keys can be read, shown and compared without a TLS provider.

mod error;
mod hex;
mod key_file;
mod pkcs8;
mod public_key;
mod secret_key;
mod signer;

#[cfg(test)]
mod tests;

pub use error::{KeyError, KeyFileError};
pub use public_key::PublicKey;
pub use secret_key::SecretKey;
pub use signer::{Identity, SignError, Signer};
