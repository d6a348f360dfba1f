//! The registry by itself: sessions whose drivers never run, so that the test decides when one proves itself.

use std::{future::poll_fn, sync::Arc, time::Duration};

use tokio::io::{BufReader, DuplexStream};

use crate::{
    PeerState, PublicKey, SecretKey, SessionConfig, SessionEnd,
    server::{
        allow_list::Allowed,
        registry::{Registry, TurnedAway},
    },
    service::RouterBuilder,
    session::{Agreed, Driver, Finished, Hooks, Session},
    transport::{Role, WebSocket, buffered},
};

/// A session whose driver does not run.
struct Still {
    session: Session,
    _driver: Driver<BufReader<DuplexStream>>,
    _peer: DuplexStream,
}

fn session_of(key: PublicKey) -> Still {
    let (io, peer) = tokio::io::duplex(1024);
    let config = SessionConfig::default().resolve(false);
    let socket = WebSocket::new(buffered(io), Role::Server, config.max_recv_size);
    let router = Arc::new(RouterBuilder::default().build().unwrap());
    let (session, driver) =
        Session::new(socket, key, Agreed::V1, router, &config, Hooks::default());
    Still {
        session,
        _driver: driver,
        _peer: peer,
    }
}

/// A registry that allows one key.
fn registry() -> (Arc<Registry>, PublicKey) {
    let key = SecretKey::generate().public_key();
    let registry = Arc::new(Registry::new());
    registry.allow(key);
    (registry, key)
}

/// Takes in a session of `key`.
fn entered(registry: &Registry, key: PublicKey) -> Still {
    registry.check(&key).unwrap();
    let still = session_of(key);
    registry.register(&still.session).unwrap();
    still
}

fn routed(registry: &Registry, key: PublicKey) -> Option<u64> {
    registry.route(&key).map(|session| session.id())
}

/// The end of a session's task.
fn finish(registry: &Registry, still: &Still, end: SessionEnd, acknowledged: bool) {
    still.session.end(end.clone());
    registry.remove(&still.session, &Finished { end, acknowledged });
}

const LOST: fn() -> SessionEnd = || SessionEnd::Lost("the cable".into());

#[tokio::test(start_paused = true)]
async fn a_key_that_is_removed_after_its_handshake_does_not_get_in() {
    let (registry, key) = registry();
    registry.check(&key).unwrap();
    let still = session_of(key);
    drop(registry.disallow(&key));
    assert_eq!(registry.register(&still.session), Err(SessionEnd::Revoked));
    assert_eq!(routed(&registry, key), None);
    assert_eq!(registry.connected_count(), 0);
    assert_eq!(registry.check(&key), Err(TurnedAway::NotAllowed));
}

