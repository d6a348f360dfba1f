//! Many streams on one session.

use std::sync::Arc;

use integration::{
    grpc_testing::SimpleRequest,
    link::{Callee, Direction, Link},
    scene::soon,
    streams::channel,
    test_service::zeros,
};
use tokio::{sync::Barrier, task::JoinSet};
use wsrpc::SessionConfig;

use crate::request;

const STREAMS: i32 = 100;

#[tokio::test]
async fn a_hundred_streams_each_way_go_on_side_by_side() {
    let link = Link::new().await;
    let mut streams = JoinSet::new();
    let directions = [Callee::Server, Callee::Agent];
    let all_are_open = Arc::new(Barrier::new(directions.len() * STREAMS as usize));
    for callee in directions {
        for number in 0..STREAMS {
            let (calls, all_are_open) = (link.calls_to(callee), all_are_open.clone());
            streams.spawn(async move { play_ping_pong(calls, number, &all_are_open).await });
        }
    }
    while let Some(played) = soon(streams.join_next()).await {
        played.unwrap();
    }
    link.finish().await;
}

#[tokio::test]
async fn two_hundred_large_calls_are_made_at_once() {
    const CALLS: usize = 200;
    for callee in [Callee::Server, Callee::Agent] {
        let link = Link::new().await;
        let calls = link.calls_to(callee);
        let mut answers = JoinSet::new();
        for _ in 0..CALLS {
            let request = SimpleRequest {
                response_size: 314_159,
                payload: Some(zeros(271_828)),
                ..SimpleRequest::default()
            };
            answers.spawn(calls.stubs.unary_call(request).into_future());
        }
        while let Some(answer) = soon(answers.join_next()).await {
            let payload = answer.unwrap().unwrap().into_inner().payload;
            assert_eq!(payload.unwrap().body.len(), 314_159);
        }
        link.finish().await;
    }
}

#[tokio::test]
async fn streams_of_large_messages_that_nobody_reads_hold_up_nobody_else() {
    hold_up_nobody_else(100_000).await;
}

#[tokio::test]
async fn streams_of_smaller_messages_that_nobody_reads_hold_up_nobody_else() {
    hold_up_nobody_else(50_000).await;
}

async fn hold_up_nobody_else(size: i32) {
    const STREAMS: usize = 20;
    const MESSAGES: usize = 20;
    // In all, the streams have more than a side sets aside for what it receives.
    let limited = || SessionConfig::default().max_recv_message_size(2_000_000);
    let link = Link::with(
        |server| server.session(limited()),
        |client| client.session(limited()),
    )
    .await;
    for callee in [Callee::Server, Callee::Agent] {
        let calls = link.calls_to(callee);
        let mut unread = Vec::new();
        for _ in 0..STREAMS {
            let call = calls
                .stubs
                .streaming_output_call(request(&[size; MESSAGES]));
            unread.push(soon(call.into_future()).await.unwrap().into_inner());
        }
        let large = SimpleRequest {
            response_size: 1_000_000,
            payload: Some(zeros(1_000_000)),
            ..SimpleRequest::default()
        };
        for _ in 0..10 {
            let answer = soon(calls.stubs.unary_call(large.clone()).into_future());
            answer.await.unwrap();
        }
        calls.callee.running(STREAMS).await;
        for mut responses in unread {
            for _ in 0..MESSAGES {
                let response = soon(responses.message()).await.unwrap().unwrap();
                assert_eq!(response.payload.unwrap().body.len(), size as usize);
            }
            assert_eq!(soon(responses.message()).await.unwrap(), None);
        }
    }
    link.finish().await;
}

#[tokio::test]
async fn streams_that_are_opened_and_dropped_again_leave_nothing_behind() {
    let link = Link::new().await;
    for callee in [Callee::Server, Callee::Agent] {
        let calls = link.calls_to(callee);
        let mut streams = JoinSet::new();
        for number in 0..500 {
            let stubs = calls.stubs.clone();
            streams.spawn(async move {
                let (requests, stream) = channel();
                let call = stubs.full_duplex_call(stream);
                let mut responses = soon(call.into_future()).await.unwrap().into_inner();
                let wanted = request(&[number, 100_000, number, 300_000]);
                if number % 3 > 0 {
                    requests.send(wanted).await.unwrap();
                }
                for _ in 0..number % 4 {
                    if number % 3 > 0 {
                        responses.message().await.unwrap();
                    }
                }
                drop(responses);
                soon(requests.closed()).await;
            });
        }
        while let Some(dropped) = soon(streams.join_next()).await {
            dropped.unwrap();
        }
        calls.callee.running(0).await;
    }
    link.finish().await;
}

/// Each stream asks for sizes that are its own, so that none gets what is another's.
async fn play_ping_pong(calls: Direction, number: i32, all_are_open: &Barrier) {
    const ROUNDS: i32 = 5;
    let (requests, stream) = channel();
    let answer = calls.stubs.full_duplex_call(stream).await.unwrap();
    let mut responses = answer.into_inner();
    for round in 0..ROUNDS {
        let size = round * STREAMS + number;
        requests.send(request(&[size])).await.unwrap();
        let response = responses.message().await.unwrap().unwrap();
        assert_eq!(response.payload.unwrap().body.len(), size as usize);
        all_are_open.wait().await;
    }
    drop(requests);
    assert_eq!(responses.message().await.unwrap(), None);
}
