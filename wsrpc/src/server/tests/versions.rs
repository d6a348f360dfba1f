//! Which versions of the protocol a server takes.

use crate::{
    BindError,
    ProtocolVersion::{V1, V2},
    SecretKey, Server,
    service::test_support::{Served, until},
};

#[tokio::test]
async fn a_session_has_the_version_that_was_agreed_on() {
    for (ours, theirs) in [(V1, V1), (V1, V2), (V2, V1), (V2, V2)] {
        let key = SecretKey::generate();
        let builder = Server::builder(key.clone()).allow_any().max_version(ours);
        let server = builder.bind("127.0.0.1:0").await.unwrap();
        let registry = server.acceptor.registry.clone();
        let server = Served::serve(key.public_key(), server);
        let alice = SecretKey::generate();
        let client = server.client(&alice).max_version(theirs);
        let _client = client.connect(&server.address).await.unwrap();
        let route = || registry.route(&alice.public_key());
        until("alice is there", || route().is_some()).await;
        assert_eq!(route().unwrap().version(), ours.min(theirs));
    }
}

#[tokio::test]
async fn a_least_version_above_the_latest_is_told_whichever_was_set_first() {
    let builder = || Server::builder(SecretKey::generate());
    for server in [
        builder().min_version(V2).max_version(V1),
        builder().max_version(V1).min_version(V2),
    ] {
        let error = server.bind("127.0.0.1:0").await.unwrap_err();
        assert!(matches!(error, BindError::Versions(_)), "{error}");
        let expected = "no version of the protocol is left to speak: `min_version` is 2 and `max_version` is 1";
        assert_eq!(error.to_string(), expected);
    }
}
