//! Messages of all sizes, around those at which something changes: whole or in chunks, within a window or beyond it,
//! within the limit or beyond it.

use integration::{
    grpc_testing::{SimpleRequest, StreamingInputCallRequest},
    link::{Callee, Link},
    scene::soon,
    streams::{channel, of},
    test_service::zeros,
};
use wsrpc::{Code, Outcome, SessionConfig};

use crate::request;

const KIB: i32 = 1024;

/// Sizes of payloads; what is around them in a message is a few bytes.
fn sizes() -> Vec<i32> {
    let around = |edge: i32| (-40..=24).step_by(4).map(move |by| edge * KIB + by);
    let edges = [0, 16, 64, 128].into_iter().flat_map(around);
    let sizes = edges.chain([1024 * KIB, 9_000_000]);
    sizes.filter(|size| *size >= 0).collect()
}

#[tokio::test]
async fn a_message_of_any_size_goes_to_the_server_and_back() {
    echo_sizes(Callee::Server).await;
}

#[tokio::test]
async fn a_message_of_any_size_goes_to_the_agent_and_back() {
    echo_sizes(Callee::Agent).await;
}

async fn echo_sizes(callee: Callee) {
    let link = Link::new().await;
    let calls = link.calls_to(callee);
    for size in sizes() {
        let answer = soon(calls.stubs.unary_call(sized(size)).into_future());
        let body = answer.await.unwrap().into_inner().payload.unwrap().body;
        assert_eq!(body.len(), size as usize);
    }
    link.finish().await;
}

#[tokio::test]
async fn a_stream_of_messages_of_all_sizes_comes_in_order() {
    let link = Link::new().await;
    for callee in [Callee::Server, Callee::Agent] {
        let calls = link.calls_to(callee);
        let sizes = sizes();
        let call = calls.stubs.streaming_output_call(request(&sizes));
        let mut responses = call.await.unwrap().into_inner();
        for size in &sizes {
            let response = soon(responses.message()).await.unwrap().unwrap();
            assert_eq!(response.payload.unwrap().body.len(), *size as usize);
        }
        assert_eq!(responses.message().await.unwrap(), None);

        let requests = sizes.iter().map(|size| input(*size as usize));
        let answer = calls.stubs.streaming_input_call(of(requests)).into_future();
        let sum: i32 = sizes.iter().sum();
        let answer = soon(answer).await.unwrap();
        assert_eq!(answer.aggregated_payload_size, sum);
    }
    link.finish().await;
}

#[tokio::test]
async fn ten_thousand_empty_messages_go_through_a_stream() {
    const MANY: usize = 10_000;
    let link = Link::new().await;
    for callee in [Callee::Server, Callee::Agent] {
        let calls = link.calls_to(callee);
        let requests = of((0..MANY).map(|_| StreamingInputCallRequest::default()));
        let answer = soon(calls.stubs.streaming_input_call(requests).into_future());
        assert_eq!(answer.await.unwrap().aggregated_payload_size, 0);
        let call = calls.stubs.streaming_output_call(request(&[0; MANY]));
        let mut responses = soon(call.into_future()).await.unwrap().into_inner();
        let mut count = 0;
        while soon(responses.message()).await.unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, MANY);
    }
    link.finish().await;
}

#[tokio::test]
async fn a_message_over_the_limit_fails_its_call_alone() {
    const LIMIT: usize = 100_000;
    let limited = || SessionConfig::default().max_recv_message_size(LIMIT);
    let link = Link::with(
        |server| server.session(limited()),
        |client| client.session(limited()),
    )
    .await;
    for callee in [Callee::Server, Callee::Agent] {
        let calls = link.calls_to(callee);
        let (requests, stream) = channel();
        let call = calls.stubs.full_duplex_call(stream);
        let mut bystander = call.await.unwrap().into_inner();

        let large = SimpleRequest {
            payload: Some(zeros(LIMIT)),
            ..SimpleRequest::default()
        };
        let error = calls.stubs.unary_call(large).await.unwrap_err();
        assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
        assert_eq!(error.outcome(), Outcome::NotSent);

        let asks_for_much = SimpleRequest {
            response_size: LIMIT as i32,
            ..SimpleRequest::default()
        };
        let error = calls.stubs.unary_call(asks_for_much).await.unwrap_err();
        assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
        assert_eq!(error.outcome(), Outcome::Ran);

        let requests_of_a_stream = of([input(1), input(LIMIT)]);
        let call = calls.stubs.streaming_input_call(requests_of_a_stream);
        let error = call.await.unwrap_err();
        assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
        assert_eq!(error.outcome(), Outcome::Unknown);

        let wanted = request(&[1, LIMIT as i32]);
        let call = calls.stubs.streaming_output_call(wanted);
        let mut responses = call.await.unwrap().into_inner();
        assert!(responses.message().await.unwrap().is_some());
        let error = responses.message().await.unwrap_err();
        assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
        assert_eq!(error.outcome(), Outcome::Ran);

        requests.send(request(&[7])).await.unwrap();
        assert!(soon(bystander.message()).await.unwrap().is_some());
        drop(requests);
        assert_eq!(soon(bystander.message()).await.unwrap(), None);
    }
    link.finish().await;
}

fn sized(size: i32) -> SimpleRequest {
    SimpleRequest {
        response_size: size,
        payload: Some(zeros(size as usize)),
        ..SimpleRequest::default()
    }
}

fn input(size: usize) -> StreamingInputCallRequest {
    StreamingInputCallRequest {
        payload: Some(zeros(size)),
        ..StreamingInputCallRequest::default()
    }
}
