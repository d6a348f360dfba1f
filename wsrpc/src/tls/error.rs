//! Why a handshake failed, and whether the peer refused our key.

use std::io;

use rustls::{AlertDescription, Error, InvalidMessage, PeerIncompatible};

use crate::identity::{PublicKey, SignError};

use super::{CertificateError, verifier::Refusal};

/// A handshake that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum HandshakeError {
    /// The peer proved to hold `key`, which is not one that we talk to.
    #[error(
        "the peer's key is {key}, which is not one of those allowed here: allow it, or check that the right peer was reached"
    )]
    NotAllowed {
        /// The peer's key.
        key: PublicKey,
    },
    /// The peer presented `key`, but did not prove to hold its secret.
    #[error(
        "the peer presented the key {key}, but its signature is not of that key: it may be somebody else"
    )]
    Unproven {
        /// The key that the peer presented.
        key: PublicKey,
    },
    /// The handshake ended well, but nobody looked at the peer's key.
    #[error("the peer's key was not verified in the handshake: please report it")]
    Unverified,
    /// The peer's certificate gives no key to know it by.
    #[error("the peer cannot be known: {0}")]
    Certificate(CertificateError),
    /// The peer refused our key.
    #[error("the peer refused our key {key} (TLS alert {alert}): have the peer allow it")]
    RefusedByPeer {
        /// Our key.
        key: PublicKey,
        /// The name of the alert that the peer sent.
        alert: String,
    },
    /// What the peer sent is not TLS.
    #[error(
        "the peer does not speak TLS: check the port, and that no plain HTTP server or proxy answers on it"
    )]
    NotTls,
    /// The peer has no TLS 1.3.
    #[error("the peer does not offer TLS 1.3, which is the only version allowed")]
    Version,
    /// The peer and we have no algorithm in common, as with ordinary HTTPS servers and browsers, which know no ed25519
    /// certificates.
    #[error(
        "the peer has no TLS algorithm in common with us; it may be an ordinary HTTPS server or client, without an ed25519 certificate: {0}"
    )]
    Incompatible(Error),
    /// Our own signer failed.
    #[error("the identity's signer could not sign the handshake: {0}")]
    Signer(SignError),
    /// Anything else that TLS objects to.
    #[error("the TLS handshake failed: {0}")]
    Tls(Error),
    /// The connection failed.
    #[error("the connection failed in the TLS handshake: {0}")]
    Io(io::Error),
}

impl HandshakeError {
    /// Sorts out how the handshake of `own` failed, where the verifier has no reason to give.
    pub(super) fn new(error: io::Error, own: PublicKey) -> Self {
        let Some(tls) = tls_error(&error) else {
            return Self::Io(error);
        };
        match tls {
            Error::NoCertificatesPresented => Self::Certificate(CertificateError::Missing),
            Error::AlertReceived(alert) if refuses_key(*alert) => Self::RefusedByPeer {
                key: own,
                alert: format!("{alert:?}"),
            },
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            Error::AlertReceived(AlertDescription::ProtocolVersion)
            | Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled,
            ) => Self::Version,
            Error::AlertReceived(AlertDescription::HandshakeFailure)
            | Error::PeerIncompatible(_) => Self::Incompatible(tls.clone()),
            Error::Other(other) => match other.0.downcast_ref::<SignError>() {
                Some(error) => Self::Signer(error.clone()),
                None => Self::Tls(tls.clone()),
            },
            _ => Self::Tls(tls.clone()),
        }
    }
}

impl From<CertificateError> for HandshakeError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}

impl From<Refusal> for HandshakeError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Certificate(error) => Self::Certificate(error),
            Refusal::Unproven(key) => Self::Unproven { key },
            Refusal::NotAllowed(key) => Self::NotAllowed { key },
        }
    }
}

/// Whether an error of reading from or writing to a TLS stream says that the peer refused our key.
///
/// In TLS 1.3 a client's handshake is over before the server has seen its key: it learns of the refusal when it first
/// reads.
pub(crate) fn refused_by_peer(error: &io::Error) -> bool {
    matches!(tls_error(error), Some(Error::AlertReceived(alert)) if refuses_key(*alert))
}

/// Whether an alert is about the certificate, of which only the key matters.
fn refuses_key(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::AccessDenied
            | AlertDescription::UnknownCA
    )
}

/// What rustls said, if it is rustls that failed.
fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}
