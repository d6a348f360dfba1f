//! Secret keys as PKCS #8 PEM.

use ed25519_dalek::{
    SigningKey,
    pkcs8::{
        ALGORITHM_OID, EncodePrivateKey, Error, KeypairBytes, PrivateKeyInfoRef, SecretDocument,
        spki::der::pem::LineEnding,
    },
};
use zeroize::Zeroizing;

use super::KeyError;

/// How every PEM text begins.
pub(super) const PEM_BEGIN: &str = "-----BEGIN ";

/// Reads a PEM text, with or without the public key that newer tools add to it.
pub(super) fn decode(pem: &str) -> Result<SigningKey, KeyError> {
    // Looked at before it is decoded: some labels stand for texts that are not plain base64.
    match label(pem) {
        Some("PRIVATE KEY") => {}
        Some("ENCRYPTED PRIVATE KEY") => return Err(KeyError::PemEncrypted),
        Some(label) => {
            return Err(KeyError::PemLabel {
                label: label.to_owned(),
            });
        }
        None => {
            return Err(KeyError::PemMalformed {
                reason: "there is no line `-----BEGIN PRIVATE KEY-----`".into(),
            });
        }
    }
    let (_, document) = SecretDocument::from_pem(pem.trim()).map_err(malformed)?;
    let key = PrivateKeyInfoRef::try_from(document.as_bytes()).map_err(malformed)?;
    if key.algorithm.oid != ALGORITHM_OID {
        let algorithm = match key.algorithm.oid.to_string().as_str() {
            "1.2.840.113549.1.1.1" => "RSA".to_owned(),
            "1.2.840.10045.2.1" => "ECDSA".to_owned(),
            "1.3.101.110" => "X25519".to_owned(),
            "1.3.101.113" => "Ed448".to_owned(),
            number => format!("with the number {number}"),
        };
        return Err(KeyError::PemAlgorithm { algorithm });
    }
    let pair = KeypairBytes::try_from(key).map_err(malformed)?;
    SigningKey::try_from(&pair).map_err(|_| KeyError::Mismatch)
}

/// Writes a PEM text without the public key, which not every tool expects.
pub(super) fn encode(key: &SigningKey) -> Zeroizing<String> {
    KeypairBytes {
        secret_key: key.to_bytes(),
        public_key: None,
    }
    .to_pkcs8_pem(LineEnding::LF)
    .expect("32 bytes have a PEM form")
}

/// What a PEM text says that it holds.
fn label(pem: &str) -> Option<&str> {
    let (_, rest) = pem.split_once(PEM_BEGIN)?;
    let (label, _) = rest.split_once("-----")?;
    Some(label)
}

fn malformed(error: impl Into<Error>) -> KeyError {
    KeyError::PemMalformed {
        reason: error.into().to_string(),
    }
}