#[tokio::test(start_paused = true)]
async fn the_incumbent_stays_until_the_newcomer_is_proven() {
    let (registry, key) = registry();
    let old = entered(&registry, key);
    let new = entered(&registry, key);
    assert_eq!(routed(&registry, key), Some(old.session.id()));
    registry.prove(&new.session);
    assert_eq!(routed(&registry, key), Some(new.session.id()));
    assert_eq!(old.session.ended(), Some(SessionEnd::Replaced));
    assert_eq!(new.session.ended(), None);
    assert_eq!(registry.connected_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_old_session_does_not_remove_the_newer_one() {
    let (registry, key) = registry();
    let old = entered(&registry, key);
    let new = entered(&registry, key);
    registry.prove(&new.session);
    let (_, epoch) = registry.connected()[0];
    finish(&registry, &old, SessionEnd::Replaced, false);
    assert_eq!(routed(&registry, key), Some(new.session.id()));
    assert_eq!(registry.connected(), [(key, epoch)]);
    finish(&registry, &new, LOST(), false);
    assert_eq!(routed(&registry, key), None);
    assert_eq!(registry.connected_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_challenger_that_never_proves_itself_changes_nothing() {
    let (registry, key) = registry();
    let old = entered(&registry, key);
    let new = entered(&registry, key);
    finish(&registry, &new, LOST(), false);
    assert_eq!(routed(&registry, key), Some(old.session.id()));
    assert_eq!(old.session.ended(), None);
}

#[tokio::test(start_paused = true)]
async fn a_challenger_is_routed_once_the_incumbent_is_gone() {
    let (registry, key) = registry();
    let old = entered(&registry, key);
    let new = entered(&registry, key);
    finish(&registry, &old, LOST(), false);
    assert_eq!(routed(&registry, key), Some(new.session.id()));
    assert_eq!(registry.connected_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_the_newest_challenger_may_take_over() {
    let (registry, key) = registry();
    let old = entered(&registry, key);
    let second = entered(&registry, key);
    let third = entered(&registry, key);
    assert_eq!(second.session.ended(), Some(SessionEnd::Replaced));
    registry.prove(&second.session);
    assert_eq!(routed(&registry, key), Some(old.session.id()));
    registry.prove(&third.session);
    assert_eq!(routed(&registry, key), Some(third.session.id()));
}

#[tokio::test(start_paused = true)]
async fn an_older_challenger_never_displaces_a_newer_session() {
    let (registry, key) = registry();
    let first = entered(&registry, key);
    let second = entered(&registry, key);
    // It has ended, and its task has not been told yet.
    first.session.end(LOST());
    let third = entered(&registry, key);
    assert_eq!(routed(&registry, key), Some(third.session.id()));
    registry.prove(&second.session);
    assert_eq!(routed(&registry, key), Some(third.session.id()));
    assert_eq!(third.session.ended(), None);
}

#[tokio::test(start_paused = true)]
async fn proof_that_comes_twice_or_too_late_is_nothing() {
    let (registry, key) = registry();
    let old = entered(&registry, key);
    registry.prove(&old.session);
    let new = entered(&registry, key);
    registry.prove(&new.session);
    registry.prove(&new.session);
    registry.prove(&old.session);
    assert_eq!(routed(&registry, key), Some(new.session.id()));
    finish(&registry, &new, LOST(), false);
    registry.prove(&new.session);
    assert_eq!(routed(&registry, key), None);
}

#[tokio::test(start_paused = true)]
async fn takeovers_are_bounded_and_the_incumbent_stays() {
    let (registry, key) = registry();
    let mut sessions = vec![entered(&registry, key)];
    for _ in 0..3 {
        let next = entered(&registry, key);
        registry.prove(&next.session);
        sessions.push(next);
    }
    let incumbent = sessions[3].session.id();
    let Err(TurnedAway::TooManyTakeovers { retry_after }) = registry.check(&key) else {
        panic!("a fourth takeover");
    };
    assert_eq!(retry_after, Duration::from_secs(10));
    assert_eq!(routed(&registry, key), Some(incumbent));
    tokio::time::advance(retry_after).await;
    registry.check(&key).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_shuts_down_takes_nobody_in() {
    let (registry, key) = registry();
    let running = entered(&registry, key);
    registry.drain(None);
    assert_eq!(registry.check(&key), Err(TurnedAway::ShuttingDown));
    let late = session_of(key);
    assert_eq!(registry.register(&late.session), Err(SessionEnd::Shutdown));
    assert_eq!(routed(&registry, key), None);
    // What runs goes on.
    assert_eq!(running.session.ended(), None);
    registry.end_all(&SessionEnd::Shutdown);
    assert_eq!(running.session.ended(), Some(SessionEnd::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn replacing_the_list_cuts_off_whom_it_leaves_out() {
    let (registry, alice) = registry();
    let [bob, carol] = [(); 2].map(|()| SecretKey::generate().public_key());
    registry.allow(bob);
    let kept = entered(&registry, alice);
    let left_out = entered(&registry, bob);
    let listed = Allowed::Listed([alice, carol].into_iter().collect());
    assert_eq!(registry.set_allowed(listed).sessions.len(), 1);
    assert_eq!(kept.session.ended(), None);
    assert_eq!(left_out.session.ended(), Some(SessionEnd::Revoked));
    assert_eq!(registry.connected_count(), 1);
    assert!(registry.is_allowed(&carol) && !registry.is_allowed(&bob));
}

#[tokio::test(start_paused = true)]
async fn a_removed_key_loses_its_challenger_too() {
    let (registry, key) = registry();
    let old = entered(&registry, key);
    let new = entered(&registry, key);
    assert_eq!(registry.disallow(&key).sessions.len(), 2);
    for still in [&old, &new] {
        assert_eq!(still.session.ended(), Some(SessionEnd::Revoked));
        registry.prove(&still.session);
    }
    finish(&registry, &old, SessionEnd::Revoked, true);
    finish(&registry, &new, SessionEnd::Revoked, true);
    assert_eq!(routed(&registry, key), None);
    assert_eq!(registry.connected_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_learns_the_latest_state_and_what_it_missed() {
    let (registry, key) = registry();
    let mut events = registry.subscribe();
    let first = entered(&registry, key);
    finish(&registry, &first, LOST(), false);
    let second = entered(&registry, key);
    let event = events.next().await.unwrap();
    assert_eq!(event.state, PeerState::Connected);
    assert_eq!(event.merged, 2);
    assert_eq!(registry.connected(), [(key, event.epoch)]);
    finish(&registry, &second, LOST(), false);
    let event = events.next().await.unwrap();
    assert_eq!(event.state, PeerState::Disconnected(LOST()));
    assert_eq!(event.merged, 0);
}

#[tokio::test(start_paused = true)]
async fn an_old_holder_that_was_alive_to_the_last_is_a_clone() {
    let (registry, key) = registry();
    let mut events = registry.subscribe();
    let old = entered(&registry, key);
    let new = entered(&registry, key);
    registry.prove(&new.session);
    assert!(!events.next().await.unwrap().cloned);
    finish(&registry, &old, SessionEnd::Replaced, true);
    let event = events.next().await.unwrap();
    assert!(event.cloned);
    assert_eq!(event.state, PeerState::Connected);
    assert_eq!(registry.connected(), [(key, event.epoch)]);
}

#[tokio::test(start_paused = true)]
async fn a_laptop_that_changed_its_network_is_no_clone() {
    let (registry, key) = registry();
    let mut events = registry.subscribe();
    let old = entered(&registry, key);
    let new = entered(&registry, key);
    registry.prove(&new.session);
    finish(&registry, &old, SessionEnd::Replaced, false);
    assert!(!events.next().await.unwrap().cloned);
    let another = poll_fn(|cx| {
        let mut next = Box::pin(events.next());
        std::task::Poll::Ready(std::future::Future::poll(next.as_mut(), cx).is_ready())
    });
    assert!(!another.await);
}
