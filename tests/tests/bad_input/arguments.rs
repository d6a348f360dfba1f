//! What callers of the library get wrong.

use std::time::Duration;

use integration::{behaviour::Obedient, keys::Who, ping::ping_server::PingServer, scene::soon};
use tokio::net::TcpListener;
use wsrpc::{
    BindError, Client, ConnectError, Identity, KeyError, PublicKey, SecretKey, Server,
    ServiceError, SignError, Signer,
};

fn client() -> wsrpc::ClientBuilder {
    Client::builder(Who::Bob.secret(), Who::Server.public())
}

#[tokio::test]
async fn addresses_that_are_none_are_told_how_to_be_written() {
    for address in [
        "",
        " ",
        ":",
        ":1338",
        "/",
        "host:",
        "host:0",
        "host:65536",
        "host:-1",
        "host:port",
        "host name:1",
        "ws://host:1",
        "http://host:1",
        "wss://",
        "wss://:1",
        "wss:///path",
        "user@host:1",
        "user:secret@host:1",
        "[::1:1",
        "::1:1338:",
        "host:1:2",
        "host:1#x y",
        "\u{1f980}:1",
        "host\n:1",
    ] {
        let error = client().connect_lazy(address).expect_err(address);
        assert!(
            matches!(error, ConnectError::Endpoint(_)),
            "{address:?}: {error:?}"
        );
        assert!(
            error.to_string().contains("is no address to dial"),
            "{error}"
        );
        assert!(error.to_string().contains("write `host:port`"), "{error}");
        let error = soon(client().connect(address)).await.expect_err(address);
        assert!(
            matches!(error, ConnectError::Endpoint(_)),
            "{address:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_tried_until_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let limit = Duration::from_millis(500);
    let error = soon(client().connect_timeout(limit).connect(&address))
        .await
        .unwrap_err();
    let ConnectError::Timeout {
        after,
        last: Some(last),
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(*after, limit);
    assert!(
        matches!(**last, ConnectError::Unreachable { .. }),
        "{last:?}"
    );
    assert!(error.to_string().contains(&address), "{error}");
}

#[test]
fn keys_that_are_none_are_told_what_is_wrong() {
    let good = Who::Alice.public().to_string();
    for (text, what) in [
        ("", "64 hex digits, but 0 were given"),
        (&good[..63], "but 63 were given"),
        (&format!("{good}0"), "but 65 were given"),
        (&format!("0x{}", &good[2..]), "character 2 is 'x'"),
        (&format!("{}g", &good[1..]), "character 64 is 'g'"),
        (&"0".repeat(64), "weak"),
        (&format!("02{}", "0".repeat(62)), "no point of the curve"),
    ] {
        let error = text.parse::<PublicKey>().unwrap_err();
        assert!(error.to_string().contains(what), "{text}: {error}");
    }
    let secret = Who::Alice.go_secret();
    for (text, what) in [
        ("", "but 0 were given"),
        (&secret[..127], "but 127 were given"),
        (&format!("x{}", &secret[1..]), "character 1 is not one"),
    ] {
        let error = text.parse::<SecretKey>().unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(!error.to_string().contains(&secret[2..20]), "{error}");
    }
    let mixed = format!("{}{}", &secret[..64], Who::Bob.public());
    assert_eq!(mixed.parse::<SecretKey>().unwrap_err(), KeyError::Mismatch);
    assert!(PublicKey::try_from(&[1u8; 31][..]).is_err());
}

#[tokio::test]
async fn a_server_without_a_listener_is_refused() {
    let error = Server::builder(Who::Server.secret())
        .build()
        .await
        .unwrap_err();
    assert!(matches!(error, BindError::NoListener), "{error}");
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let server = || Server::builder(Who::Server.secret());
    let bound = server().bind(address.as_str()).await;
    let health = server().health_check(&address).bind("127.0.0.1:0").await;
    for error in [bound.unwrap_err(), health.unwrap_err()] {
        let BindError::Listen {
            address: named,
            error: source,
        } = &error
        else {
            panic!("{error:?}");
        };
        assert_eq!(
            (named, source.kind()),
            (&address, std::io::ErrorKind::AddrInUse)
        );
        assert!(error.to_string().contains(&address), "{error}");
    }
    let error = server().bind("no such address").await.unwrap_err();
    assert!(error.to_string().contains("no such address"), "{error}");
}

#[tokio::test]
async fn the_same_service_twice_is_refused_on_both_sides() {
    let twice = ServiceError::Duplicate("ping.Ping");
    let server = Server::builder(Who::Server.secret())
        .add_service(PingServer::new(Obedient))
        .add_service(PingServer::new(Obedient));
    let error = server.bind("127.0.0.1:0").await.unwrap_err();
    assert!(
        matches!(&error, BindError::Service(error) if *error == twice),
        "{error}"
    );
    let client = client()
        .add_service(PingServer::new(Obedient))
        .add_service(PingServer::new(Obedient));
    let error = client.connect_lazy("127.0.0.1:1").unwrap_err();
    assert!(
        matches!(&error, ConnectError::Service(error) if *error == twice),
        "{error}"
    );
    assert_eq!(error.to_string(), "the service ping.Ping was added twice");
}

#[tokio::test]
async fn a_signer_that_cannot_sign_or_lies_is_found_out_before_anything_is_dialled() {
    struct Unplugged;
    impl Signer for Unplugged {
        fn public_key(&self) -> PublicKey {
            Who::Alice.public()
        }
        fn sign(&self, _: &[u8]) -> Result<[u8; 64], SignError> {
            Err(SignError::new("the token is not plugged in"))
        }
    }
    struct Liar;
    impl Signer for Liar {
        fn public_key(&self) -> PublicKey {
            Who::Alice.public()
        }
        fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
            Ok(Who::Bob.secret().sign(message))
        }
    }
    for (identity, what) in [
        (
            Identity::from_signer(Unplugged),
            "the token is not plugged in",
        ),
        (
            Identity::from_blocking_signer(Unplugged),
            "the token is not plugged in",
        ),
        (
            Identity::from_signer(Liar),
            "its signatures are not of that key",
        ),
    ] {
        let builder = Client::builder(identity.clone(), Who::Server.public());
        let error = soon(builder.connect("127.0.0.1:1")).await.unwrap_err();
        assert!(matches!(error, ConnectError::Identity(_)), "{error:?}");
        assert!(error.to_string().contains(what), "{error}");
        let error = Server::builder(identity)
            .bind("127.0.0.1:0")
            .await
            .unwrap_err();
        assert!(matches!(error, BindError::Identity(_)), "{error:?}");
        assert!(error.to_string().contains(what), "{error}");
    }
}
