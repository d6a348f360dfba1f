//! Streams that one side ends before the other one expects it.

use std::time::Duration;

use integration::{
    grpc_testing::{
        EchoStatus, ResponseParameters, StreamingInputCallRequest, StreamingOutputCallRequest,
        test_service_client::TestServiceClient,
    },
    keys::Who,
    link::{Callee, Link},
    scene::{end_of, soon},
    streams::{channel, of},
    test_service::PANIC,
};
use wsrpc::{
    Code, Outcome,
    layer::{CallResponse, Next, from_fn},
};

use crate::request;

/// Longer than any test.
const LONG: i32 = 1_000_000_000;

#[tokio::test]
async fn a_callee_that_fails_early_ends_the_stream_of_requests() {
    let link = Link::new().await;
    for callee in [Callee::Server, Callee::Agent] {
        let calls = link.calls_to(callee);
        let (requests, stream) = channel();
        let mut responses = calls
            .stubs
            .full_duplex_call(stream)
            .await
            .unwrap()
            .into_inner();
        let failing = StreamingOutputCallRequest {
            response_status: Some(EchoStatus {
                code: 10,
                message: "enough".into(),
            }),
            ..StreamingOutputCallRequest::default()
        };
        requests.send(failing).await.unwrap();
        let error = soon(responses.message()).await.unwrap_err();
        assert_eq!(error.code(), Code::ABORTED);
        soon(requests.closed()).await;
        assert_eq!(responses.message().await.unwrap(), None);
    }
    link.finish().await;
}

#[tokio::test]
async fn a_callee_that_panics_ends_its_call_alone() {
    let link = Link::new().await;
    for callee in [Callee::Server, Callee::Agent] {
        let calls = link.calls_to(callee);
        let panicking = StreamingOutputCallRequest {
            response_status: Some(EchoStatus {
                code: PANIC,
                ..EchoStatus::default()
            }),
            ..StreamingOutputCallRequest::default()
        };
        let (requests, stream) = channel();
        let call = calls.stubs.full_duplex_call(stream);
        let mut responses = call.await.unwrap().into_inner();
        requests.send(request(&[7])).await.unwrap();
        assert!(soon(responses.message()).await.unwrap().is_some());
        requests.send(panicking).await.unwrap();
        let error = soon(responses.message()).await.unwrap_err();
        assert_eq!(error.code(), Code::INTERNAL);
        assert_eq!(error.outcome(), Outcome::Ran);
    }
    link.finish().await;
}

#[tokio::test]
async fn a_stream_keeps_the_session_of_its_client_open() {
    let link = Link::new().await;
    let mut there = link.peers.events();
    let (requests, stream) = channel();
    let call = link.calls_to(Callee::Server).stubs.full_duplex_call(stream);
    let mut responses = call.await.unwrap().into_inner();
    drop(link.client);
    for size in 1..=3 {
        requests.send(request(&[size])).await.unwrap();
        assert!(soon(responses.message()).await.unwrap().is_some());
    }
    drop(responses);
    end_of(&mut there, Who::Alice.public()).await;
}

#[tokio::test]
async fn a_stream_through_layers_keeps_the_session_of_its_client_open() {
    let link = Link::new().await;
    let mut there = link.peers.events();
    let (requests, stream) = channel();
    // What is outside of this layer gets the messages by way of another body.
    let copying = from_fn(|request, next: Next| async move {
        let (metadata, body) = next.run(request).await?.into_parts();
        Ok(CallResponse::from_parts(metadata, body.map(Ok)))
    });
    let channel = link.client.channel().layer(copying);
    let call = TestServiceClient::new(channel).full_duplex_call(stream);
    let mut responses = call.await.unwrap().into_inner();
    drop(link.client);
    for size in 1..=3 {
        requests.send(request(&[size])).await.unwrap();
        assert!(soon(responses.message()).await.unwrap().is_some());
    }
    drop(responses);
    end_of(&mut there, Who::Alice.public()).await;
}

#[tokio::test]
async fn what_came_before_the_deadline_comes_before_its_failure() {
    let link = Link::new().await;
    for callee in [Callee::Server, Callee::Agent] {
        let calls = link.calls_to(callee);
        let mut wanted = request(&[1, 2, 3]);
        wanted.response_parameters.push(ResponseParameters {
            interval_us: LONG,
            ..ResponseParameters::default()
        });
        let call = calls.stubs.streaming_output_call(wanted);
        let call = call.timeout(Duration::from_secs(1));
        let mut responses = call.await.unwrap().into_inner();
        for size in 1..=3 {
            let response = responses.message().await.unwrap().unwrap();
            assert_eq!(response.payload.unwrap().body.len(), size);
        }
        let error = soon(responses.message()).await.unwrap_err();
        assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
        calls.callee.running(0).await;
    }
    link.finish().await;
}

#[tokio::test]
async fn a_shutdown_lets_streams_end_within_its_grace() {
    let link = Link::new().await;
    let to_server = link.calls_to(Callee::Server);
    let to_agent = link.calls_to(Callee::Agent);
    let mut streams = Vec::new();
    for calls in [&to_server, &to_agent] {
        let (requests, stream) = channel();
        let call = calls.stubs.full_duplex_call(stream);
        let responses = call.await.unwrap().into_inner();
        calls.callee.running(1).await;
        streams.push((requests, responses));
    }
    let shutdown = tokio::spawn(link.shut_down(Duration::from_secs(60)));
    // Once a call is refused, or waits for a server that takes it, the shutdown has begun.
    let error = soon(async {
        loop {
            let call = to_server.stubs.full_duplex_call(of([]));
            if let Err(error) = call.timeout(Duration::from_secs(1)).await {
                break error;
            }
        }
    })
    .await;
    assert!(error.outcome().is_safe_to_retry());
    for (requests, responses) in &mut streams {
        requests.send(request(&[100_000])).await.unwrap();
        assert!(soon(responses.message()).await.unwrap().is_some());
    }
    for (requests, mut responses) in streams {
        drop(requests);
        assert_eq!(soon(responses.message()).await.unwrap(), None);
    }
    soon(shutdown).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_without_grace_fails_streams() {
    let link = Link::new().await;
    let to_server = link.calls_to(Callee::Server);
    let to_agent = link.calls_to(Callee::Agent);
    let mut streams = Vec::new();
    for calls in [&to_server, &to_agent] {
        let (requests, stream) = channel::<StreamingOutputCallRequest>();
        let call = calls.stubs.full_duplex_call(stream);
        streams.push((requests, call.await.unwrap().into_inner()));
    }
    soon(link.shut_down(Duration::ZERO)).await;
    for (requests, mut responses) in streams {
        let error = soon(responses.message()).await.unwrap_err();
        assert_eq!(error.code(), Code::UNAVAILABLE);
        assert_eq!(error.outcome(), Outcome::Unknown);
        soon(requests.closed()).await;
    }
}

#[tokio::test]
async fn a_caller_that_ends_at_once_gets_an_answer() {
    let link = Link::new().await;
    for callee in [Callee::Server, Callee::Agent] {
        let calls = link.calls_to(callee);
        let none = of::<StreamingInputCallRequest>([]);
        let answer = soon(calls.stubs.streaming_input_call(none).into_future());
        assert_eq!(answer.await.unwrap().aggregated_payload_size, 0);
    }
    link.finish().await;
}
