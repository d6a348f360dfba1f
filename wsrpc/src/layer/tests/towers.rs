//! tower's own layers, on each side.

use std::time::Duration;

use tokio::time::Instant;
use tower::{
    ServiceBuilder,
    buffer::BufferLayer,
    limit::{ConcurrencyLimitLayer, RateLimitLayer},
    load_shed::LoadShedLayer,
    timeout::TimeoutLayer,
};

use super::*;
use crate::service::test_support::{settle, spawn_echo};

const SHORT: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn a_timeout_on_the_channel_ends_the_call() {
    let (echo_service, mut watched) = Echo::watched();
    let (channel, _sides) = to(Services::new().add(echo_service));
    let channel = channel.layer(TimeoutLayer::new(SHORT));
    let began = Instant::now();
    let error = echo(&channel, "x").await.unwrap_err();
    assert_eq!(began.elapsed(), SHORT);
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::Unknown);
    // The call was given up, so that its handler is stopped.
    watched.drops.recv().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_timeout_on_the_server_ends_the_call() {
    let (echo_service, mut watched) = Echo::watched();
    let services = Services::new()
        .add(echo_service)
        .layer(TimeoutLayer::new(SHORT));
    let (channel, _sides) = to(services);
    let began = Instant::now();
    let error = echo(&channel, "x").await.unwrap_err();
    assert_eq!(began.elapsed(), SHORT);
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::Ran);
    watched.drops.recv().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_makes_the_calls_of_a_channel_wait() {
    let (echo_service, mut watched) = Echo::watched();
    let (channel, _sides) = to(Services::new().add(echo_service));
    let channel = channel.layer(ConcurrencyLimitLayer::new(2));
    let calls = ["1", "2", "3"].map(|body| spawn_echo(&channel, body));
    settle().await;
    assert_eq!(watched.starts.len(), 2);
    calls[0].abort();
    settle().await;
    assert_eq!(watched.starts.len(), 3);
    assert_eq!(watched.starts.recv().await.unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_the_limit_no_longer_than_its_own_timeout() {
    let (channel, _sides) = to(Services::new().add(Echo::silent()));
    let channel = channel.layer(ConcurrencyLimitLayer::new(1));
    let _first = spawn_echo(&channel, "first");
    settle().await;
    let error = echo(&channel, "second").timeout(SHORT).await.unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::NotSent);
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_on_the_server_holds_for_all_its_services() {
    let (one, mut watched) = Echo::watched();
    let services = Services::new()
        .layer(ConcurrencyLimitLayer::new(1))
        .add(one.clone().other())
        .add(one);
    let (channel, _sides) = to(services);
    let first = spawn_echo(&channel, "first");
    watched.starts.recv().await.unwrap();
    let other = &crate::service::test_support::OTHER.methods()[0];
    let call = crate::Call::<Text>::unary(&channel, other, &Text::new("second"));
    let _second = tokio::spawn(std::future::IntoFuture::into_future(call));
    settle().await;
    assert!(watched.starts.is_empty());
    first.abort();
    assert_eq!(watched.starts.recv().await.unwrap(), "second");
}

#[tokio::test(start_paused = true)]
async fn load_that_is_shed_on_the_server_is_refused_and_not_started() {
    let (echo_service, mut watched) = Echo::watched();
    let shed = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(1));
    let (channel, _sides) = to(Services::new().add(echo_service.layer(shed)));
    let _first = spawn_echo(&channel, "first");
    watched.starts.recv().await.unwrap();
    let error = echo(&channel, "second").await.unwrap_err();
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
    assert_eq!(error.outcome(), Outcome::Refused);
    assert!(watched.starts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn load_that_is_shed_on_the_channel_is_not_sent() {
    let (echo_service, mut watched) = Echo::watched();
    let (channel, _sides) = to(Services::new().add(echo_service));
    let shed = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(1));
    let channel = channel.layer(shed);
    let _first = spawn_echo(&channel, "first");
    watched.starts.recv().await.unwrap();
    let error = echo(&channel, "second").await.unwrap_err();
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
    assert_eq!(error.outcome(), Outcome::NotSent);
}

#[tokio::test(start_paused = true)]
async fn a_buffer_makes_a_service_of_one_hand_fit_for_many() {
    let limited = || {
        ServiceBuilder::new()
            .layer(BufferLayer::new(8))
            .layer(RateLimitLayer::new(1, SHORT))
    };
    let (channel, _sides) = to(Services::new().add(Echo::plain()).layer(limited()));
    let began = Instant::now();
    for _ in 0..3 {
        echo(&channel, "x").await.unwrap();
    }
    assert_eq!(began.elapsed(), 2 * SHORT);

    let (channel, _sides) = to(Services::new().add(Echo::plain()));
    let channel = channel.layer(limited());
    let began = Instant::now();
    for _ in 0..3 {
        echo(&channel, "x").await.unwrap();
    }
    assert_eq!(began.elapsed(), 2 * SHORT);
}

#[tokio::test(start_paused = true)]
async fn errors_come_through_towers_layers_as_themselves() {
    let failing = Echo::new(|_| async { Err(Status::not_found("no such thing")) });
    let stack = || {
        ServiceBuilder::new()
            .layer(BufferLayer::new(8))
            .layer(TimeoutLayer::new(SHORT))
            .layer(LoadShedLayer::new())
    };
    let (channel, _sides) = to(Services::new().add(failing).layer(stack()));
    let error = echo(&channel.layer(stack()), "x").await.unwrap_err();
    assert_eq!(error.status(), &Status::not_found("no such thing"));
    assert_eq!(error.outcome(), Outcome::Ran);
    assert_eq!(error.blame(), crate::Blame::Remote);
}

#[test]
fn the_meaning_of_an_error_is_found_among_its_sources() {
    #[derive(Debug, thiserror::Error)]
    #[error("wrapped")]
    struct Wrapped(#[source] BoxError);

    let wrapped = Wrapped(Status::aborted("within").into());
    assert_eq!(super::super::status_of(&wrapped), Status::aborted("within"));
    let other = Wrapped("what it says".into());
    assert_eq!(super::super::status_of(&other), Status::unknown("wrapped"));
    let elapsed = tower::timeout::error::Elapsed::new();
    assert_eq!(
        super::super::status_of(&elapsed).code(),
        Code::DEADLINE_EXCEEDED
    );
}
