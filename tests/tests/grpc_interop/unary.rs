//! One request, one response.

use integration::{
    grpc_testing::{Empty, SimpleRequest},
    link::Direction,
    test_service::zeros,
};

pub(crate) async fn empty_unary(calls: Direction) {
    let answer = calls.stubs.empty_call(Empty {}).await.unwrap();
    assert_eq!(*answer, Empty {});
}

pub(crate) async fn large_unary(calls: Direction) {
    let answer = calls.stubs.unary_call(large_request()).await.unwrap();
    assert_eq!(answer.into_inner().payload, Some(zeros(314_159)));
}

/// What gRPC's cases ask for where they want a large message each way.
pub(crate) fn large_request() -> SimpleRequest {
    SimpleRequest {
        response_size: 314_159,
        payload: Some(zeros(271_828)),
        ..SimpleRequest::default()
    }
}
