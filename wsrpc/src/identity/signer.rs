//! What signs for us: a secret key, or something that keeps one elsewhere.

use std::{error::Error, fmt, sync::Arc};

use super::{PublicKey, SecretKey};

/// Signs for one public key, whose secret may be out of this process's reach: in a security module, an agent, a vault.
///
/// It is asked for one signature when a client or server is made and for one in each handshake. It is synchronous,
/// because TLS signs so: one that may wait for something belongs in [`Identity::from_blocking_signer`].
pub trait Signer: Send + Sync + 'static {
    /// The key that the signatures are of. It never changes.
    fn public_key(&self) -> PublicKey;

    /// Signs a message, which is at most a few hundred bytes, with plain ed25519 (not the prehashed variant).
    ///
    /// # Errors
    ///
    /// When there is no signature to be had. The handshake ends with this error.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
}

/// Why a [`Signer`] did not sign.
///
/// ```
/// use wsrpc::SignError;
///
/// assert_eq!(SignError::new("the token is not plugged in").to_string(), "the token is not plugged in");
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct SignError(Arc<dyn Error + Send + Sync>);

impl SignError {
    /// Wraps a message or another error.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(reason.into().into())
    }
}

/// Who we are to our peers: a public key, and what signs for it. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    public_key: PublicKey,
    signer: Arc<dyn Signer>,
    may_block: bool,
}

impl Identity {
    /// The identity of a signer that answers at once, as a key in memory does.
    pub fn from_signer(signer: impl Signer) -> Self {
        Self::new(signer, false)
    }

    /// The identity of a signer that may block its thread, as a security module does. Each of its handshakes takes a
    /// thread of the runtime's blocking pool until it is over.
    pub fn from_blocking_signer(signer: impl Signer) -> Self {
        Self::new(signer, true)
    }

    /// The public key, which is what the peers know us by.
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    fn new(signer: impl Signer, may_block: bool) -> Self {
        Self {
            public_key: signer.public_key(),
            signer: Arc::new(signer),
            may_block,
        }
    }
}

#[cfg_attr(
    not(any(feature = "aws-lc-rs", feature = "ring")),
    allow(dead_code, reason = "only TLS signs")
)]
impl Identity {
    pub(crate) fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.signer.sign(message)
    }

    /// Whether [`sign`](Self::sign) may block its thread.
    pub(crate) fn may_block(&self) -> bool {
        self.may_block
    }
}

impl From<SecretKey> for Identity {
    fn from(key: SecretKey) -> Self {
        Self::from_signer(key)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("public_key", &self.public_key)
            .finish_non_exhaustive()
    }
}
