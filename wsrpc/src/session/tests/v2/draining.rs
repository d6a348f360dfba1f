//! Going away: what runs is finished, what is new is turned away, and clients come back in their time.

use std::{future::IntoFuture, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::JoinSet};

use super::serving;
use crate::{
    Code, Outcome, Response, SessionEnd,
    service::test_support::{
        Echo, Text, echo, settle, spawn_echo,
        streams::{Scripted, chat, fed, list, one},
    },
    testing::{Services, pair},
};

const SPREAD: Duration = Duration::from_secs(7);

#[tokio::test(start_paused = true)]
async fn streams_that_run_are_finished() {
    let (client, server) = serving(Scripted::plain().serve());
    let (sender, requests) = fed();
    let mut stream = chat(&client.channel(), requests)
        .await
        .unwrap()
        .into_inner();
    sender.send(Text::new("before")).unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap().body, "before");
    server.session().drain(SPREAD);
    settle().await;
    let error = list(&client.channel(), "1").await.unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::NotSent);
    sender.send(Text::new("after")).unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap().body, "after");
    assert_eq!(server.session().ended(), None);
    drop(sender);
    assert_eq!(stream.message().await, Ok(None));
    assert_eq!(server.closed().await, SessionEnd::Shutdown);
    assert_eq!(client.session().spread(), Some(SPREAD));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_idle_learns_when_to_come_back() {
    for _ in 0..10 {
        let (client, server) = serving(Echo::plain());
        settle().await;
        server.session().drain(SPREAD);
        assert!(matches!(
            client.closed().await,
            SessionEnd::PeerClosed { code: 1001, .. }
        ));
        settle().await;
        assert_eq!(client.session().spread(), Some(SPREAD));
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_that_crosses_a_go_away_is_answered_or_safe_to_make_again() {
    let (client, server) = serving(Echo::plain());
    let mut calls = JoinSet::new();
    for i in 0..200 {
        let channel = client.channel();
        calls.spawn(async move {
            for _ in 0..i {
                tokio::task::yield_now().await;
            }
            echo(&channel, "x").await.map(drop)
        });
    }
    for _ in 0..60 {
        tokio::task::yield_now().await;
    }
    server.session().drain(SPREAD);
    let (mut answered, mut turned_away) = (0, 0);
    for result in calls.join_all().await {
        match result {
            Ok(()) => answered += 1,
            Err(error) => {
                assert_eq!(error.code(), Code::UNAVAILABLE);
                assert!(error.outcome().is_safe_to_retry(), "{error}");
                turned_away += 1;
            }
        }
    }
    assert!(answered > 0 && turned_away > 0, "{answered} {turned_away}");
}

#[tokio::test(start_paused = true)]
async fn handlers_that_run_may_still_call_back() {
    let gate = Arc::new(Semaphore::new(0));
    let open = gate.clone();
    let nested = Scripted::new().one(move |request| {
        let gate = open.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(echo(&request.channel(), "back").await?)
        }
    });
    let (client, server) = pair(
        Services::new().add(Echo::plain()),
        Services::new().add(nested.serve()),
    );
    let call = one(&client.channel(), "x");
    let call = tokio::spawn(call.into_future());
    settle().await;
    server.session().drain(SPREAD);
    settle().await;
    gate.add_permits(1);
    assert_eq!(call.await.unwrap().unwrap().body, "back");
    assert_eq!(server.closed().await, SessionEnd::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn a_call_on_a_session_whose_peer_drains_has_nothing_to_wait_for() {
    let (echoes, mut watched) = Echo::watched();
    let (client, server) = serving(echoes);
    let _running = spawn_echo(&client.channel(), "x");
    watched.starts.recv().await.unwrap();
    server.session().drain(SPREAD);
    settle().await;
    // This channel leads to no other session.
    let patient = client.channel().wait_for_ready(true);
    let error = echo(&patient, "x").await.unwrap_err();
    assert_eq!(error.message(), "the peer is shutting down");
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::NotSent);
}

#[tokio::test(start_paused = true)]
async fn both_sides_may_drain_at_once() {
    let gate = Arc::new(Semaphore::new(0));
    let service = || {
        let gate = gate.clone();
        Echo::new(move |request| {
            let gate = gate.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                Ok(Response::new(request.into_inner()))
            }
        })
    };
    let (client, server) = pair(
        Services::new().add(service()),
        Services::new().add(service()),
    );
    let up = spawn_echo(&client.channel(), "up");
    let down = spawn_echo(&server.channel(), "down");
    settle().await;
    client.session().drain(SPREAD);
    server.session().drain(SPREAD);
    settle().await;
    gate.add_permits(2);
    assert_eq!(up.await.unwrap().unwrap().body, "up");
    assert_eq!(down.await.unwrap().unwrap().body, "down");
    client.closed().await;
    server.closed().await;
}
