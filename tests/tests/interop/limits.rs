//! Messages over the limits of either side.

use integration::{behaviour, go::Go, keys::Who};
use wsrpc::{Blame, Code, Outcome, PeerState, SessionConfig, SessionEnd, State};

use crate::{
    both::body_of,
    support::{
        begin, client, end_of, failure, gnip, go_alice, next, rust_alice, serve, server, soon,
    },
};

const SMALL: usize = 100_000;

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_request_over_the_limit_of_a_go_server_ends_the_session_which_comes_back() {
    let limit = SMALL.to_string();
    let more = ["--read-limit", &limit];
    let (go, address) = Go::server_at("127.0.0.1:0", &[Who::Alice], &more).await;
    let client = client(Who::Alice).connect(&address).await.unwrap();
    let channel = client.channel();
    let length = behaviour::ping(&channel, body_of(SMALL / 2)).await;
    assert_eq!(length.unwrap(), (SMALL / 2).to_string());
    let call = begin(async move { behaviour::ping(&channel, body_of(5 * SMALL)).await }).await;
    let error = failure(call).await;
    assert_eq!(error.code(), Code::UNAVAILABLE, "{error}");
    assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
    soon("the client is back", client.ready()).await.unwrap();
    go.wait_for_peers(1).await;
    let answer = behaviour::ping(&client.channel(), "on").await.unwrap();
    assert_eq!(answer, "pong:on");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_request_that_a_go_server_would_not_take_is_not_sent() {
    let (_go, client) = rust_alice().await;
    let channel = client.channel();
    let error = behaviour::ping(&channel, body_of(10_000_001)).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert_eq!(error.blame(), Blame::Local);
    assert_eq!(behaviour::ping(&channel, "on").await.unwrap(), "pong:on");
    assert_eq!(client.state(), State::Ready);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn the_largest_message_that_we_send_is_one_that_a_go_server_takes() {
    let (_go, client) = rust_alice().await;
    // The default limits of both sides are the same; ours counts the envelope with some room to spare.
    let size = 10_000_000 - 100;
    let length = behaviour::ping(&client.channel(), body_of(size)).await;
    assert_eq!(length.unwrap(), size.to_string());
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn an_answer_over_our_limit_to_send_becomes_an_error_that_go_sees() {
    let config = SessionConfig::default().max_send_message_size(SMALL);
    let serving = serve(server(&[Who::Alice]).session(config.clone())).await;
    let (go, _) = go_alice(&serving).await;
    let error = go.tell(format!("ping 20000 size:{SMALL}")).await;
    let error = error.unwrap_err();
    assert!(error.starts_with("resource_exhausted: "), "{error}");
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");

    let (go, address) = Go::server(&[Who::Alice]).await;
    let client = client(Who::Alice).session(config);
    let _client = client.connect(&address).await.unwrap();
    go.wait_for_peers(1).await;
    let error = gnip(&go, Who::Alice, &format!("size:{SMALL}")).await;
    let error = error.unwrap_err();
    assert!(error.starts_with("resource_exhausted: "), "{error}");
    assert_eq!(gnip(&go, Who::Alice, "on").await.unwrap(), "gnip:on");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_client_that_sends_more_than_we_receive_is_cut_off_and_comes_back() {
    let config = SessionConfig::default().max_recv_message_size(SMALL);
    let serving = serve(server(&[Who::Alice]).session(config)).await;
    let mut events = serving.peers.events();
    let (go, channel) = go_alice(&serving).await;
    assert_eq!(next(&mut events).await.state, PeerState::Connected);
    let half = SMALL / 2;
    let length = go.tell(format!("ping-size 20000 {half}")).await.unwrap();
    assert_eq!(length, half.to_string());

    // Its own call ends with its time-out: Go fails no call when the connection ends.
    let (theirs, ended) = tokio::join!(
        go.tell(format!("ping-size 2000 {}", 5 * SMALL)),
        end_of(&mut events, Who::Alice)
    );
    theirs.unwrap_err();
    assert!(
        matches!(ended, SessionEnd::TooBig { limit: SMALL, .. }),
        "{ended}"
    );
    serving.connected(Who::Alice).await;
    go.ready().await;
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");
    // The same for its answers.
    let call = channel.clone();
    let call = begin(async move { behaviour::gnip(&call, format!("size:{SMALL}")).await }).await;
    let error = failure(call).await;
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Remote);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_server_that_sends_more_than_we_receive_is_cut_off_and_dialled_again() {
    let (go, address) = Go::server(&[Who::Alice]).await;
    let config = SessionConfig::default().max_recv_message_size(SMALL);
    let client = client(Who::Alice).session(config);
    let client = client.connect(&address).await.unwrap();
    let channel = client.channel();
    let call = begin(async move { behaviour::ping(&channel, format!("size:{SMALL}")).await }).await;
    let error = failure(call).await;
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Remote);
    soon("the client is back", client.ready()).await.unwrap();
    go.wait_for_peers(1).await;
    let answer = behaviour::ping(&client.channel(), "on").await.unwrap();
    assert_eq!(answer, "pong:on");
}
