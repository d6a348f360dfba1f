//! The rows of the client: dialling, identity, settings.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use integration::{
    behaviour::{Obedient, ping},
    keys::Who,
    ping::ping_server::PingServer,
    proxy::Proxy,
    raw::{Key, Listener},
    scene::{Scene, settings, soon, until},
};
use tokio::{runtime::Handle, time::Instant};
use wsrpc::{
    Client, Code, ConnectError, Identity, Outcome, ProtocolVersion, PublicKey, SecretKey, Server,
    SignError, Signer, State,
};

use super::bob;

/// An address at which nobody listens.
async fn nowhere() -> String {
    let listener = Listener::bind().await;
    listener.address()
}

/// `WithBlock`.
#[tokio::test]
async fn connect_blocks_until_ready() {
    let scene = Scene::new().await;
    let client = soon(bob().connect(scene.address.to_string()))
        .await
        .unwrap();
    assert_eq!(client.state(), State::Ready);
    assert_eq!(
        soon(ping(&client.channel(), "hi")).await.unwrap(),
        "pong:hi"
    );
    scene.finish().await;
}

/// `WithBlock` with a context's deadline.
#[tokio::test]
async fn connect_has_a_deadline_and_tells_what_it_tried() {
    let address = nowhere().await;
    let limit = Duration::from_millis(500);
    let began = Instant::now();
    let error = soon(bob().connect_timeout(limit).connect(&address))
        .await
        .unwrap_err();
    assert!(began.elapsed() >= limit);
    assert!(
        matches!(error, ConnectError::Timeout { last: Some(_), .. }),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains(&format!("cannot reach {address}")),
        "{error}"
    );
}

/// `DialWithContext`, cancelled.
#[tokio::test]
async fn dropping_connect_cancels_it() {
    let listener = Listener::bind().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let connecting = bob().connect(listener.address());
    let accepted = soon(async {
        tokio::select! {
            _ = connecting => panic!("nobody answered"),
            accepted = listener.tcp() => accepted,
        }
    })
    .await;
    // The connection is closed, the client's task ends, and nobody dials again.
    let mut accepted = accepted;
    soon(integration::raw::end_of(&mut accepted)).await.ok();
    until(|| tasks() <= before).await;
}

/// `Dial` without `WithBlock`.
#[tokio::test]
async fn connect_lazy_returns_at_once_and_a_call_waits_for_the_connection() {
    let key = Key::new();
    let listener = Listener::bind().await;
    let client = Client::builder(Who::Bob.secret(), key.public())
        .connect_lazy(listener.address())
        .unwrap();
    assert_eq!(client.state(), State::Connecting);
    let channel = client.channel();
    let call = tokio::spawn(async move { ping(&channel, "hi").await });
    let mut server = soon(listener.upgraded(&key)).await;
    let request = soon(server.next_request()).await;
    server.send_response(&request.call_id, "").await;
    soon(call).await.unwrap().unwrap();
}

/// `WithTransportCreds`: keys in the form in which Go has them.
#[tokio::test]
async fn the_identity_is_a_secret_key_also_as_go_writes_it() {
    let scene = Scene::new().await;
    let secret: SecretKey = Who::Bob.go_secret().parse().unwrap();
    let server: PublicKey = Who::Server.public().to_string().parse().unwrap();
    let client = Client::builder(secret, server).connect(scene.address.to_string());
    let client = soon(client).await.unwrap();
    assert_eq!(client.public_key(), Who::Bob.public());
    soon(scene.peers.connected(Who::Bob.public())).await;
    scene.finish().await;
}

/// Holds a key elsewhere, and counts its signatures.
#[derive(Clone)]
struct Vault {
    key: SecretKey,
    signed: Arc<AtomicUsize>,
}

impl Vault {
    fn of(who: Who) -> Self {
        Self {
            key: who.secret(),
            signed: Arc::default(),
        }
    }
}

impl Signer for Vault {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.signed.fetch_add(1, Ordering::SeqCst);
        Ok(self.key.sign(message))
    }
}

/// `WithTransportSigner` and `WithSigner`.
#[tokio::test]
async fn a_signer_holds_the_key_elsewhere_on_either_side() {
    let kinds: [fn(Vault) -> Identity; 2] = [
        |vault| Identity::from_signer(vault),
        |vault| Identity::from_blocking_signer(vault),
    ];
    for identity in kinds {
        let (servers, clients) = (Vault::of(Who::Server), Vault::of(Who::Bob));
        let server = Server::builder(identity(servers.clone()))
            .allow([Who::Bob.public()])
            .add_service(PingServer::new(Obedient))
            .bind("127.0.0.1:0")
            .await
            .unwrap();
        let address = server.local_addr().unwrap().to_string();
        tokio::spawn(server.serve());
        let client = Client::builder(identity(clients.clone()), Who::Server.public());
        let client = soon(client.connect(address)).await.unwrap();
        assert_eq!(
            soon(ping(&client.channel(), "hi")).await.unwrap(),
            "pong:hi"
        );
        // Once for the certificate, once for the handshake.
        assert_eq!(servers.signed.load(Ordering::SeqCst), 2);
        assert_eq!(clients.signed.load(Ordering::SeqCst), 2);
    }
}

/// For the time in which a server's key is exchanged: Go has one key only.
#[tokio::test]
async fn several_server_keys_are_accepted_for_rotation() {
    let scene = Scene::new().await;
    let (old, new) = (Key::new().public(), Who::Server.public());
    let rotating = Client::builder(Who::Bob.secret(), old).accept_server_key(new);
    let client = soon(rotating.connect(scene.address.to_string()))
        .await
        .unwrap();
    soon(client.close()).await;
    let behind = Client::builder(Who::Bob.secret(), old);
    let error = soon(behind.connect(scene.address.to_string()))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::WrongServer { key, .. } if key == new),
        "{error}"
    );
    scene.finish().await;
}

/// `WithWriteTimeout`.
#[tokio::test]
async fn the_write_timeout_ends_a_session_that_cannot_send() {
    let scene = Scene::new().await;
    let proxy = Proxy::new(&scene.address.to_string()).await;
    let limit = Duration::from_millis(200);
    // On version 2 a sender that is given no credit has nothing to write, which only the keepalive minds.
    let client = bob()
        .max_version(ProtocolVersion::V1)
        .session(settings().write_timeout(limit));
    let client = soon(client.connect(proxy.address())).await.unwrap();
    proxy.freeze(true);
    // More than the buffers on the way take.
    let error = soon(ping(&client.channel(), "x".repeat(9_000_000)))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::UNAVAILABLE, Outcome::Unknown)
    );
    assert!(
        error.message().contains("the peer read nothing for 200ms"),
        "{error}"
    );
    scene.finish().await;
}

/// `WithReadLimit`.
#[tokio::test]
async fn the_read_limit_is_a_setting() {
    let scene = Scene::new().await;
    for (version, said) in [
        (ProtocolVersion::V1, "over the limit of 1000 to receive"),
        (ProtocolVersion::V2, "1000 bytes that its receiver takes"),
    ] {
        let client = bob()
            .max_version(version)
            .session(settings().max_recv_message_size(1000));
        let client = soon(client.connect(scene.address.to_string()))
            .await
            .unwrap();
        let answer = soon(ping(&client.channel(), "size:900")).await.unwrap();
        assert_eq!(answer.len(), 900);
        let error = soon(ping(&client.channel(), "size:1000"))
            .await
            .unwrap_err();
        assert!(error.message().contains(said), "{error}");
        soon(client.close()).await;
    }
    scene.finish().await;
}
