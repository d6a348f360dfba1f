//! `UniClientConn` between its calls: it reads nothing then, and answers no ping.

use std::time::Duration;

use integration::{go::Go, keys::Who};
use tokio::time::sleep;
use wsrpc::{PeerState, SessionEnd};

use crate::support::{end_of, next, serve, server};

pub(super) async fn a_uni_client_calls_again_after_half_a_minute_of_silence() {
    let serving = serve(server(&[Who::Alice])).await;
    let mut events = serving.peers.events();
    let go = Go::uni(Who::Alice, &serving.address).await;
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");
    let first = next(&mut events).await;
    sleep(Duration::from_secs(31)).await;
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");
    // On the same session, although it has answered no ping meanwhile: a Go server would have dropped it.
    let mut now = serving.peers.events();
    assert_eq!(next(&mut now).await.epoch, first.epoch);
}

pub(super) async fn a_uni_client_that_was_dropped_for_its_silence_calls_again() {
    let serving = serve(server(&[Who::Alice])).await;
    let mut events = serving.peers.events();
    let go = Go::uni(Who::Alice, &serving.address).await;
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");
    assert_eq!(next(&mut events).await.state, PeerState::Connected);
    sleep(Duration::from_secs(44)).await;
    let end = end_of(&mut events, Who::Alice).await;
    assert!(matches!(end, SessionEnd::KeepaliveTimeout(_)), "{end}");
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");
}
