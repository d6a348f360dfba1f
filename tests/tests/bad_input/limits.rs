//! Settings at their extremes, and messages over one side's limit or the other's.

use std::time::Duration;

use integration::{
    behaviour::{Obedient, gnip, ping},
    keys::Who,
    ping::gnip_server::GnipServer,
    raw,
    scene::{Scene, soon},
};
use wsrpc::{
    Blame, Client, Code, ConnectError, Outcome, ProtocolVersion, ReconnectConfig, SessionConfig,
};

fn client() -> wsrpc::ClientBuilder {
    Client::builder(Who::Bob.secret(), Who::Server.public())
}

/// Every setting at zero.
fn nothing() -> SessionConfig {
    SessionConfig::default()
        .max_concurrent_handlers(0)
        .max_queued_bytes(0)
        .max_unsent_bytes(0)
        .pong_interval(Duration::ZERO)
        .close_timeout(Duration::ZERO)
}

#[tokio::test]
async fn settings_of_zero_still_let_one_call_at_a_time_through() {
    let scene = Scene::with(|server| server.session(nothing())).await;
    let client = client()
        .session(nothing())
        .add_service(GnipServer::new(Obedient))
        .reconnect(
            ReconnectConfig::default()
                .base(Duration::ZERO)
                .factor(0.0)
                .cap(Duration::ZERO),
        )
        .connect(scene.address.to_string());
    let client = soon(client).await.unwrap();
    let channel = client.channel();
    let calls = (0..10)
        .map(|_| ping(&channel, "len:hello"))
        .collect::<Vec<_>>();
    for call in calls {
        assert_eq!(soon(call).await.unwrap(), "9");
    }
    assert_eq!(
        soon(ping(&channel, "back")).await.unwrap(),
        "gnip:from-ping"
    );
    let to_client = scene.peers.channel(Who::Bob.public());
    assert_eq!(soon(gnip(&to_client, "hi")).await.unwrap(), "gnip:hi");
    soon(client.close()).await;
    scene.finish().await;
}

#[tokio::test]
async fn time_limits_of_zero_fail_what_they_limit_and_hang_nothing() {
    let scene = Scene::new().await;
    let address = scene.address.to_string();
    let error = soon(client().connect_timeout(Duration::ZERO).connect(&address))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Timeout { .. }), "{error}");
    let hasty = client()
        .handshake_timeout(Duration::ZERO)
        .connect_timeout(Duration::from_millis(100));
    let error = soon(hasty.connect(&address)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout { .. }), "{error}");
    // What a version-1 peer is called without a time-out with.
    let settings = SessionConfig::default().default_timeout(Duration::ZERO);
    let old = client().max_version(ProtocolVersion::V1).session(settings);
    let client = soon(old.connect(&address)).await.unwrap();
    let error = soon(ping(&client.channel(), "hello")).await.unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::DEADLINE_EXCEEDED, Outcome::NotSent)
    );
    assert_eq!(error.blame(), Blame::Local);
    scene.finish().await;
}

#[tokio::test]
async fn a_message_over_ones_own_limit_is_not_sent() {
    let scene =
        Scene::with(|server| server.session(SessionConfig::default().max_send_message_size(1000)))
            .await;
    let versions = [ProtocolVersion::V1, ProtocolVersion::V2];
    for (limit, version) in [0, 1000]
        .into_iter()
        .flat_map(|limit| versions.map(|v| (limit, v)))
    {
        let settings = SessionConfig::default().max_send_message_size(limit);
        let client = client().max_version(version).session(settings);
        let client = soon(client.connect(scene.address.to_string()));
        let client = client.await.unwrap();
        let error = soon(ping(&client.channel(), "x".repeat(limit + 1)))
            .await
            .unwrap_err();
        assert_eq!(
            (error.code(), error.outcome()),
            (Code::RESOURCE_EXHAUSTED, Outcome::NotSent)
        );
        assert!(error.message().contains("max_send_message_size"), "{error}");
        soon(client.close()).await;
    }
    // An answer over the limit of the side that gives it becomes a failure.
    let client = soon(client().connect(scene.address.to_string()))
        .await
        .unwrap();
    let error = soon(ping(&client.channel(), "size:2000"))
        .await
        .unwrap_err();
    assert!(
        error
            .message()
            .contains("over the limit of 1000 bytes to send"),
        "{error}"
    );
    scene.finish().await;
}

#[tokio::test]
async fn a_request_over_the_peers_limit_is_not_sent_and_the_session_goes_on() {
    let scene =
        Scene::with(|server| server.session(SessionConfig::default().max_recv_message_size(1000)))
            .await;
    let client = soon(client().connect(scene.address.to_string()))
        .await
        .unwrap();
    let error = soon(ping(&client.channel(), "x".repeat(100_000)))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::RESOURCE_EXHAUSTED, Outcome::NotSent)
    );
    assert!(
        error
            .message()
            .contains("1000 bytes that its receiver takes"),
        "{error}"
    );
    assert_eq!(
        soon(ping(&client.channel(), "small")).await.unwrap(),
        "pong:small"
    );
    scene.finish().await;
}

#[tokio::test]
async fn on_version_1_a_request_over_the_peers_limit_ends_the_session_and_says_so() {
    let scene =
        Scene::with(|server| server.session(SessionConfig::default().max_recv_message_size(1000)))
            .await;
    let client = client()
        .max_version(ProtocolVersion::V1)
        .reconnect(ReconnectConfig::default().base(Duration::from_millis(10)))
        .connect(scene.address.to_string());
    let client = soon(client).await.unwrap();
    let error = soon(ping(&client.channel(), "x".repeat(100_000)))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::UNAVAILABLE, Outcome::Unknown)
    );
    assert!(
        error.message().contains("a message of over 1000 bytes"),
        "{error}"
    );
    let patient = client.channel().wait_for_ready(true);
    assert_eq!(soon(ping(&patient, "small")).await.unwrap(), "pong:small");
    scene.finish().await;
}

#[tokio::test]
async fn a_side_that_receives_nothing_is_sent_nothing() {
    let scene = Scene::new().await;
    for (version, said) in [
        // This side ends the session at the first message.
        (ProtocolVersion::V1, "over the limit of 0 to receive"),
        // The peer knows, and answers with a status.
        (ProtocolVersion::V2, "bytes that its receiver takes"),
    ] {
        let settings = SessionConfig::default().max_recv_message_size(0);
        let client = client().max_version(version).session(settings);
        let client = soon(client.connect(scene.address.to_string()));
        let client = client.await.unwrap();
        let error = soon(ping(&client.channel(), "hello")).await.unwrap_err();
        assert!(error.message().contains(said), "{error}");
        soon(client.close()).await;
    }
    scene.finish().await;
}

#[tokio::test]
async fn a_server_that_allows_no_handshakes_allows_one() {
    let scene = Scene::with(|server| server.max_handshakes(0)).await;
    let mut peer = soon(raw::connect(scene.address, &raw::Key::new())).await;
    peer.send_request("Ping", "1", "").await;
    soon(peer.next_response()).await;
    scene.finish().await;
}
