//! A minute without a call: the session stays, and works.

use std::time::Duration;

use integration::{behaviour, go::Go, keys::Who, proxy::Proxy};
use tokio::time::{Instant, sleep};
use wsrpc::{Code, Outcome, State};

use crate::support::{client, gnip, rust_alice, serve, server};

const MINUTE: Duration = Duration::from_secs(61);

pub(super) async fn a_go_client_and_we_call_after_a_minute_of_idling() {
    let serving = serve(server(&[Who::Alice])).await;
    let proxy = Proxy::new(&serving.address).await;
    let go = Go::client(Who::Alice, &proxy.address()).await;
    let channel = serving.connected(Who::Alice).await;
    go.ready().await;
    sleep(MINUTE).await;
    assert_eq!(go.tell("state").await.unwrap(), "READY");
    assert_eq!(behaviour::gnip(&channel, "on").await.unwrap(), "gnip:on");
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");
    assert_eq!(proxy.accepted(), 1);
}

pub(super) async fn a_go_server_and_we_call_after_a_minute_of_idling() {
    let (go, address) = Go::server(&[Who::Alice]).await;
    let proxy = Proxy::new(&address).await;
    let client = client(Who::Alice).connect(proxy.address()).await.unwrap();
    go.wait_for_peers(1).await;
    sleep(MINUTE).await;
    assert_eq!(client.state(), State::Ready);
    assert_eq!(gnip(&go, Who::Alice, "on").await.unwrap(), "gnip:on");
    let channel = client.channel();
    assert_eq!(behaviour::ping(&channel, "on").await.unwrap(), "pong:on");
    assert_eq!(proxy.accepted(), 1);
}

pub(super) async fn a_call_that_go_never_answers_ends_after_a_minute_by_default() {
    let (_go, client) = rust_alice().await;
    let began = Instant::now();
    let error = behaviour::gnip(&client.channel(), "hello").await;
    let error = error.unwrap_err();
    let took = began.elapsed().as_secs();
    assert!((59..70).contains(&took), "{took} s");
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(client.state(), State::Ready);
}
