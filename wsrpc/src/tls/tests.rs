//! Handshakes over a pipe, with our own other end and with ones that break the rules.

use std::{
    io,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc as blocking_mpsc,
    },
    time::Duration,
};

use rustls::{
    AlertDescription, ClientConfig, HandshakeKind, ServerConfig, SignatureScheme,
    client::Resumption,
    pki_types::CertificateDer,
    server::Acceptor,
    sign::{CertifiedKey, SingleCertAndKey},
    version::TLS13,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::mpsc,
};
use tokio_rustls::{LazyConfigAcceptor, client, server};

use super::{provider::provider, signer::IdentitySigner, verifier::PeerVerifier, *};
use crate::identity::{Identity, PublicKey, SecretKey, SignError, Signer};

type Connected = Result<(PublicKey, client::TlsStream<DuplexStream>), HandshakeError>;
type Accepted = Result<(PublicKey, server::TlsStream<DuplexStream>), HandshakeError>;

/// One end: who it is, and what rustls runs on.
struct End<C> {
    identity: Identity,
    config: Arc<C>,
}

fn alice() -> Identity {
    let key: SecretKey = fixtures::ALICE_SEED.parse().unwrap();
    key.into()
}

fn server() -> Identity {
    let key: SecretKey = fixtures::SERVER_SEED.parse().unwrap();
    key.into()
}

fn anyone() -> Allowed {
    Arc::new(|_| true)
}

fn nobody() -> Allowed {
    Arc::new(|_| false)
}

fn counting() -> (Allowed, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let allowed = move |_: &PublicKey| {
        counter.fetch_add(1, Ordering::SeqCst);
        true
    };
    (Arc::new(allowed), count)
}

fn client_end(identity: Identity, allowed: Allowed) -> End<ClientConfig> {
    let config = client_config(&identity, allowed).unwrap();
    End { identity, config }
}

fn server_end(identity: Identity, allowed: Allowed) -> End<ServerConfig> {
    let config = server_config(&identity, allowed).unwrap();
    End { identity, config }
}

