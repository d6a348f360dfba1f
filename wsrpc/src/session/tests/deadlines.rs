//! Deadlines, of calls and of handlers, and calls that are given up.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::{
    Blame, Code, Outcome,
    ProtocolVersion::{V1, V2},
    SessionConfig,
    service::test_support::{BOTH, Echo, against_raw, echo, pair_on, settle, spawn_echo},
    testing::Services,
};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline_with_an_unknown_outcome() {
    for version in BOTH {
        let (client, _server) = pair_on(
            version,
            Services::new(),
            Services::new().add(Echo::silent()),
        );
        let began = Instant::now();
        let error = echo(&client.channel(), "x")
            .timeout(secs(3))
            .await
            .unwrap_err();
        assert_eq!(began.elapsed(), secs(3));
        assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert_eq!(error.blame(), Blame::Local);
    }
}

#[tokio::test(start_paused = true)]
async fn the_soonest_deadline_ends_first_whichever_was_set_first() {
    for version in BOTH {
        let (client, _server) = pair_on(
            version,
            Services::new(),
            Services::new().add(Echo::silent()),
        );
        let channel = client.channel();
        let began = Instant::now();
        let calls = [5, 1, 3].map(|after| {
            let call = echo(&channel, "x").timeout(secs(after));
            tokio::spawn(async move {
                call.await.unwrap_err();
                (after, Instant::now())
            })
        });
        for call in calls {
            let (after, ended) = call.await.unwrap();
            assert_eq!(ended - began, secs(after));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_deadline_gets_sixty_seconds_on_version_1() {
    let (client, _server) = pair_on(V1, Services::new(), Services::new().add(Echo::silent()));
    let began = Instant::now();
    let error = echo(&client.channel(), "x").await.unwrap_err();
    assert_eq!(began.elapsed(), secs(60));
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_deadline_has_none_on_version_2() {
    let (client, _server) = pair_on(V2, Services::new(), Services::new().add(Echo::silent()));
    let call = spawn_echo(&client.channel(), "x");
    assert!(timeout(secs(86_400), call).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_default_deadline_can_be_turned_off() {
    let patient = Services::new().session(SessionConfig::default().default_timeout(None));
    let (client, _server) = pair_on(V1, patient, Services::new().add(Echo::silent()));
    let call = spawn_echo(&client.channel(), "x");
    assert!(timeout(secs(86_400), call).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_channels_timeout_counts_where_the_call_sets_none() {
    for version in BOTH {
        let (client, _server) = pair_on(
            version,
            Services::new(),
            Services::new().add(Echo::silent()),
        );
        let channel = client.channel().timeout(secs(2));
        let began = Instant::now();
        echo(&channel, "x").await.unwrap_err();
        assert_eq!(began.elapsed(), secs(2));
        echo(&channel, "x").timeout(secs(1)).await.unwrap_err();
        assert_eq!(began.elapsed(), secs(3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_deadline_has_passed_is_never_sent() {
    let (client, mut raw) = against_raw(4096, Echo::plain(), SessionConfig::default());
    let call = echo(&client.channel(), "x").timeout(Duration::ZERO);
    let error = call.await.unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::NotSent);
    let _next = spawn_echo(&client.channel(), "next");
    assert_eq!(&raw.request().await.payload[2..], b"next");
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_reaches_nobody() {
    let (client, mut raw) = against_raw(4096, Echo::plain(), SessionConfig::default());
    let channel = client.channel();
    let late = tokio::spawn(std::future::IntoFuture::into_future(
        echo(&channel, "late").timeout(secs(1)),
    ));
    let first = raw.request().await;
    late.await.unwrap().unwrap_err();
    // The next call has the same place in the table.
    let next = spawn_echo(&channel, "next");
    let second = raw.request().await;
    raw.answer(&first, "too late");
    raw.flush().await;
    settle().await;
    assert!(!next.is_finished());
    raw.answer(&second, "in time");
    raw.flush().await;
    assert_eq!(next.await.unwrap().unwrap().body, "in time");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_before_it_is_polled_is_never_sent() {
    let (client, mut raw) = against_raw(4096, Echo::plain(), SessionConfig::default());
    drop(std::future::IntoFuture::into_future(echo(
        &client.channel(),
        "x",
    )));
    let _next = spawn_echo(&client.channel(), "next");
    assert_eq!(&raw.request().await.payload[2..], b"next");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_is_queued_is_never_sent() {
    let (client, mut raw) = against_raw(4096, Echo::plain(), SessionConfig::default());
    let mut queued = Box::pin(std::future::IntoFuture::into_future(echo(
        &client.channel(),
        "x",
    )));
    // Polled once, with no chance for the driver to run.
    let polled = std::future::poll_fn(|cx| {
        std::task::Poll::Ready(std::future::Future::poll(queued.as_mut(), cx).is_pending())
    });
    assert!(polled.await);
    drop(queued);
    let _next = spawn_echo(&client.channel(), "next");
    assert_eq!(&raw.request().await.payload[2..], b"next");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_after_it_was_sent_leaves_nothing_behind() {
    let (client, mut raw) = against_raw(4096, Echo::plain(), SessionConfig::default());
    let call = spawn_echo(&client.channel(), "dropped");
    let request = raw.request().await;
    assert_eq!(client.session.calls_in_flight(), 1);
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(client.session.calls_in_flight(), 0);
    raw.answer(&request, "to nobody");
    raw.flush().await;
    settle().await;
    assert_eq!(client.session.ended(), None);
}

#[tokio::test(start_paused = true)]
async fn a_handler_over_its_time_is_dropped_and_answered() {
    for (version, code, prefix) in [
        (V1, Code::UNKNOWN, "deadline_exceeded: "),
        (V2, Code::DEADLINE_EXCEEDED, ""),
    ] {
        let (echoes, mut watched) = Echo::watched();
        let strict = SessionConfig::default().max_handler_time(secs(2));
        let server = Services::new().add(echoes).session(strict);
        let (client, _server) = pair_on(version, Services::new(), server);
        let began = Instant::now();
        let error = echo(&client.channel(), "x").await.unwrap_err();
        assert_eq!(began.elapsed(), secs(2));
        assert_eq!(error.code(), code);
        let expected = format!("{prefix}the handler took longer than 2s");
        assert_eq!(error.message(), expected);
        assert_eq!(error.outcome(), Outcome::Ran);
        watched.drops.recv().await.unwrap();
    }
}
