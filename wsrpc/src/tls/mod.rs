//! TLS, both ends of it: it proves to each peer the other's public key, and keeps what they say to themselves.
//!
//! The certificates are only a vessel for the keys. Each side presents exactly one, signed by its own key, and no field
//! of it but the key matters. A key is asked about in every handshake: there are no tickets and no resumption, with
//! which a key that was removed would get back in.

#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod certificate;
mod config;
mod error;
mod handshake;
mod provider;
mod signer;
mod verifier;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

use certificate::CertificateError;
use config::{Allowed, TlsError};
pub(crate) use config::{client_config, server_config, where_it_may_block};
pub(crate) use error::{HandshakeError, refused_by_peer};
pub(crate) use handshake::{accept, connect};
