//! Trailers of streams that do not end well.

use integration::{
    grpc_testing::{EchoStatus, StreamingOutputCallRequest},
    link::{Callee, Link},
    streams::of,
    test_service::ECHO_TRAILING,
};
use wsrpc::{Code, Metadata};

use crate::request;

#[tokio::test]
async fn the_trailers_of_a_stream_that_fails_come_with_its_status() {
    let link = Link::new().await;
    let calls = link.calls_to(Callee::Server);
    let mut metadata = Metadata::new();
    metadata.insert_bin(ECHO_TRAILING, "late").unwrap();
    let failing = StreamingOutputCallRequest {
        response_status: Some(EchoStatus {
            code: u32::from(Code::ABORTED).try_into().unwrap(),
            message: "enough".into(),
        }),
        ..StreamingOutputCallRequest::default()
    };
    let call = calls.stubs.full_duplex_call(of([request(&[1]), failing]));
    let answer = call.metadata(metadata.clone()).await.unwrap();
    let mut responses = answer.into_inner();
    assert!(responses.message().await.unwrap().is_some());
    let error = responses.message().await.unwrap_err();
    assert_eq!(error.code(), Code::ABORTED);
    assert_eq!(error.status().metadata(), &metadata);
    assert_eq!(responses.trailers(), None);
    link.finish().await;
}

#[tokio::test]
async fn there_are_no_trailers_before_the_end() {
    let link = Link::new().await;
    let calls = link.calls_to(Callee::Agent);
    let (requests, stream) = integration::streams::channel();
    let answer = calls.stubs.full_duplex_call(stream).await.unwrap();
    let mut responses = answer.into_inner();
    assert_eq!(responses.trailers(), None);
    requests.send(request(&[1])).await.unwrap();
    assert!(responses.message().await.unwrap().is_some());
    assert_eq!(responses.trailers(), None);
    drop(requests);
    assert!(responses.message().await.unwrap().is_none());
    assert_eq!(responses.trailers(), Some(Metadata::new()));
    link.finish().await;
}
