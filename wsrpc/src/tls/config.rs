//! How rustls is set up.

use std::sync::Arc;

use rustls::{
    ClientConfig, ServerConfig,
    client::Resumption,
    server::NoServerSessionStorage,
    sign::{CertifiedKey, SingleCertAndKey},
    version::TLS13,
};

use crate::identity::{Identity, PublicKey, SignError};

use super::{certificate, provider::provider, signer::IdentitySigner, verifier::PeerVerifier};

/// Runs `set_up`, which asks `identity` for a signature, where its signer may run.
pub(crate) async fn where_it_may_block<T: Send + 'static>(
    identity: &Identity,
    set_up: impl FnOnce() -> T + Send + 'static,
) -> T {
    if !identity.may_block() {
        return set_up();
    }
    match tokio::task::spawn_blocking(set_up).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            // As a signer's panic in this task would.
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime shuts down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Who may be the peer. It is asked once in each handshake, on the thread that runs it, and after the peer has proved
/// the key: it must answer at once.
pub(crate) type Allowed = Arc<dyn Fn(&PublicKey) -> bool + Send + Sync>;

/// An identity that TLS cannot be set up with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TlsError {
    /// The signer failed to sign our certificate.
    #[error("the identity's signer could not sign its certificate: {0}")]
    Signer(SignError),
    /// The signer signs with another key than its public key says.
    #[error(
        "the identity's signer says that its public key is {key}, but its signatures are not of that key: check which key it is set up with"
    )]
    WrongSignature {
        /// What the signer says.
        key: PublicKey,
    },
    /// The TLS provider has no TLS 1.3.
    #[error("TLS cannot be set up: {0}")]
    Provider(rustls::Error),
}

/// The set-up of the side that dials.
///
/// Asks the identity for one signature, on this thread: a signer that may block does so here.
pub(crate) fn client_config(
    identity: &Identity,
    allowed: Allowed,
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = provider();
    let verifier = PeerVerifier::new(allowed, &provider);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Provider)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(certified_key(identity)?);
    // With it, a second connection would not ask the verifier.
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(Arc::new(config))
}

/// The set-up of the side that accepts. It offers no protocol by ALPN, so that it takes clients that offer any.
///
/// Asks the identity for one signature, on this thread: a signer that may block does so here.
pub(crate) fn server_config(
    identity: &Identity,
    allowed: Allowed,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = provider();
    let verifier = PeerVerifier::new(allowed, &provider);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Provider)?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(certified_key(identity)?);
    // With either, a removed key would get back in.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

fn certified_key(identity: &Identity) -> Result<Arc<SingleCertAndKey>, TlsError> {
    let certificate = certificate::self_signed(identity)?;
    let signer = IdentitySigner(identity.clone());
    let key = CertifiedKey::new(vec![certificate], Arc::new(signer));
    Ok(Arc::new(key.into()))
}
