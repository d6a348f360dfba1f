//! Calls that end before they are done. A call that is dropped is cancelled: who drops it needs no status, so what is
//! looked at is whether the callee stops.

use std::time::Duration;

use integration::{
    grpc_testing::StreamingInputCallRequest, link::Direction, scene::soon, streams::channel,
};
use wsrpc::Code;

use crate::{next_size, request};

pub(crate) async fn cancel_after_begin(calls: Direction) {
    let (requests, stream) = channel::<StreamingInputCallRequest>();
    let call = calls.stubs.streaming_input_call(stream);
    tokio::select! {
        answer = call => panic!("an answer without a request: {answer:?}"),
        () = calls.callee.running(1) => {}
    }
    calls.callee.running(0).await;
    soon(requests.closed()).await;
}

pub(crate) async fn cancel_after_first_response(calls: Direction) {
    let (requests, stream) = channel();
    let call = calls.stubs.full_duplex_call(stream);
    let mut responses = call.await.unwrap().into_inner();
    requests.send(request(27_182, &[31_415])).await.unwrap();
    let next = next_size(&mut responses).await.unwrap();
    assert_eq!(next, Some(31_415));
    calls.callee.running(1).await;
    drop(responses);
    calls.callee.running(0).await;
    soon(requests.closed()).await;
}

pub(crate) async fn timeout_on_sleeping_server(calls: Direction) {
    let (requests, stream) = channel();
    requests.send(request(27_182, &[])).await.unwrap();
    let call = calls.stubs.full_duplex_call(stream);
    let answer = soon(call.timeout(Duration::from_millis(1)).into_future()).await;
    // The callee may have begun to answer by then.
    let error = match answer {
        Ok(answer) => next_size(&mut answer.into_inner()).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    calls.callee.running(0).await;
    soon(requests.closed()).await;
}
