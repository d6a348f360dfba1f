//! Go's other client, `UniClientConn`, at our server: it makes one call at a time, reads only while it waits for the
//! answer, and makes a call again when its connection fails.

use std::time::Duration;

use integration::{go::Go, keys::Who};
use tokio::time::sleep;
use wsrpc::SessionEnd;

use crate::support::{end_of, next, replaced, serve, serve_at, server};

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_uni_client_calls_one_by_one() {
    let serving = serve(server(&[Who::Alice])).await;
    let go = Go::uni(Who::Alice, &serving.address).await;
    assert_eq!(go.greeting, "ready");
    for i in 0..20 {
        let answer = go.tell(format!("ping 20000 {i}")).await.unwrap();
        assert_eq!(answer, format!("pong:{i}"));
    }
    let size = 1_000_000;
    let answer = go.tell(format!("ping 20000 size:{size}")).await.unwrap();
    assert_eq!(answer.len(), size);
    // It does not look at the error of an answer, and misses the payload.
    let error = go.tell("ping 20000 error:no such thing").await;
    assert_eq!(error.unwrap_err(), "response payload is nil");
    let (one, other) = tokio::join!(go.tell("ping 20000 one"), go.tell("ping 20000 other"));
    assert_eq!(one.unwrap(), "pong:one");
    assert_eq!(other.unwrap(), "pong:other");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn the_close_of_a_uni_client_is_seen_at_once() {
    let serving = serve(server(&[Who::Alice])).await;
    let mut events = serving.peers.events();
    let go = Go::uni(Who::Alice, &serving.address).await;
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");
    go.tell("close").await.unwrap();
    let end = end_of(&mut events, Who::Alice).await;
    assert!(matches!(end, SessionEnd::Lost(_)), "{end}");
    assert_eq!(serving.peers.count(), 0);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_uni_client_replaces_its_connection_after_a_time_out_of_its_own() {
    let serving = serve(server(&[Who::Alice])).await;
    let mut events = serving.peers.events();
    let go = Go::uni(Who::Alice, &serving.address).await;
    let first = next(&mut events).await;
    go.tell("ping 300 sleep:60000").await.unwrap_err();
    // It never closes the old one; a Go server would turn the new one away.
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");
    let second = replaced(&mut events).await;
    assert!(second.epoch > first.epoch);
    assert!(!second.cloned);
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");
    assert_eq!(serving.peers.count(), 1);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_uni_client_makes_its_call_again_once_we_are_back() {
    let serving = serve(server(&[Who::Alice])).await;
    let go = Go::uni(Who::Alice, &serving.address).await;
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");
    let address = serving.address.clone();
    serving.kill().await;
    let call = go.tell("ping 20000 on");
    let back = async {
        // It is refused at least once before.
        sleep(Duration::from_millis(100)).await;
        serve_at(server(&[Who::Alice]), &address).await
    };
    let (answer, _serving) = tokio::join!(call, back);
    assert_eq!(answer.unwrap(), "pong:on");
}
