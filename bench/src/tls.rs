//! One TLS for all contestants that have any: mutual, version 1.3, ed25519 certificates, aws-lc-rs with X25519MLKEM768 preferred, no
//! resumption. Peers trust any key, as `wsrpc`'s server does with `allow_any`, and verify that the other side has it.

use std::{future::Future, sync::Arc};

use integration::raw::{Certificates, Key};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs::default_provider, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        NoServerSessionStorage,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    version::TLS13,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::{
    contestant::{Endpoint, Failure},
    tcp,
};

/// The set-up of a server with a new key, which speaks these protocols: none for no ALPN.
pub fn server_config(alpn: &[&str]) -> Result<Arc<ServerConfig>, Failure> {
    let provider = Arc::new(default_provider());
    let of_key = integration::raw::server_config(Certificates::One(&Key::new()));
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(AnyKey(provider)))
        .with_cert_resolver(of_key.cert_resolver);
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.alpn_protocols = protocols(alpn);
    Ok(Arc::new(config))
}

/// The set-up of a client with a new key, which speaks these protocols: none for no ALPN.
pub fn client_config(alpn: &[&str]) -> Result<Arc<ClientConfig>, Failure> {
    let provider = Arc::new(default_provider());
    let of_key = integration::raw::client_config(Certificates::One(&Key::new()));
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyKey(provider)))
        .with_client_cert_resolver(of_key.client_auth_cert_resolver);
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config.alpn_protocols = protocols(alpn);
    Ok(Arc::new(config))
}

fn protocols(alpn: &[&str]) -> Vec<Vec<u8>> {
    alpn.iter().map(|name| name.as_bytes().to_vec()).collect()
}

/// Serves each connection over TLS, as [`tcp::serve`] does over TCP.
pub async fn serve<F>(
    config: Arc<ServerConfig>,
    connection: impl Fn(server::TlsStream<TcpStream>) -> F + Clone + Send + Sync + 'static,
) -> Result<Endpoint, Failure>
where
    F: Future<Output = Result<(), Failure>> + Send,
{
    let acceptor = TlsAcceptor::from(config);
    tcp::serve(move |stream| {
        let (acceptor, connection) = (acceptor.clone(), connection.clone());
        async move { connection(acceptor.accept(stream).await?).await }
    })
    .await
}

/// Makes the connection of this index.
pub async fn dial(
    config: &Arc<ClientConfig>,
    server: &Endpoint,
    index: usize,
) -> Result<client::TlsStream<TcpStream>, Failure> {
    let stream = tcp::dial(server, index).await?;
    let name = server.address_of(index).ip().into();
    Ok(TlsConnector::from(config.clone())
        .connect(name, stream)
        .await?)
}

/// Takes any certificate whose key the peer has.
#[derive(Debug)]
struct AnyKey(Arc<CryptoProvider>);

impl AnyKey {
    fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn only_tls13() -> Error {
        Error::General("only TLS 1.3 was offered".into())
    }
}

impl ServerCertVerifier for AnyKey {
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
        Err(Self::only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for AnyKey {
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
        Err(Self::only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
