//! Sizes of messages, and numbers of handlers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    Blame, Code, Outcome,
    ProtocolVersion::V1,
    Response, SessionConfig, SessionEnd,
    service::test_support::{BOTH, Echo, Text, echo, pair_on, settle, spawn_echo},
    testing::Services,
};

fn with(config: SessionConfig) -> Services {
    Services::new().add(Echo::plain()).session(config)
}

#[tokio::test(start_paused = true)]
async fn a_request_over_the_limit_to_send_fails_at_once_and_is_not_sent() {
    for version in BOTH {
        let small = SessionConfig::default().max_send_message_size(1000);
        let (client, _server) = pair_on(version, with(small), with(SessionConfig::default()));
        let error = echo(&client.channel(), "x".repeat(1000)).await.unwrap_err();
        assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
        assert_eq!(error.outcome(), Outcome::NotSent);
        assert_eq!(error.blame(), Blame::Local);
        assert!(echo(&client.channel(), "x".repeat(800)).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_over_the_limit_to_send_becomes_a_status() {
    let small = SessionConfig::default().max_send_message_size(1000);
    let (client, _server) = pair_on(V1, with(SessionConfig::default()), with(small));
    let error = echo(&client.channel(), "x".repeat(1000)).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Ran);
    let expected = "resource_exhausted: the response of 1003 bytes is over the limit of 1000 bytes";
    assert!(error.message().starts_with(expected), "{error}");
    assert!(echo(&client.channel(), "x".repeat(800)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_error_over_the_limit_to_send_is_cut_and_stays_an_error() {
    for limit in [1, 64, 128, 129, 1000] {
        let failing = Echo::new(|_| async { Err(crate::Status::internal("ä".repeat(5000))) });
        let small = SessionConfig::default().max_send_message_size(limit);
        let server = Services::new().add(failing).session(small);
        let (client, _server) = pair_on(V1, Services::new(), server);
        let error = echo(&client.channel(), "x").await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Ran);
        assert!(error.message().starts_with('ä'), "{limit}: {error}");
        assert!(error.message().len() <= limit.max(64));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_limit_to_receive_ends_the_session_and_says_so() {
    let small = SessionConfig::default().max_recv_message_size(1000);
    let (client, server) = pair_on(V1, with(SessionConfig::default()), with(small));
    let error = echo(&client.channel(), "x".repeat(2000)).await.unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(matches!(
        server.closed().await,
        SessionEnd::TooBig { limit: 1000, .. }
    ));
    assert!(matches!(
        client.closed().await,
        SessionEnd::PeerClosed { code: 1009, .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn megabytes_pass_both_ways() {
    for version in BOTH {
        let (client, server) = pair_on(
            version,
            with(SessionConfig::default()),
            with(SessionConfig::default()),
        );
        let big = "x".repeat(3_000_000);
        let (up, down) = tokio::join!(
            std::future::IntoFuture::into_future(echo(&client.channel(), big.clone())),
            std::future::IntoFuture::into_future(echo(&server.channel(), big.clone())),
        );
        assert!(up.unwrap().body == big && down.unwrap().body == big);
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_handlers_run_than_the_limit_and_the_others_wait() {
    let running = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let (seen, opened) = (running.clone(), gate.clone());
    let counting = Echo::new(move |request| {
        let (running, gate) = (seen.clone(), opened.clone());
        async move {
            assert!(running.fetch_add(1, Ordering::SeqCst) < 3);
            gate.acquire().await.unwrap().forget();
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(Response::new(request.into_inner()))
        }
    });
    let limited = SessionConfig::default().max_concurrent_handlers(3);
    let server = Services::new().add(counting).session(limited);
    let (client, _server) = pair_on(V1, Services::new(), server);
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let channel = client.channel();
        calls.spawn(async move { echo(&channel, "x").await.map(drop) });
    }
    settle().await;
    assert_eq!(running.load(Ordering::SeqCst), 3);
    gate.add_permits(20);
    for answer in calls.join_all().await {
        answer.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn calls_over_the_queues_bound_are_refused_and_the_others_answered() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let gated = Echo::new(move |_| {
        let gate = opened.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(Response::new(Text::new("done")))
        }
    });
    // Room for one call, of a few bytes and the queue's own cost.
    let limited = SessionConfig::default()
        .max_concurrent_handlers(1)
        .max_queued_bytes(300);
    let server = Services::new().add(gated).session(limited);
    let (client, _server) = pair_on(V1, Services::new(), server);
    let channel = client.channel();
    let running = spawn_echo(&channel, "a");
    let queued = spawn_echo(&channel, "b");
    settle().await;
    let error = echo(&channel, "c").await.unwrap_err();
    assert_eq!(
        error.message(),
        "resource_exhausted: 1 calls of yours run here and 300 bytes of them wait, which is the limit"
    );
    gate.add_permits(2);
    running.await.unwrap().unwrap();
    queued.await.unwrap().unwrap();
}
