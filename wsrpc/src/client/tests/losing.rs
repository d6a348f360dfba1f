//! How a client loses its session and gets another.

use std::{sync::Arc, time::Duration};

use tokio::{runtime::Builder, sync::Semaphore};

use crate::{
    Code, ConnectError, Outcome, ReconnectConfig, Response, SecretKey, SessionConfig, SessionEnd,
    State,
    service::test_support::{Echo, Served, echo, spawn_echo, tasks, until},
};

#[tokio::test]
async fn a_client_finds_its_server_again() {
    let key = SecretKey::generate();
    let server_key = SecretKey::generate();
    let set = |server: crate::ServerBuilder| server.allow_any().add_service(Echo::plain());
    let server = Served::start_at("127.0.0.1:0", &server_key, set).await;
    let address = server.address.clone();
    let client = server.client(&key).connect(&address).await.unwrap();
    let channel = client.channel();
    assert_eq!(echo(&channel, "before").await.unwrap().body, "before");
    let mut states = client.watch_state();
    server.kill().await;
    states.wait_for(State::TransientFailure).await.unwrap();
    let patient = spawn_echo(&channel.clone().wait_for_ready(true), "patient");
    let _server = Served::start_at(&address, &server_key, set).await;
    assert_eq!(patient.await.unwrap().unwrap().body, "patient");
    assert_eq!(client.state(), State::Ready);
    assert_eq!(echo(&channel, "after").await.unwrap().body, "after");
}

#[tokio::test]
async fn calls_fail_at_once_when_their_session_is_lost() {
    let (echoes, mut watched) = Echo::watched();
    let server = Served::start(|server| server.allow_any().add_service(echoes)).await;
    let key = SecretKey::generate();
    let client = server.client(&key).connect(&server.address).await.unwrap();
    let calls = [(); 3].map(|()| spawn_echo(&client.channel().wait_for_ready(true), "x"));
    for _ in &calls {
        watched.starts.recv().await.unwrap();
    }
    server.kill().await;
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.code(), Code::UNAVAILABLE);
        assert_eq!(error.outcome(), Outcome::Unknown);
    }
}

#[tokio::test]
async fn a_client_that_was_replaced_waits_before_it_dials_again() {
    let server = Served::start(|server| server.allow_any()).await;
    let key = SecretKey::generate();
    let first = server.client(&key).connect(&server.address).await.unwrap();
    let mut states = first.watch_state();
    let _second = server.client(&key).connect(&server.address).await.unwrap();
    // Idle for a moment, and then in transient failure, for the pause is long.
    while first.last_error().is_none() {
        states.changed().await.unwrap();
    }
    let error = first.last_error().unwrap();
    assert!(
        matches!(
            error,
            ConnectError::SessionEnded(SessionEnd::PeerClosed { code: 4000, .. })
        ),
        "{error}"
    );
    // From here on nothing waits for a socket: the clock jumps to the next timer.
    tokio::time::pause();
    let idle_since = tokio::time::Instant::now();
    states.wait_for(State::Connecting).await.unwrap();
    let pause = idle_since.elapsed();
    assert!(pause > Duration::from_secs(4), "{pause:?}");
    assert!(pause < Duration::from_secs(6), "{pause:?}");
}

#[tokio::test]
async fn fifty_reconnects_leave_no_task_behind() {
    let server = Served::start(|server| server.add_service(Echo::plain())).await;
    let key = SecretKey::generate();
    let alice = key.public_key();
    let allow_list = server.peers.allow_list();
    allow_list.insert(alice);
    let client = server.client(&key).add_service(Echo::plain());
    let client = client.connect(&server.address).await.unwrap();
    server.peers.connected(alice).await;
    let back = server.peers.channel(alice);
    echo(&back, "x").await.unwrap();
    let base = tasks();
    for _ in 0..50 {
        assert_eq!(allow_list.remove(&alice).await, 0);
        allow_list.insert(alice);
        server.peers.connected(alice).await;
        let patient = client.channel().wait_for_ready(true);
        echo(&patient, "up").await.unwrap();
        echo(&back, "down").await.unwrap();
    }
    until("the tasks have ended", || tasks() == base).await;
}

#[tokio::test]
async fn calls_that_wait_while_the_server_drains_are_made_on_the_next_session() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let gated = Echo::new(move |request| {
        let gate = opened.clone();
        async move {
            if request.body == "running" {
                gate.acquire().await.unwrap().forget();
            }
            Ok(Response::new(request.into_inner()))
        }
    });
    let server_key = SecretKey::generate();
    let server = Served::start_at("127.0.0.1:0", &server_key, |server| {
        server.allow_any().add_service(gated)
    })
    .await;
    let address = server.address.clone();
    let client = server.client(&SecretKey::generate());
    let client = client.connect(&address).await.unwrap();
    let channel = client.channel();
    let running = spawn_echo(&channel, "running");
    assert_eq!(echo(&channel, "before").await.unwrap().body, "before");
    let handle = server.handle.clone();
    let shutdown = tokio::spawn(async move { handle.shutdown(Duration::from_secs(60)).await });
    // Until the client has been told.
    let error = loop {
        match echo(&channel, "new").await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert!(error.outcome().is_safe_to_retry(), "{error}");
    let patient = [(); 5].map(|()| spawn_echo(&channel.clone().wait_for_ready(true), "patient"));
    tokio::task::yield_now().await;
    gate.add_permits(1);
    assert_eq!(running.await.unwrap().unwrap().body, "running");
    shutdown.await.unwrap();
    assert!(patient.iter().all(|call| !call.is_finished()));
    let set = |server: crate::ServerBuilder| server.allow_any().add_service(Echo::plain());
    let _server = Served::start_at(&address, &server_key, set).await;
    for call in patient {
        assert_eq!(call.await.unwrap().unwrap().body, "patient");
    }
}

#[test]
fn clients_of_a_server_that_went_away_while_they_were_busy_spread_their_coming_back() {
    let weeks = Duration::from_secs(5 * 7 * 24 * 60 * 60);
    // It stands still while nobody waits in it.
    let busy = Builder::new_current_thread().enable_all().build().unwrap();
    let elsewhere = Builder::new_multi_thread().enable_all().build().unwrap();
    let hasty = SessionConfig::default().close_timeout(Duration::from_millis(100));
    let server = elsewhere.block_on(Served::start(|server| {
        server.allow_any().reconnect_spread(weeks).session(hasty)
    }));
    let clients = busy.block_on(async {
        let mut clients = Vec::new();
        for _ in 0..20 {
            let rarely = ReconnectConfig::default().cap(weeks);
            let key = SecretKey::generate();
            let client = server.client(&key).reconnect(rarely);
            clients.push(client.connect(&server.address).await.unwrap());
            server.peers.connected(key.public_key()).await;
        }
        clients
    });
    elsewhere.block_on(server.handle.shutdown(Duration::from_secs(60)));
    busy.block_on(async {
        for client in clients {
            let mut states = client.watch_state();
            states.wait_for(State::TransientFailure).await.unwrap();
            // One that has dialled again has been refused.
            let error = client.last_error().unwrap();
            assert!(
                matches!(
                    error,
                    ConnectError::SessionEnded(SessionEnd::PeerClosed { code: 1001, .. })
                ),
                "{error}"
            );
        }
    });
}
