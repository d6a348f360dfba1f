//! Decides, in each handshake, whether the peer is one that we talk to.

use std::{cell::Cell, fmt};

use rustls::{
    CertificateError as Alert, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible,
    SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

use crate::identity::PublicKey;

use super::{Allowed, CertificateError, certificate};

tokio::task_local! {
    /// What was found of the peer in the handshake that is being polled; nothing until it was refused, or proved its key
    /// and is allowed. Rustls would carry a reason of ours for a
    /// refusal, but with another alert than `bad_certificate`; and it would have us read the key a second time, which
    /// takes as long as a tenth of the handshake.
    pub(super) static VERDICT: Cell<Option<Verdict>>;
}

/// What a handshake found of the peer: the key that it proved, and that is allowed.
pub(super) type Verdict = Result<PublicKey, Refusal>;

/// Why the peer was refused.
#[derive(Debug)]
pub(super) enum Refusal {
    Certificate(CertificateError),
    Unproven(PublicKey),
    NotAllowed(PublicKey),
}

/// The one rule for peers, whichever side dialled: one certificate, over an ed25519 key, that the peer proves to hold
/// the secret of, and that is allowed.
pub(super) struct PeerVerifier {
    allowed: Allowed,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PeerVerifier {
    pub(super) fn new(allowed: Allowed, provider: &CryptoProvider) -> Self {
        Self {
            allowed,
            algorithms: provider.signature_verification_algorithms,
        }
    }

    /// The first half: the certificate has the right form.
    fn verify_form(
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<(), Error> {
        let checked = match intermediates.len() {
            // Whether it is a key at all is looked at once only, with the signature: that is the costly part.
            0 => certificate::key_bytes(end_entity).map(drop),
            more => Err(CertificateError::Chain {
                count: more.saturating_add(1),
            }),
        };
        checked.map_err(|error| refuse(Refusal::Certificate(error)))
    }

    /// The second half: the peer holds the key's secret, and the key is allowed. Asked in this order, so that nobody
    /// can learn which keys are allowed by presenting them.
    fn verify_key(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = certificate::key_in(certificate)
            .map_err(|error| refuse(Refusal::Certificate(error)))?;
        let valid = verify_tls13_signature(message, certificate, signature, &self.algorithms)
            .inspect_err(|_| {
                refuse(Refusal::Unproven(key));
            })?;
        if !(self.allowed)(&key) {
            return Err(refuse(Refusal::NotAllowed(key)));
        }
        keep(Ok(key));
        Ok(valid)
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Self::verify_form(end_entity, intermediates).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_key(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for PeerVerifier {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Self::verify_form(end_entity, intermediates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_key(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl fmt::Debug for PeerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerVerifier").finish_non_exhaustive()
    }
}

/// Keeps the reason for the handshake, and gives rustls the error that reaches the peer as `bad_certificate`, as Go's.
fn refuse(refusal: Refusal) -> Error {
    keep(Err(refusal));
    Alert::BadEncoding.into()
}

fn keep(verdict: Verdict) {
    // Without a cell nobody asks for it.
    let _ = VERDICT.try_with(|cell| cell.set(Some(verdict)));
}
