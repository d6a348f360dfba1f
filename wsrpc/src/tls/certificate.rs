//! The certificate around a public key: how ours is made, and how the key is read from a peer's.

use rustls::{pki_types::CertificateDer, server::ParsedCertificate};

use crate::identity::{Identity, KeyError, PublicKey};

use super::TlsError;

// X.509 in DER, in the order of its fields. The two-byte heads are tag and length.
const CERTIFICATE: &[u8] = b"\x30\x81\xaf";
const TO_BE_SIGNED: &[u8] = b"\x30\x63";
const VERSION_3: &[u8] = b"\xa0\x03\x02\x01\x02";
const SERIAL_0: &[u8] = b"\x02\x01\x00";
const ED25519: &[u8] = b"\x30\x05\x06\x03\x2b\x65\x70";
const NO_NAME: &[u8] = b"\x30\x00";
/// From and until the first second of year 1, which is what Go's zero time comes out as.
const VALIDITY: &[u8] = b"\x30\x22\x18\x0f00010101000000Z\x18\x0f00010101000000Z";
/// What precedes the 32 bytes of an ed25519 key in every certificate, whoever made it.
const PUBLIC_KEY: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
const SIGNATURE: &[u8] = b"\x03\x41\x00";

/// Why a peer's certificate chain has no key to go by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CertificateError {
    /// The peer presented none.
    #[error("it presented no certificate, but each side must present one")]
    Missing,
    /// The peer presented a chain.
    #[error("it presented {count} certificates, but exactly one is allowed")]
    Chain {
        /// How many it presented.
        count: usize,
    },
    /// The certificate is not one.
    #[error("its certificate cannot be decoded")]
    Malformed,
    /// The certificate is of another algorithm.
    #[error("its certificate is not over an ed25519 key, which is the only kind allowed")]
    NotEd25519,
    /// The key is not one.
    #[error("the key in its certificate is not valid: {0}")]
    Key(KeyError),
}

/// Makes the identity's certificate: self-signed, serial 0, no names, dates of year 1. It is 178 bytes, and byte for
/// byte the one that Go's wsrpc makes for the same key.
pub(super) fn self_signed(identity: &Identity) -> Result<CertificateDer<'static>, TlsError> {
    let public_key = identity.public_key();
    let to_be_signed = [
        TO_BE_SIGNED,
        VERSION_3,
        SERIAL_0,
        ED25519,
        NO_NAME,
        VALIDITY,
        NO_NAME,
        PUBLIC_KEY,
        public_key.as_bytes(),
    ]
    .concat();
    let signature = identity.sign(&to_be_signed).map_err(TlsError::Signer)?;
    // Peers do not look at this signature, but a signer that has another key than it says would fail each handshake,
    // with an error at the peer's end only.
    if !public_key.verify(&to_be_signed, &signature) {
        return Err(TlsError::WrongSignature { key: public_key });
    }
    let certificate = [CERTIFICATE, &to_be_signed, ED25519, SIGNATURE, &signature].concat();
    Ok(certificate.into())
}

/// The key in a certificate.
pub(super) fn key_in(certificate: &CertificateDer<'_>) -> Result<PublicKey, CertificateError> {
    PublicKey::from_bytes(key_bytes(certificate)?).map_err(CertificateError::Key)
}

/// What stands where a certificate has its ed25519 key, not yet known to be one.
pub(super) fn key_bytes(certificate: &CertificateDer<'_>) -> Result<[u8; 32], CertificateError> {
    let parsed =
        ParsedCertificate::try_from(certificate).map_err(|_| CertificateError::Malformed)?;
    let info = parsed.subject_public_key_info();
    let key = info
        .strip_prefix(PUBLIC_KEY)
        .ok_or(CertificateError::NotEd25519)?;
    key.try_into().map_err(|_| CertificateError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::{SecretKey, SignError, Signer},
        tls::fixtures,
    };

    #[test]
    fn equals_gos_byte_for_byte() {
        for (seed, go) in [
            (fixtures::SERVER_SEED, fixtures::GO_SERVER_CERTIFICATE),
            (fixtures::ALICE_SEED, fixtures::GO_ALICE_CERTIFICATE),
        ] {
            let key: SecretKey = seed.parse().unwrap();
            let ours = self_signed(&key.clone().into()).unwrap();
            assert_eq!(ours, fixtures::certificate(go));
            assert_eq!(ours.len(), 178);
            assert_eq!(key_in(&ours), Ok(key.public_key()));
        }
    }

    #[test]
    fn other_certificates_have_no_key() {
        for (hex, error) in [
            (fixtures::RSA_CERTIFICATE, CertificateError::NotEd25519),
            (fixtures::ECDSA_CERTIFICATE, CertificateError::NotEd25519),
            ("3003020100", CertificateError::Malformed),
            ("", CertificateError::Malformed),
        ] {
            assert_eq!(key_in(&fixtures::certificate(hex)), Err(error));
        }
    }

    #[test]
    fn a_weak_key_is_refused() {
        let error = key_in(&fixtures::alices_certificate_with([0; 32])).unwrap_err();
        assert!(
            matches!(error, CertificateError::Key(KeyError::Weak { .. })),
            "{error}"
        );
    }

    #[test]
    fn a_signer_with_another_key_than_it_says_is_found_out() {
        struct Confused;

        impl Signer for Confused {
            fn public_key(&self) -> PublicKey {
                fixtures::ALICE_KEY.parse().unwrap()
            }

            fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
                Ok(SecretKey::generate().sign(message))
            }
        }

        let error = self_signed(&Identity::from_signer(Confused)).unwrap_err();
        assert!(matches!(error, TlsError::WrongSignature { .. }), "{error}");
    }
}
