//! Servers that are killed and come back.

use std::time::Duration;

use integration::{behaviour, go::Go, keys::Who};
use wsrpc::{Blame, Code, Outcome, SessionEnd, State};

use crate::support::{
    begin, client, end_of, failure, gnip, go_alice, serve, serve_at, server, soon,
};

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn we_are_back_by_ourselves_when_a_go_server_is() {
    let (go, address) = Go::server(&[Who::Alice]).await;
    let client = client(Who::Alice).connect(&address).await.unwrap();
    go.wait_for_peers(1).await;
    let channel = client.channel();
    let call = begin(async move { behaviour::ping(&channel, "sleep:60000").await }).await;
    let channel = client.channel();
    assert_eq!(behaviour::ping(&channel, "on").await.unwrap(), "pong:on");

    let mut states = client.watch_state();
    go.kill().await;
    let error = failure(call).await;
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Transport);
    soon(
        "the client notices",
        states.wait_for(State::TransientFailure),
    )
    .await;
    let error = behaviour::ping(&channel, "early").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
    let patient = channel.clone().wait_for_ready(true);
    let call = begin(async move { behaviour::ping(&patient, "patient").await }).await;

    let (go, _) = Go::server_at(&address, &[Who::Alice], &[]).await;
    soon("the client is back", client.ready()).await.unwrap();
    let answer = soon("a call that waits is made", call).await;
    assert_eq!(answer.unwrap().unwrap(), "pong:patient");
    go.wait_for_peers(1).await;
    assert_eq!(behaviour::ping(&channel, "on").await.unwrap(), "pong:on");
    assert_eq!(gnip(&go, Who::Alice, "on").await.unwrap(), "gnip:on");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn connecting_waits_for_a_go_server_that_is_not_there_yet() {
    let (go, address) = Go::server(&[Who::Alice]).await;
    go.kill().await;
    let dialling = tokio::spawn({
        let address = address.clone();
        async move { client(Who::Alice).connect(&address).await }
    });
    let (_go, _) = Go::server_at(&address, &[Who::Alice], &[]).await;
    let client = soon("the client connects", dialling).await.unwrap();
    let channel = client.unwrap().channel();
    assert_eq!(behaviour::ping(&channel, "on").await.unwrap(), "pong:on");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_client_is_back_when_we_are() {
    let serving = serve(server(&[Who::Alice])).await;
    let (go, channel) = go_alice(&serving).await;
    let address = serving.address.clone();
    let call = begin(async move { behaviour::gnip(&channel, "size:1").await }).await;
    soon("an answer", call).await.unwrap().unwrap();
    serving.kill().await;
    go.tell("wait-state TRANSIENT_FAILURE 20000").await.unwrap();

    let serving = serve_at(server(&[Who::Alice]), &address).await;
    let channel = serving.connected(Who::Alice).await;
    go.ready().await;
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");
    assert_eq!(behaviour::gnip(&channel, "on").await.unwrap(), "gnip:on");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn the_pending_calls_of_a_server_that_is_dropped_fail_at_once() {
    let serving = serve(server(&[Who::Alice])).await;
    let (_go, channel) = go_alice(&serving).await;
    let call = channel.clone();
    let call = begin(async move { behaviour::gnip(&call, "sleep:60000").await }).await;
    assert_eq!(behaviour::gnip(&channel, "on").await.unwrap(), "gnip:on");
    serving.kill().await;
    let error = failure(call).await;
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Local);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_client_that_is_killed_fails_our_pending_calls_at_once() {
    let serving = serve(server(&[Who::Alice])).await;
    let mut events = serving.peers.events();
    let (go, channel) = go_alice(&serving).await;
    let call = channel.clone();
    let call = begin(async move { behaviour::gnip(&call, "sleep:60000").await }).await;
    assert_eq!(behaviour::gnip(&channel, "on").await.unwrap(), "gnip:on");
    go.kill().await;
    let error = failure(call).await;
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Transport);
    let end = end_of(&mut events, Who::Alice).await;
    assert!(matches!(end, SessionEnd::Lost(_)), "{end}");

    // A new process of the same key is let in at once, and reached by the same channel.
    let patient = channel
        .wait_for_ready(true)
        .timeout(Duration::from_secs(20));
    let call = begin(async move { behaviour::gnip(&patient, "hello").await }).await;
    let _go = go_alice(&serving).await;
    let answer = soon("a call that waits is made", call).await;
    assert_eq!(answer.unwrap().unwrap(), "gnip:hello");
}
