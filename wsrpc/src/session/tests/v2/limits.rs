//! Limits that concern one call and leave the session alone.

use std::sync::Arc;

use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use crate::{
    Blame, Code, Outcome,
    ProtocolVersion::V2,
    Response, SessionConfig, Status,
    call_error::CallError,
    service::test_support::{
        Echo, End, Text, echo, settle, spawn_echo, start_on,
        streams::{Scripted, chat, list, many, one, put, rest, texts},
    },
    testing::{Services, Side, pair},
    transport::Role,
};

const KIB: usize = 1024;

fn limited(service: impl crate::Service, config: SessionConfig) -> (Side, Side) {
    pair(
        Services::new(),
        Services::new().add(service).session(config),
    )
}

/// Both sides of a session in which each takes the other to have the default limits, so that it may send too much.
fn unaware(client: SessionConfig, server: SessionConfig) -> (End, End) {
    let (here, there) = tokio::io::duplex(64 * KIB);
    let service = || Scripted::plain().serve();
    (
        start_on(V2, here, Role::Client, service(), client),
        start_on(V2, there, Role::Server, service(), server),
    )
}

fn assert_exhausted(error: &CallError, outcome: Outcome, blame: Blame) {
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED, "{error}");
    assert_eq!(error.outcome(), outcome, "{error}");
    assert_eq!(error.blame(), blame, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_request_over_the_peers_limit_fails_at_once_and_is_not_sent() {
    let small = SessionConfig::default().max_recv_message_size(1000);
    let (client, server) = limited(Echo::plain(), small);
    let error = echo(&client.channel(), "x".repeat(1000)).await.unwrap_err();
    assert_exhausted(&error, Outcome::NotSent, Blame::Local);
    assert!(error.message().contains("1003 bytes"), "{error}");
    assert_eq!(echo(&client.channel(), "x").await.unwrap().body, "x");
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn a_response_over_the_limit_of_either_side_becomes_a_status() {
    let small_send = SessionConfig::default().max_send_message_size(1000);
    let small_receive = SessionConfig::default().max_recv_message_size(1000);
    let service = || {
        Echo::new(|request| async move {
            let size = request.body.parse().unwrap();
            Ok(Response::new(Text::new("x".repeat(size))))
        })
    };
    for (ours, theirs) in [
        (SessionConfig::default(), small_send),
        (small_receive, SessionConfig::default()),
    ] {
        let (client, _server) = pair(
            Services::new().session(ours),
            Services::new().add(service()).session(theirs),
        );
        let error = echo(&client.channel(), "1000").await.unwrap_err();
        assert_exhausted(&error, Outcome::Ran, Blame::Remote);
        assert_eq!(
            echo(&client.channel(), "997").await.unwrap().body.len(),
            997
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_should_not_have_been_sent_is_refused_and_the_session_goes_on() {
    let small = SessionConfig::default().max_recv_message_size(1000);
    for size in [1000, 200 * KIB] {
        let (client, server) = unaware(SessionConfig::default(), small.clone());
        let channel = client.channel();
        let error = one(&channel, "x".repeat(size)).await.unwrap_err();
        assert_exhausted(&error, Outcome::Refused, Blame::Remote);
        assert_eq!(one(&channel, "x").await.unwrap().body, "x");
        assert_eq!(server.session.ended(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_streamed_request_that_should_not_have_been_sent_stops_its_handler() {
    let small = SessionConfig::default().max_recv_message_size(1000);
    for size in [1000, 200 * KIB] {
        let (client, server) = unaware(SessionConfig::default(), small.clone());
        let channel = client.channel();
        let bodies = ["fits".to_owned(), "x".repeat(size)];
        let error = put(&channel, texts(bodies.clone())).await.unwrap_err();
        assert_exhausted(&error, Outcome::Ran, Blame::Remote);
        let error = match chat(&channel, texts(bodies)).await {
            Ok(stream) => rest(&mut stream.into_inner()).await.unwrap_err(),
            Err(error) => error,
        };
        assert_exhausted(&error, Outcome::Ran, Blame::Remote);
        assert_eq!(put(&channel, texts(["a", "b"])).await.unwrap().body, "a b");
        assert_eq!(server.session.ended(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_should_not_have_been_sent_fails_its_call_here() {
    let small = SessionConfig::default().max_recv_message_size(1000);
    for size in [1000, 200 * KIB] {
        let (client, server) = unaware(small.clone(), SessionConfig::default());
        let channel = client.channel();
        let error = one(&channel, "x".repeat(size)).await.unwrap_err();
        // A small one comes with the end, and of a large one nothing is known but its size.
        assert_exhausted(&error, Outcome::Unknown, Blame::Local);
        let bodies = ["fits".to_owned(), "x".repeat(size), "too late".to_owned()];
        let mut stream = chat(&channel, texts(bodies)).await.unwrap().into_inner();
        assert_eq!(stream.message().await.unwrap().unwrap().body, "fits");
        let error = stream.message().await.unwrap_err();
        assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED, "{error}");
        assert_eq!(stream.message().await, Ok(None));
        assert_eq!(one(&channel, "x").await.unwrap().body, "x");
        assert_eq!(client.session.ended(), None);
        assert_eq!(server.session.ended(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_streamed_message_over_the_limit_to_send_fails_its_call_on_both_sides() {
    let small = SessionConfig::default().max_recv_message_size(1000);
    let (client, _server) = limited(Scripted::plain().serve(), small.clone());
    let bodies = ["fits".to_owned(), "x".repeat(1000)];
    let error = put(&client.channel(), texts(bodies.clone()))
        .await
        .unwrap_err();
    assert_exhausted(&error, Outcome::Unknown, Blame::Local);

    let (client, _server) = pair(
        Services::new().session(small),
        Services::new().add(
            Scripted::new()
                .list(|_| async {
                    let bodies = ["fits".to_owned(), "x".repeat(1000), "never".to_owned()];
                    Ok(many(bodies.into_iter().map(|body| Ok(Text::new(body)))))
                })
                .serve(),
        ),
    );
    let mut stream = list(&client.channel(), "x").await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().body, "fits");
    let error = stream.message().await.unwrap_err();
    assert_exhausted(&error, Outcome::Ran, Blame::Remote);
}

/// An echo whose handlers wait until the test lets them go.
fn gated() -> (Echo, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let echo = Echo::new(move |request| {
        let gate = opened.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(Response::new(request.into_inner()))
        }
    });
    (echo, gate)
}

#[tokio::test(start_paused = true)]
async fn calls_over_the_handler_limit_are_refused_at_once() {
    let (echoes, gate) = gated();
    let (client, _server) = limited(echoes, SessionConfig::default().max_concurrent_handlers(2));
    let channel = client.channel();
    let began = Instant::now();
    let running = ["a", "b"].map(|body| spawn_echo(&channel, body));
    settle().await;
    let error = echo(&channel, "c").await.unwrap_err();
    assert_exhausted(&error, Outcome::Refused, Blame::Remote);
    assert_eq!(
        error.message(),
        "2 calls of yours run here, which is the limit"
    );
    gate.add_permits(3);
    for (call, body) in running.into_iter().zip(["a", "b"]) {
        assert_eq!(call.await.unwrap().unwrap().body, body);
    }
    assert_eq!(echo(&channel, "c").await.unwrap().body, "c");
    assert_eq!(began.elapsed(), std::time::Duration::ZERO);
}

/// Calls back until the number that it was asked for is 0.
fn descending() -> Echo {
    Echo::new(|request| async move {
        let level: u32 = request
            .body
            .parse()
            .map_err(|_| Status::internal("no number"))?;
        if level > 0 {
            echo(&request.channel(), (level - 1).to_string()).await?;
        }
        Ok(Response::new(request.into_inner()))
    })
}

#[tokio::test(start_paused = true)]
async fn callbacks_that_saturate_both_sides_are_refused_and_nobody_waits_for_ever() {
    let side = || {
        let config = SessionConfig::default().max_concurrent_handlers(2);
        Services::new().add(descending()).session(config)
    };
    let (client, server) = pair(side(), side());
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        for channel in [client.channel(), server.channel()] {
            calls.spawn(async move { echo(&channel, "3").await.map(drop) });
        }
    }
    for result in calls.join_all().await {
        if let Err(error) = result {
            assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED, "{error}");
            // Refused itself, or it ran and its own call was refused.
            assert!(matches!(error.outcome(), Outcome::Refused | Outcome::Ran));
        }
    }
    assert_eq!(began.elapsed(), std::time::Duration::ZERO);
    assert_eq!(echo(&client.channel(), "2").await.unwrap().body, "2");
    assert_eq!(echo(&server.channel(), "2").await.unwrap().body, "2");
}

#[tokio::test(start_paused = true)]
async fn a_peer_may_open_no_more_streams_than_the_limit() {
    let config = SessionConfig::default().max_concurrent_handlers(1);
    let (client, _server) = limited(Scripted::plain().serve(), config);
    let channel = client.channel();
    let stream = list(&channel, "1000000").await.unwrap();
    let error = list(&channel, "1").await.unwrap_err();
    assert_exhausted(&error, Outcome::Refused, Blame::Remote);
    drop(stream);
    settle().await;
    let mut stream = list(&channel, "1").await.unwrap().into_inner();
    assert_eq!(rest(&mut stream).await.unwrap(), ["0"]);
}
