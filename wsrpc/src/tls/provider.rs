//! Whose cryptography rustls runs on.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as chosen;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring as chosen;

/// The provider of the crate's features, whatever the process has installed as its default.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(chosen::default_provider())
}