/// A client that presents any chain, and then signs with Alice's key.
fn client_presenting(chain: &[CertificateDer<'static>]) -> End<ClientConfig> {
    let verifier = Arc::new(PeerVerifier::new(anyone(), &provider()));
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = if chain.is_empty() {
        builder.with_no_client_auth()
    } else {
        builder.with_client_cert_resolver(presenting(chain))
    };
    End {
        identity: alice(),
        config: config.into(),
    }
}

/// A server that presents any chain, and then signs with Alice's key. It issues tickets, as rustls does by default.
fn server_presenting(chain: &[CertificateDer<'static>]) -> End<ServerConfig> {
    let verifier = Arc::new(PeerVerifier::new(anyone(), &provider()));
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(presenting(chain));
    End {
        identity: alice(),
        config: config.into(),
    }
}

fn presenting(chain: &[CertificateDer<'static>]) -> Arc<SingleCertAndKey> {
    let key = CertifiedKey::new(chain.to_vec(), Arc::new(IdentitySigner(alice())));
    Arc::new(key.into())
}

async fn shake(client: &End<ClientConfig>, server: &End<ServerConfig>) -> (Connected, Accepted) {
    let (near, far) = duplex(64 * 1024);
    tokio::join!(
        connect(client.config.clone(), &client.identity, near),
        accept(server.config.clone(), &server.identity, far),
    )
}

/// What a client's first read gives after its server refused it.
async fn first_read(connected: Connected) -> io::Error {
    let (_, mut stream) = connected.unwrap();
    stream.read_u8().await.unwrap_err()
}

#[tokio::test]
async fn each_side_learns_the_others_key() {
    let client = client_end(alice(), anyone());
    let server = server_end(server(), anyone());
    let (connected, accepted) = shake(&client, &server).await;
    let (server_key, mut near) = connected.unwrap();
    let (client_key, mut far) = accepted.unwrap();
    assert_eq!(server_key, server.identity.public_key());
    assert_eq!(client_key, client.identity.public_key());

    near.write_all(b"ping").await.unwrap();
    near.flush().await.unwrap();
    let mut read = [0; 4];
    far.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"ping");
}

#[tokio::test]
async fn a_refused_client_learns_of_it_on_its_first_read() {
    let client = client_end(alice(), anyone());
    let server = server_end(server(), nobody());
    let (connected, accepted) = shake(&client, &server).await;
    let refused = accepted.unwrap_err();
    assert!(
        matches!(refused, HandshakeError::NotAllowed { key } if key == alice().public_key()),
        "{refused}"
    );
    let error = first_read(connected).await;
    assert!(refused_by_peer(&error), "{error}");
    let alert = rustls::Error::AlertReceived(AlertDescription::BadCertificate);
    assert_eq!(error.to_string(), alert.to_string());
}

#[tokio::test]
async fn a_refused_server_learns_of_it_in_the_handshake() {
    let client = client_end(alice(), nobody());
    let server = server_end(server(), anyone());
    let (connected, accepted) = shake(&client, &server).await;
    let refused = connected.unwrap_err();
    assert!(
        matches!(refused, HandshakeError::NotAllowed { key } if key == server.identity.public_key()),
        "{refused}"
    );
    let error = accepted.unwrap_err();
    assert!(
        matches!(&error, HandshakeError::RefusedByPeer { key, alert }
            if *key == server.identity.public_key() && alert == "BadCertificate"),
        "{error}"
    );
}

#[test]
fn other_errors_are_no_refusal() {
    assert!(!refused_by_peer(&io::ErrorKind::UnexpectedEof.into()));
    let alert = rustls::Error::AlertReceived(AlertDescription::InternalError);
    assert!(!refused_by_peer(&io::Error::other(alert)));
}

#[tokio::test]
async fn gos_certificate_is_accepted_from_either_side() {
    let go = [fixtures::certificate(fixtures::GO_ALICE_CERTIFICATE)];
    let (_, accepted) = shake(&client_presenting(&go), &server_end(server(), anyone())).await;
    assert_eq!(accepted.unwrap().0, alice().public_key());
    let (connected, _) = shake(&client_end(server(), anyone()), &server_presenting(&go)).await;
    assert_eq!(connected.unwrap().0, alice().public_key());
}

#[tokio::test]
async fn other_certificates_are_refused_from_either_side() {
    let go = fixtures::certificate(fixtures::GO_ALICE_CERTIFICATE);
    let rsa = fixtures::certificate(fixtures::RSA_CERTIFICATE);
    let ecdsa = fixtures::certificate(fixtures::ECDSA_CERTIFICATE);
    for (chain, expected) in [
        (vec![go.clone(), go], CertificateError::Chain { count: 2 }),
        (vec![rsa], CertificateError::NotEd25519),
        (vec![ecdsa], CertificateError::NotEd25519),
    ] {
        let (connected, accepted) =
            shake(&client_presenting(&chain), &server_end(server(), anyone())).await;
        let error = accepted.unwrap_err();
        assert!(
            matches!(&error, HandshakeError::Certificate(error) if *error == expected),
            "{error}"
        );
        let error = first_read(connected).await;
        assert!(refused_by_peer(&error), "{error}");

        let (connected, accepted) =
            shake(&client_end(server(), anyone()), &server_presenting(&chain)).await;
        let error = connected.unwrap_err();
        assert!(
            matches!(&error, HandshakeError::Certificate(error) if *error == expected),
            "{error}"
        );
        let error = accepted.unwrap_err();
        assert!(
            matches!(error, HandshakeError::RefusedByPeer { .. }),
            "{error}"
        );
    }
}

#[tokio::test]
async fn what_is_no_key_is_refused_from_either_side() {
    let weak = [0; 32];
    let not_on_curve = [2; 32];
    for key in [weak, not_on_curve] {
        let expected = PublicKey::from_bytes(key).unwrap_err();
        let chain = [fixtures::alices_certificate_with(key)];
        let is_expected = |error: &HandshakeError| matches!(error, HandshakeError::Certificate(CertificateError::Key(error)) if *error == expected);
        let (_, accepted) =
            shake(&client_presenting(&chain), &server_end(server(), anyone())).await;
        let error = accepted.unwrap_err();
        assert!(is_expected(&error), "{error}");
        let (connected, _) =
            shake(&client_end(server(), anyone()), &server_presenting(&chain)).await;
        let error = connected.unwrap_err();
        assert!(is_expected(&error), "{error}");
    }
}

#[tokio::test]
async fn a_client_must_present_a_certificate() {
    let (connected, accepted) =
        shake(&client_presenting(&[]), &server_end(server(), anyone())).await;
    let error = accepted.unwrap_err();
    assert!(
        matches!(
            error,
            HandshakeError::Certificate(CertificateError::Missing)
        ),
        "{error}"
    );
    let error = first_read(connected).await;
    assert!(refused_by_peer(&error), "{error}");
}

#[tokio::test]
async fn a_key_is_asked_about_only_when_it_is_proved() {
    let somebody_elses = [fixtures::certificate(fixtures::GO_SERVER_CERTIFICATE)];
    let (allowed, asked) = counting();
    let (connected, accepted) = shake(
        &client_presenting(&somebody_elses),
        &server_end(server(), allowed),
    )
    .await;
    let error = accepted.unwrap_err();
    assert!(
        matches!(error, HandshakeError::Unproven { key } if key == server().public_key()),
        "{error}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert!(!refused_by_peer(&first_read(connected).await));
}

#[tokio::test]
async fn plain_text_is_named_as_such() {
    let end = server_end(server(), anyone());
    let (mut near, far) = duplex(1024);
    near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let error = accept(end.config, &end.identity, far).await.unwrap_err();
    assert!(matches!(error, HandshakeError::NotTls), "{error}");

    let end = client_end(alice(), anyone());
    let (near, mut far) = duplex(64 * 1024);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .unwrap();
    let error = connect(end.config, &end.identity, near).await.unwrap_err();
    assert!(matches!(error, HandshakeError::NotTls), "{error}");
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let protocol_version_alert = [0x15, 3, 3, 0, 2, 2, 70];

    let end = server_end(server(), anyone());
    let (mut near, far) = duplex(1024);
    let hello = fixtures::bytes(fixtures::TLS12_HELLO);
    near.write_all(&hello).await.unwrap();
    let error = accept(end.config, &end.identity, far).await.unwrap_err();
    assert!(matches!(error, HandshakeError::Version), "{error}");
    let mut answer = Vec::new();
    near.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, protocol_version_alert);

    let end = client_end(alice(), anyone());
    let (near, mut far) = duplex(64 * 1024);
    far.write_all(&protocol_version_alert).await.unwrap();
    let error = connect(end.config, &end.identity, near).await.unwrap_err();
    assert!(matches!(error, HandshakeError::Version), "{error}");
}

#[tokio::test]
async fn a_server_without_ed25519_is_incompatible() {
    let end = client_end(alice(), anyone());
    let (near, mut far) = duplex(64 * 1024);
    let handshake_failure_alert = [0x15, 3, 3, 0, 2, 2, 40];
    far.write_all(&handshake_failure_alert).await.unwrap();
    let error = connect(end.config, &end.identity, near).await.unwrap_err();
    assert!(matches!(error, HandshakeError::Incompatible(_)), "{error}");
}

#[tokio::test]
async fn a_connection_that_ends_is_an_io_error() {
    let end = client_end(alice(), anyone());
    let (near, far) = duplex(64 * 1024);
    drop(far);
    let error = connect(end.config, &end.identity, near).await.unwrap_err();
    assert!(matches!(error, HandshakeError::Io(_)), "{error}");
}

#[tokio::test]
async fn the_hello_names_no_server_and_no_protocol() {
    let client = client_end(alice(), anyone());
    let (near, far) = duplex(64 * 1024);
    let mut connecting = pin!(connect(client.config, &client.identity, near));
    let hello = LazyConfigAcceptor::new(Acceptor::default(), far);
    let start = tokio::select! {
        start = hello => start.unwrap(),
        _ = &mut connecting => unreachable!("there is no answer yet"),
    };
    let hello = start.client_hello();
    assert_eq!(hello.server_name(), None);
    assert!(hello.alpn().is_none());
    assert_eq!(hello.signature_schemes(), [SignatureScheme::ED25519]);
}

#[tokio::test]
async fn a_client_may_offer_any_protocol_and_gets_none() {
    let mut client = client_end(alice(), anyone());
    let config = Arc::get_mut(&mut client.config).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (connected, accepted) = shake(&client, &server_end(server(), anyone())).await;
    let (_, near) = connected.unwrap();
    let (_, far) = accepted.unwrap();
    assert_eq!(near.get_ref().1.alpn_protocol(), None);
    assert_eq!(far.get_ref().1.alpn_protocol(), None);
}

/// Connects twice, lets any ticket arrive in between, and gives the tickets that came.
async fn connect_twice(client: &End<ClientConfig>, server: &End<ServerConfig>) -> u32 {
    let mut tickets = 0;
    for _ in 0..2 {
        let (connected, accepted) = shake(client, server).await;
        let (_, mut near) = connected.unwrap();
        let (_, mut far) = accepted.unwrap();
        far.write_all(b"!").await.unwrap();
        far.flush().await.unwrap();
        near.read_u8().await.unwrap();
        let session = near.get_ref().1;
        assert_eq!(session.handshake_kind(), Some(HandshakeKind::Full));
        tickets += session.tls13_tickets_received();
    }
    tickets
}

#[tokio::test]
async fn a_client_that_would_resume_gets_no_ticket() {
    let (allowed, asked) = counting();
    let mut client = client_end(alice(), anyone());
    let config = Arc::get_mut(&mut client.config).unwrap();
    config.resumption = Resumption::default();
    let tickets = connect_twice(&client, &server_end(server(), allowed)).await;
    assert_eq!(tickets, 0);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_servers_ticket_is_not_used() {
    let (allowed, asked) = counting();
    let go = [fixtures::certificate(fixtures::GO_ALICE_CERTIFICATE)];
    let tickets = connect_twice(&client_end(server(), allowed), &server_presenting(&go)).await;
    assert!(tickets > 0, "the server issues tickets");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

/// Signs the certificate, and fails after that.
struct Unplugged {
    key: SecretKey,
    signed: AtomicUsize,
}

impl Unplugged {
    fn new() -> Self {
        Self {
            key: SecretKey::generate(),
            signed: AtomicUsize::new(0),
        }
    }
}

impl Signer for Unplugged {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        match self.signed.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(self.key.sign(message)),
            _ => Err(SignError::new("the token is not plugged in")),
        }
    }
}

#[tokio::test]
async fn a_failing_signer_is_named_at_its_own_end() {
    let unplugged = Identity::from_signer(Unplugged::new());
    let (connected, accepted) = shake(
        &client_end(unplugged, anyone()),
        &server_end(server(), anyone()),
    )
    .await;
    let error = connected.unwrap_err();
    assert!(matches!(error, HandshakeError::Signer(_)), "{error}");
    assert!(
        error.to_string().contains("the token is not plugged in"),
        "{error}"
    );
    assert!(matches!(accepted, Err(HandshakeError::Io(_))));

    let unplugged = Identity::from_blocking_signer(Unplugged::new());
    let (connected, accepted) = shake(
        &client_end(alice(), anyone()),
        &server_end(unplugged, anyone()),
    )
    .await;
    assert!(matches!(accepted, Err(HandshakeError::Signer(_))));
    assert!(matches!(connected, Err(HandshakeError::Io(_))));
}

#[test]
fn a_signer_that_fails_at_once_is_named_too() {
    let unplugged = Unplugged::new();
    unplugged.signed.store(1, Ordering::SeqCst);
    let error = client_config(&Identity::from_signer(unplugged), anyone()).unwrap_err();
    assert!(matches!(error, TlsError::Signer(_)), "{error}");
}

/// Signs the certificate at once, and a handshake when the runtime has let it.
struct Waiting {
    key: SecretKey,
    asked: mpsc::UnboundedSender<()>,
    allowed: Mutex<blocking_mpsc::Receiver<()>>,
}

impl Signer for Waiting {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.asked.send(()).map_err(SignError::new)?;
        let patience = Duration::from_secs(30);
        let allowed = self.allowed.lock().unwrap();
        allowed.recv_timeout(patience).map_err(SignError::new)?;
        Ok(self.key.sign(message))
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_blocking_signer_does_not_stall_the_runtime() {
    let (asked, mut asking) = mpsc::unbounded_channel();
    let (allow, allowed) = blocking_mpsc::channel();
    let identity = Identity::from_blocking_signer(Waiting {
        key: SecretKey::generate(),
        asked,
        allowed: Mutex::new(allowed),
    });
    allow.send(()).unwrap();
    let client = client_end(identity.clone(), anyone());
    allow.send(()).unwrap();
    let server = server_end(identity, anyone());
    for _ in 0..2 {
        asking.recv().await.unwrap();
    }

    let answering = async {
        for _ in 0..2 {
            asking.recv().await.unwrap();
            allow.send(()).unwrap();
        }
    };
    let ((connected, accepted), ()) = tokio::join!(shake(&client, &server), answering);
    connected.unwrap();
    accepted.unwrap();
}

#[tokio::test]
async fn a_blocking_handshake_ends_when_it_is_dropped() {
    let key: SecretKey = fixtures::ALICE_SEED.parse().unwrap();
    let client = client_end(Identity::from_blocking_signer(key), anyone());
    let (near, mut far) = duplex(64 * 1024);
    {
        let mut connecting = pin!(connect(client.config, &client.identity, near));
        tokio::select! {
            biased;
            _ = &mut connecting => unreachable!("there is no answer"),
            first = far.read_u8() => assert_eq!(first.unwrap(), 0x16),
        }
    }
    // Ends only when the blocking pool lets go of the other end.
    far.read_to_end(&mut Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_blocking_signers_panic_reaches_the_caller() {
    struct Panicking(SecretKey, AtomicUsize);

    impl Signer for Panicking {
        fn public_key(&self) -> PublicKey {
            self.0.public_key()
        }

        fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
            assert_eq!(
                self.1.fetch_add(1, Ordering::SeqCst),
                0,
                "out of signatures"
            );
            Ok(self.0.sign(message))
        }
    }

    let signer = Panicking(SecretKey::generate(), AtomicUsize::new(0));
    let client = client_end(Identity::from_blocking_signer(signer), anyone());
    let server = server_end(server(), anyone());
    let task = tokio::spawn(async move { shake(&client, &server).await.0.map(drop) });
    assert!(task.await.unwrap_err().is_panic());
}
