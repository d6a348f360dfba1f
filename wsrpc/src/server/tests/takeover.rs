//! A key that connects again while it is connected.

use std::time::Duration;

use crate::{
    Client, ConnectError, PeerState, ReconnectConfig, SecretKey, SessionEnd, State,
    service::test_support::{Echo, Served, echo, until},
};

/// Never dials again by itself.
fn once() -> ReconnectConfig {
    let hour = Duration::from_secs(3600);
    ReconnectConfig::default().base(hour).cap(hour)
}

/// A client of `key` that answers with `name`.
async fn named(server: &Served, key: &SecretKey, name: &'static str) -> Client {
    let echoes =
        Echo::new(move |_| async move { Ok(crate::service::test_support::Text::new(name).into()) });
    let client = server.client(key).reconnect(once()).add_service(echoes);
    client.connect(&server.address).await.unwrap()
}

#[tokio::test]
async fn the_newest_session_of_a_key_is_the_one_that_is_called() {
    let server = Served::start(|server| server.allow_any()).await;
    let key = SecretKey::generate();
    let old = named(&server, &key, "old").await;
    server.peers.connected(key.public_key()).await;
    let channel = server.peers.channel(key.public_key());
    assert_eq!(echo(&channel, "who?").await.unwrap().body, "old");
    let mut events = server.peers.events();
    let first = events.next().await.unwrap();
    let mut states = old.watch_state();
    let _new = named(&server, &key, "new").await;
    states.wait_for(State::Idle).await.unwrap();
    let error = old.last_error().unwrap();
    assert!(
        matches!(
            error,
            ConnectError::SessionEnded(SessionEnd::PeerClosed { code: 4000, .. })
        ),
        "{error}"
    );
    assert_eq!(echo(&channel, "who?").await.unwrap().body, "new");
    assert_eq!(server.peers.count(), 1);
    // Both were alive: the key has been cloned.
    let reported = loop {
        let event = events.next().await.unwrap();
        assert!(event.epoch >= first.epoch);
        if event.cloned {
            break event;
        }
    };
    assert_eq!(reported.key, key.public_key());
    assert_eq!(reported.state, PeerState::Connected);
}

#[tokio::test]
async fn a_fourth_takeover_is_turned_away_and_the_incumbent_stays() {
    let server = Served::start(|server| server.allow_any()).await;
    let key = SecretKey::generate();
    let channel = server.peers.channel(key.public_key());
    let mut clients = Vec::new();
    for name in ["1", "2", "3", "4"] {
        clients.push(named(&server, &key, name).await);
        while echo(&channel, "who?")
            .await
            .ok()
            .is_none_or(|who| who.body != name)
        {
            tokio::task::yield_now().await;
        }
    }
    let turned_away = server.client(&key).reconnect(once());
    let turned_away = turned_away.connect_lazy(&server.address).unwrap();
    let mut states = turned_away.watch_state();
    states.wait_for(State::TransientFailure).await.unwrap();
    let error = turned_away.last_error().unwrap();
    let ConnectError::Upgrade { status, reason, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*status, Some(429));
    assert!(
        reason.contains("give each process a key of its own"),
        "{reason}"
    );
    assert_eq!(echo(&channel, "who?").await.unwrap().body, "4");
}

#[tokio::test]
async fn a_session_of_another_key_is_left_alone() {
    let server = Served::start(|server| server.allow_any()).await;
    let [alice, bob] = [(); 2].map(|()| SecretKey::generate());
    let _alice = named(&server, &alice, "alice").await;
    let _bob = named(&server, &bob, "bob").await;
    until("both are there", || server.peers.count() == 2).await;
    let channel = server.peers.channel(alice.public_key());
    assert_eq!(echo(&channel, "who?").await.unwrap().body, "alice");
}
