//! Which versions of the protocol a client takes.

use crate::{
    Client, ConnectError,
    ProtocolVersion::{self, V1, V2},
    SecretKey, State,
    service::test_support::{Echo, Served, echo},
};

/// A server that speaks these versions.
async fn server(min: ProtocolVersion, max: ProtocolVersion) -> Served {
    Served::start(|server| {
        let server = server.allow_any().add_service(Echo::plain());
        server.min_version(min).max_version(max)
    })
    .await
}

#[tokio::test]
async fn a_session_has_the_latest_version_of_both_sides() {
    for (ours, theirs) in [(V1, V1), (V1, V2), (V2, V1), (V2, V2)] {
        let server = server(V1, theirs).await;
        let client = server.client(&SecretKey::generate()).max_version(ours);
        let client = client.connect(&server.address).await.unwrap();
        assert_eq!(client.protocol_version(), Some(ours.min(theirs)));
        assert_eq!(echo(&client.channel(), "x").await.unwrap().body, "x");
    }
}

#[tokio::test]
async fn a_server_that_is_too_old_is_told_apart_and_dialled_until_it_is_updated() {
    let key = SecretKey::generate();
    let start = |address: String, max| {
        let key = &key;
        async move {
            Served::start_at(&address, key, |server| server.allow_any().max_version(max)).await
        }
    };
    let old = start("127.0.0.1:0".into(), V1).await;
    let address = old.address.clone();
    let client = old.client(&SecretKey::generate());
    let client = client.min_version(V2).max_version(V2);
    let client = client.connect_lazy(&address).unwrap();
    let mut states = client.watch_state();
    states.wait_for(State::TransientFailure).await.unwrap();
    let error = client.last_error().unwrap();
    assert!(
        matches!(&error, ConnectError::VersionTooOld { agreed: V1, min: V2, endpoint } if *endpoint == address),
        "{error}"
    );
    let expected = format!(
        "the server at {address} speaks version 1 of the protocol, and this client wants version 2: \
         update the server, or lower the client's `min_version`"
    );
    assert_eq!(error.to_string(), expected);
    assert!(!error.is_refusal(), "it may be updated");
    old.kill().await;
    let _new = start(address, V2).await;
    client.ready().await.unwrap();
    assert_eq!(client.protocol_version().unwrap(), V2);
}

#[tokio::test]
async fn a_client_that_is_too_old_is_told_what_the_server_wants() {
    let server = server(V2, V2).await;
    let client = server.client(&SecretKey::generate()).max_version(V1);
    let client = client.connect_lazy(&server.address).unwrap();
    let mut states = client.watch_state();
    states.wait_for(State::TransientFailure).await.unwrap();
    let error = client.last_error().unwrap();
    let ConnectError::Upgrade { status, reason, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*status, Some(426));
    let expected = "this server wants version 2 of the protocol, and the client offers version 1";
    assert!(reason.ends_with(expected), "{reason}");
}

#[tokio::test]
async fn a_least_version_above_the_latest_is_told_whichever_was_set_first() {
    let server = SecretKey::generate().public_key();
    let builder = || Client::builder(SecretKey::generate(), server);
    for client in [
        builder().min_version(V2).max_version(V1),
        builder().max_version(V1).min_version(V2),
    ] {
        let error = client.connect_lazy("127.0.0.1:1").unwrap_err();
        assert!(matches!(error, ConnectError::Versions(_)), "{error}");
        let expected = "no version of the protocol is left to speak: `min_version` is 2 and `max_version` is 1";
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn versions_are_ordered_and_shown_as_numbers() {
    assert!(V1 < V2);
    assert_eq!(format!("{V1} {V2}"), "1 2");
}
