//! Two processes of one key, both written in Go, at our server.

use std::{collections::HashSet, time::Duration};

use integration::{behaviour, go::Go, keys::Who, proxy::Proxy};
use tokio::time::{Instant, timeout};
use wsrpc::{Outcome, PeerState};

use crate::support::{begin, failure, next, replaced, serve, server, soon};

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_client_that_lost_its_network_is_replaced_in_less_than_a_second() {
    let serving = serve(server(&[Who::Alice])).await;
    let mut events = serving.peers.events();
    let proxy = Proxy::new(&serving.address).await;
    let _old = Go::client(Who::Alice, &proxy.address()).await;
    let channel = serving.connected(Who::Alice).await;
    let first = next(&mut events).await;
    assert_eq!(first.state, PeerState::Connected);
    proxy.freeze(true);
    let call = channel.clone();
    let call = begin(async move { behaviour::gnip(&call, "into the void").await }).await;

    let limit = Duration::from_secs(20);
    let new = Go::blocking_client(Who::Alice, &serving.address, limit).await;
    let began = Instant::now();
    assert_eq!(new.greeting, "ready");
    let error = failure(call).await;
    assert_eq!(error.outcome(), Outcome::Unknown);
    let second = replaced(&mut events).await;
    assert!(began.elapsed() < Duration::from_secs(1));
    assert!(second.epoch > first.epoch);
    assert!(!second.cloned);
    assert_eq!(serving.peers.count(), 1);
    // By its answer the client shows that it serves by now: to call it before would crash it.
    assert_eq!(new.tell("ping 20000 on").await.unwrap(), "pong:on");
    assert_eq!(behaviour::gnip(&channel, "on").await.unwrap(), "gnip:on");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn two_live_go_clients_of_one_key_are_reported_and_do_not_fight_for_ever() {
    let serving = serve(server(&[Who::Alice])).await;
    let mut events = serving.peers.events();
    let _first = Go::client(Who::Alice, &serving.address).await;
    serving.connected(Who::Alice).await;
    let _second = Go::client(Who::Alice, &serving.address).await;
    let cloned = async { while !next(&mut events).await.cloned {} };
    soon("the clones are reported", cloned).await;

    // Three takeovers in a row, then one in ten seconds: once the row is over, there is one more at the most.
    let mut epochs_of = async |duration| {
        let mut epochs = HashSet::new();
        let watched = timeout(duration, async {
            loop {
                epochs.insert(events.next().await.unwrap().epoch);
            }
        });
        watched.await.unwrap_err();
        epochs
    };
    epochs_of(Duration::from_secs(2)).await;
    let later = epochs_of(Duration::from_secs(3)).await;
    // The end of the one and the beginning of the other.
    assert!(later.len() <= 2, "{later:?}");
    assert_eq!(serving.peers.count(), 1);
    let channel = serving.peers.channel(Who::Alice.public());
    assert_eq!(behaviour::gnip(&channel, "on").await.unwrap(), "gnip:on");
}
