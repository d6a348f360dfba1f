//! TLS for peers that trust anyone, and show whatever they are told to.

use std::{io, sync::Arc};

use rustls::{
    AlertDescription, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureAlgorithm, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs::{default_provider, sign::any_supported_type},
    pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime, pem::PemObject,
    },
    server::danger::{ClientCertVerified, ClientCertVerifier},
    sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey},
};
use wsrpc::{PublicKey, SecretKey};

/// A key of any algorithm, and its certificate.
#[derive(Debug)]
pub struct Key {
    certificate: CertificateDer<'static>,
    signing: Arc<dyn SigningKey>,
    secret: Option<SecretKey>,
}

impl Key {
    /// A new ed25519 key.
    pub fn new() -> Self {
        let mut seed = [0; 32];
        default_provider().secure_random.fill(&mut seed).unwrap();
        Self::from_seed(&seed)
    }

    /// The ed25519 key of a seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let secret = SecretKey::from_seed(seed);
        let pkcs8 = [
            b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20",
            &seed[..],
        ]
        .concat();
        let signing = any_supported_type(&PrivatePkcs8KeyDer::from(pkcs8).into()).unwrap();
        Self {
            certificate: certificate(&secret),
            signing,
            secret: Some(secret),
        }
    }

    /// An RSA key.
    pub fn rsa() -> Self {
        Self::from_pem(include_str!("../../fixtures/certificates/rsa.pem"))
    }

    /// An ECDSA key.
    pub fn ecdsa() -> Self {
        Self::from_pem(include_str!("../../fixtures/certificates/ecdsa.pem"))
    }

    fn from_pem(pem: &str) -> Self {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
        Self {
            certificate: CertificateDer::from_pem_slice(pem.as_bytes()).unwrap(),
            signing: any_supported_type(&key).unwrap(),
            secret: None,
        }
    }

    /// The same key, in a certificate that is not one.
    pub fn with_broken_certificate(mut self) -> Self {
        self.certificate = CertificateDer::from(b"no certificate at all".to_vec());
        self
    }

    /// The secret key, where it is of ed25519.
    pub fn secret(&self) -> SecretKey {
        self.secret.clone().unwrap()
    }

    /// The public key, where it is of ed25519.
    pub fn public(&self) -> PublicKey {
        self.secret().public_key()
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::new()
    }
}

/// A self-signed certificate with a name, and dates of our century: no field but the key matters.
fn certificate(key: &SecretKey) -> CertificateDer<'static> {
    let wrap = |tag: u8, parts: &[&[u8]]| {
        let content = parts.concat();
        let len = content.len();
        let head = match u8::try_from(len).unwrap() {
            short @ ..0x80 => vec![tag, short],
            long => vec![tag, 0x81, long],
        };
        [head, content].concat()
    };
    let algorithm = b"\x30\x05\x06\x03\x2b\x65\x70";
    let name = b"\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x03raw";
    let dates = wrap(0x30, &[b"\x17\x0d240101000000Z", b"\x17\x0d440101000000Z"]);
    let public = key.public_key();
    let bits = wrap(0x03, &[b"\0", public.as_bytes()]);
    let signed = wrap(
        0x30,
        &[
            b"\xa0\x03\x02\x01\x02\x02\x01\x07",
            algorithm,
            name,
            &dates,
            name,
            &wrap(0x30, &[algorithm, &bits]),
        ],
    );
    let signature = wrap(0x03, &[b"\0", &key.sign(&signed)]);
    wrap(0x30, &[&signed, algorithm, &signature]).into()
}

/// What a peer shows of itself.
#[derive(Clone, Copy, Debug)]
pub enum Certificates<'a> {
    /// No certificate.
    None,
    /// This key's.
    One(&'a Key),
    /// This key's, twice.
    Twice(&'a Key),
    /// The first key's, without holding anything but the second.
    Stolen(&'a Key, &'a Key),
}

impl Certificates<'_> {
    fn certified(self) -> Option<Arc<SingleCertAndKey>> {
        let (chain, key) = match self {
            Self::None => return None,
            Self::One(key) => (vec![&key.certificate], key),
            Self::Twice(key) => (vec![&key.certificate; 2], key),
            Self::Stolen(shown, held) => (vec![&shown.certificate], held),
        };
        let chain = chain.into_iter().cloned().collect();
        let key = Arc::new(Stubborn(key.signing.clone()));
        Some(Arc::new(CertifiedKey::new(chain, key).into()))
    }
}

/// A client that offers TLS 1.3, takes tickets, and trusts any server.
pub fn client_config(certificates: Certificates<'_>) -> ClientConfig {
    let config = ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone));
    match certificates.certified() {
        Some(certified) => config.with_client_cert_resolver(certified),
        None => config.with_no_client_auth(),
    }
}

/// A server that asks for a certificate and takes any.
pub fn server_config(certificates: Certificates<'_>) -> ServerConfig {
    let certified = certificates
        .certified()
        .expect("a server has a certificate");
    ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(Arc::new(Anyone))
        .with_cert_resolver(certified)
}

/// The alert that a peer sent, if that is what ended a stream.
pub fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

/// Signs with its own algorithm, whether or not the peer has said that it takes it.
#[derive(Debug)]
struct Stubborn(Arc<dyn SigningKey>);

impl SigningKey for Stubborn {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.0
            .choose_scheme(offered)
            .or_else(|| self.0.choose_scheme(&Anyone.supported_verify_schemes()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

/// Trusts anyone.
#[derive(Debug)]
struct Anyone;

impl Anyone {
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.supported_verify_schemes()
    }
}

impl ClientCertVerifier for Anyone {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.supported_verify_schemes()
    }
}
