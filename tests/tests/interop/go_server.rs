//! Our client at a Go server: what only this role has.

use std::time::Duration;

use integration::{behaviour, go::Go, keys::Who};
use wsrpc::{
    Blame, Client, Code, ConnectError, Outcome, ProtocolVersion, SessionConfig, SessionEnd, State,
};

use crate::support::{client, gnip, rust_alice, soon};

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_server_is_told_of_a_method_that_is_not_there() {
    let (go, address) = Go::server(&[Who::Alice]).await;
    let builder = Client::builder(Who::Alice.secret(), Who::Server.public());
    let _client = builder.connect(&address).await.unwrap();
    go.wait_for_peers(1).await;
    let refusal = gnip(&go, Who::Alice, "hello").await.unwrap_err();
    assert_eq!(
        refusal,
        "unimplemented: no method \"Gnip\": the callee has no services"
    );
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_server_is_told_that_a_handler_panicked() {
    let (go, _client) = rust_alice().await;
    let told = gnip(&go, Who::Alice, "sleep:long").await.unwrap_err();
    assert_eq!(told, "internal: the handler of ping.Gnip/Gnip panicked");
    assert_eq!(gnip(&go, Who::Alice, "on").await.unwrap(), "gnip:on");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_call_of_a_method_that_a_go_server_has_not_ends_with_its_time_out() {
    let (_go, address) = Go::server(&[Who::Alice]).await;
    let config = SessionConfig::default().default_timeout(Duration::from_millis(300));
    let client = client(Who::Alice).session(config);
    let client = client.connect(&address).await.unwrap();
    let channel = client.channel();
    let error = behaviour::gnip(&channel, "hello").await.unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Local);
    let channel = channel.timeout(Duration::from_secs(20));
    assert_eq!(behaviour::ping(&channel, "on").await.unwrap(), "pong:on");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn the_stop_of_a_go_server_is_seen_at_once() {
    let (go, client) = rust_alice().await;
    let mut states = client.watch_state();
    go.tell("stop").await.unwrap();
    soon(
        "the client notices",
        states.wait_for(State::TransientFailure),
    )
    .await
    .unwrap();
    let error = behaviour::ping(&client.channel(), "hello").await;
    assert_eq!(error.unwrap_err().outcome(), Outcome::NotSent);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_server_that_drops_us_says_so_with_a_close_frame() {
    let (go, client) = rust_alice().await;
    let mut states = client.watch_state();
    let end = async {
        while client.state() == State::Ready {
            states.changed().await;
        }
        client.last_error().unwrap()
    };
    let (end, ()) = tokio::join!(soon("the session ends", end), go.allow(&[]));
    let ConnectError::SessionEnded(SessionEnd::PeerClosed { code, .. }) = end else {
        panic!("{end}");
    };
    assert_eq!(code, 1000);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_server_sees_our_close_at_once() {
    let (go, client) = rust_alice().await;
    soon("the client is closed", client.close()).await;
    soon("the server notices", go.wait_for_peers(0)).await;
    assert_eq!(client.state(), State::Shutdown);
    let error = behaviour::ping(&client.channel(), "hello").await;
    assert_eq!(error.unwrap_err().outcome(), Outcome::NotSent);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_server_sees_the_drop_of_the_last_handle_at_once() {
    let (go, client) = rust_alice().await;
    let channel = client.channel();
    drop(client);
    assert_eq!(behaviour::ping(&channel, "on").await.unwrap(), "pong:on");
    drop(channel);
    soon("the server notices", go.wait_for_peers(0)).await;
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_server_that_is_offered_version_2_speaks_version_1() {
    let (go, address) = Go::server(&[Who::Alice]).await;
    let client = client(Who::Alice).max_version(ProtocolVersion::V2);
    let client = client.connect(&address).await.unwrap();
    go.wait_for_peers(1).await;
    let answer = behaviour::ping(&client.channel(), "back").await.unwrap();
    assert_eq!(answer, "gnip:from-ping");
    assert_eq!(gnip(&go, Who::Alice, "on").await.unwrap(), "gnip:on");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_server_is_too_old_for_a_client_that_wants_version_2() {
    let (_go, address) = Go::server(&[Who::Alice]).await;
    let client = client(Who::Alice)
        .min_version(ProtocolVersion::V2)
        .max_version(ProtocolVersion::V2);
    let client = client.connect_lazy(&address).unwrap();
    let mut states = client.watch_state();
    soon(
        "the client gives up",
        states.wait_for(State::TransientFailure),
    )
    .await
    .unwrap();
    let error = client.last_error().unwrap();
    assert!(
        matches!(error, ConnectError::VersionTooOld { agreed, min, .. }
            if (agreed, min) == (ProtocolVersion::V1, ProtocolVersion::V2)),
        "{error}"
    );
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_server_takes_no_second_connection_of_a_key_and_the_error_says_so() {
    let (go, address) = Go::server(&[Who::Alice]).await;
    let first = client(Who::Alice).connect(&address).await.unwrap();
    go.wait_for_peers(1).await;
    let second = client(Who::Alice).connect_timeout(Duration::from_secs(1));
    let error = second.connect(&address).await.unwrap_err();
    let ConnectError::Timeout {
        last: Some(last), ..
    } = &error
    else {
        panic!("{error}");
    };
    let ConnectError::Upgrade { status, .. } = &**last else {
        panic!("{error}");
    };
    assert_eq!(*status, Some(200));
    assert!(error.to_string().contains("key"), "{error}");
    let answer = behaviour::ping(&first.channel(), "hello").await.unwrap();
    assert_eq!(answer, "pong:hello");
}
