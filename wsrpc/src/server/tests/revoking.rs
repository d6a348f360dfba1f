//! What happens to the sessions of a key that is taken off the list.

use std::{
    sync::{Arc, Mutex, OnceLock, mpsc::channel},
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};

use crate::{
    Code, ConnectError, Outcome, PeerState, Peers, Response, SecretKey, SessionEnd, State,
    service::test_support::{Echo, Served, echo, spawn_echo},
};

#[tokio::test]
async fn calls_both_ways_fail_at_once_and_handlers_stop() {
    let (up_echoes, mut up_watched) = Echo::watched();
    let (down_echoes, mut down_watched) = Echo::watched();
    let key = SecretKey::generate();
    let alice = key.public_key();
    let server = Served::start(|server| server.allow([alice]).add_service(up_echoes)).await;
    let client = server.client(&key).add_service(down_echoes);
    let client = client.connect(&server.address).await.unwrap();
    let mut states = client.watch_state();
    let up = spawn_echo(&client.channel(), "up");
    let down = spawn_echo(&server.peers.channel(alice), "down");
    up_watched.starts.recv().await.unwrap();
    down_watched.starts.recv().await.unwrap();
    let mut events = server.peers.events();
    events.next().await.unwrap();

    let revocation = server.peers.allow_list().remove(&alice);
    // All of this has happened already.
    assert!(!server.peers.is_connected(&alice));
    assert_eq!(server.peers.count(), 0);
    let error = echo(&server.peers.channel(alice), "new").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert_eq!(revocation.await, 0);
    up_watched.drops.try_recv().unwrap();

    for call in [up, down] {
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.code(), Code::UNAVAILABLE);
        assert_eq!(error.outcome(), Outcome::Unknown);
    }
    down_watched.drops.recv().await.unwrap();
    assert_eq!(
        events.next().await.unwrap().state,
        PeerState::Disconnected(SessionEnd::Revoked)
    );
    // The client dials again, and is refused.
    states.wait_for(State::TransientFailure).await.unwrap();
    let error = client.last_error().unwrap();
    assert!(matches!(error, ConnectError::KeyRefused { .. }), "{error}");
}

#[tokio::test]
async fn a_channel_does_not_call_the_session_of_a_removed_key_once_more() {
    let key = SecretKey::generate();
    let alice = key.public_key();
    let server = Served::start(|server| server.allow([alice])).await;
    let connect = async || {
        let client = server.client(&key).add_service(Echo::plain());
        let client = client.connect(&server.address).await.unwrap();
        assert!(server.peers.connected(alice).await);
        client
    };
    let client = connect().await;
    let channel = server.peers.channel(alice);
    assert_eq!(echo(&channel, "before").await.unwrap().body, "before");
    let revocation = server.peers.allow_list().remove(&alice);
    let error = echo(&channel, "new").await.unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::UNAVAILABLE, Outcome::NotSent)
    );
    revocation.await;
    drop(client);
    server.peers.allow_list().insert(alice);
    let _client = connect().await;
    assert_eq!(echo(&channel, "after").await.unwrap().body, "after");
}

#[tokio::test]
async fn a_client_is_told_that_it_was_cut_off() {
    let key = SecretKey::generate();
    let server = Served::start(|server| server.allow([key.public_key()])).await;
    let hour = Duration::from_secs(3600);
    let rare = crate::ReconnectConfig::default().base(hour).cap(hour);
    let client = server.client(&key).reconnect(rare);
    let client = client.connect(&server.address).await.unwrap();
    let mut states = client.watch_state();
    server.peers.allow_list().remove(&key.public_key()).await;
    states.wait_for(State::Idle).await.unwrap();
    let error = client.last_error().unwrap();
    assert!(
        matches!(
            error,
            ConnectError::SessionEnded(SessionEnd::PeerClosed { code: 4001, .. })
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_handler_may_revoke_its_own_caller() {
    let key = SecretKey::generate();
    let peers = Arc::new(OnceLock::<Peers>::new());
    let (done, mut is_done) = mpsc::unbounded_channel();
    let held = peers.clone();
    let revoking = Echo::new(move |request| {
        let (peers, done) = (held.clone(), done.clone());
        async move {
            let caller = request.peer();
            let began = Instant::now();
            let list = peers.get().unwrap().allow_list();
            let unfinished = list.remove(&caller).await;
            let took = began.elapsed();
            tokio::task::yield_now().await;
            done.send((unfinished, took)).unwrap();
            Ok(Response::new(request.into_inner()))
        }
    });
    let server =
        Served::start(|server| server.allow([key.public_key()]).add_service(revoking)).await;
    peers.set(server.peers.clone()).unwrap();
    let client = server.client(&key).connect(&server.address).await.unwrap();
    let error = echo(&client.channel(), "x").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    let (unfinished, took) = is_done.recv().await.unwrap();
    assert_eq!(unfinished, 0);
    assert!(took < Duration::from_millis(500), "{took:?}");
}

/// The server has a runtime of its own, because a blocked thread may be the one that drives its runtime's timers.
#[tokio::test]
async fn a_handler_that_blocks_its_thread_is_reported() {
    let (entered, mut has_entered) = mpsc::unbounded_channel();
    let (release, released) = channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let blocking = Echo::new(move |request| {
        entered.send(()).unwrap();
        // Until it is released, or the test has failed.
        released.lock().unwrap().recv().ok();
        async { Ok(Response::new(request.into_inner())) }
    });
    let key = SecretKey::generate();
    let alice = key.public_key();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.spawn(async move {
        Served::start(|server| server.allow([alice]).add_service(blocking)).await
    });
    let server = server.await.unwrap();
    let client = server.client(&key).connect(&server.address).await.unwrap();
    let call = spawn_echo(&client.channel(), "x");
    has_entered.recv().await.unwrap();
    let began = Instant::now();
    let unfinished = server.peers.allow_list().remove(&alice).await;
    assert_eq!(unfinished, 1);
    assert!(began.elapsed() >= Duration::from_secs(1));
    release.send(()).unwrap();
    assert_eq!(call.await.unwrap().unwrap_err().outcome(), Outcome::Unknown);
    runtime.shutdown_background();
}

/// It is cut off like any other, and no handler is blamed for its silence.
#[tokio::test]
async fn a_peer_that_does_not_confirm_the_close_is_no_blocked_handler() {
    use crate::{
        service::test_support::{Raw, start},
        transport::Role,
    };

    let (io, raw) = tokio::io::duplex(4096);
    let end = start(io, Role::Server, Echo::plain(), Default::default());
    let _silent = Raw::new(raw, Role::Client);
    let revocation = super::super::Revocation {
        sessions: vec![end.session.clone()],
    };
    end.session.end(SessionEnd::Revoked);
    assert_eq!(revocation.await, 0);
}
