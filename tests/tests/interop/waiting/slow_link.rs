//! Large messages over a link that needs longer for them than Go waits for a pong.

use std::time::Duration;

use integration::{behaviour, go::Go, keys::Who, proxy::Proxy};
use tokio::time::Instant;

use crate::{
    both::body_of,
    support::{client, serve, server},
};

const SIZE: usize = 9 * 1024 * 1024;

/// Towards Go: one message lasts for more than the 20 seconds after which Go misses a pong, so that one has to get in
/// between its fragments.
const TO_GO: u64 = 375_000;

/// From Go: each message is written within the 10 seconds that Go gives itself, all of them take more than 20.
const FROM_GO: u64 = 1_200_000;

const LIMIT: Duration = Duration::from_secs(80);

/// Go waits so long for a pong.
const PONG_WAIT: Duration = Duration::from_secs(20);

pub(super) async fn nine_mebibytes_and_a_go_client_at_a_slow_link() {
    let serving = serve(server(&[Who::Alice])).await;
    let proxy = Proxy::new(&serving.address).await;
    let go = Go::client(Who::Alice, &proxy.address()).await;
    let channel = serving.connected(Who::Alice).await.timeout(LIMIT);
    go.ready().await;
    proxy.limit(FROM_GO, TO_GO);
    let began = Instant::now();
    let theirs = format!("ping-size 80000 {SIZE}");
    let (ours, first, second, third) = tokio::join!(
        behaviour::gnip(&channel, body_of(SIZE)),
        go.tell(&theirs),
        go.tell(&theirs),
        go.tell(&theirs)
    );
    assert_eq!(ours.unwrap(), SIZE.to_string());
    for theirs in [first, second, third] {
        assert_eq!(theirs.unwrap(), SIZE.to_string());
    }
    assert!(began.elapsed() > PONG_WAIT, "the link was not slow");
    assert_eq!(proxy.accepted(), 1);
}

pub(super) async fn nine_mebibytes_and_a_go_server_at_a_slow_link() {
    let (go, address) = Go::server(&[Who::Alice]).await;
    let proxy = Proxy::new(&address).await;
    let client = client(Who::Alice).connect(proxy.address()).await.unwrap();
    let channel = client.channel().timeout(LIMIT);
    go.wait_for_peers(1).await;
    proxy.limit(TO_GO, FROM_GO);
    let began = Instant::now();
    let theirs = format!("gnip-size {} 80000 {SIZE}", Who::Alice.public());
    let (ours, first, second, third) = tokio::join!(
        behaviour::ping(&channel, body_of(SIZE)),
        go.tell(&theirs),
        go.tell(&theirs),
        go.tell(&theirs)
    );
    assert_eq!(ours.unwrap(), SIZE.to_string());
    for theirs in [first, second, third] {
        assert_eq!(theirs.unwrap(), SIZE.to_string());
    }
    assert!(began.elapsed() > PONG_WAIT, "the link was not slow");
    assert_eq!(proxy.accepted(), 1);
}
