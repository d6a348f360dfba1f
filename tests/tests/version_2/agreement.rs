//! Sides that speak different versions.

use integration::{
    grpc_testing::SimpleRequest,
    link::{Callee, Link},
    streams::of,
    test_service::zeros,
};
use wsrpc::{Code, Metadata, Outcome, ProtocolVersion::V1};

use crate::request;

#[tokio::test]
async fn a_client_that_offers_2_and_a_server_that_speaks_only_1_call_each_other() {
    let link = Link::with(|server| server.max_version(V1), |client| client).await;
    call_both_ways_in_version_1(link).await;
}

#[tokio::test]
async fn a_server_that_speaks_2_and_a_client_that_offers_only_1_call_each_other() {
    let link = Link::with(|server| server, |client| client.max_version(V1)).await;
    call_both_ways_in_version_1(link).await;
}

async fn call_both_ways_in_version_1(link: Link) {
    for callee in [Callee::Server, Callee::Agent] {
        let calls = link.calls_to(callee);
        let large = SimpleRequest {
            response_size: 314_159,
            payload: Some(zeros(271_828)),
            ..SimpleRequest::default()
        };
        let optional = Metadata::try_from([("x-zone", "north")]).unwrap();
        let call = calls.stubs.unary_call(large);
        let answer = call.metadata(optional.optional(true)).await.unwrap();
        assert!(answer.metadata().is_empty());
        assert_eq!(answer.into_inner().payload, Some(zeros(314_159)));

        let one_way = calls.stubs.streaming_output_call(request(&[1])).await;
        let both_ways = calls.stubs.full_duplex_call(of([request(&[1])])).await;
        for error in [one_way.unwrap_err(), both_ways.unwrap_err()] {
            assert_eq!(error.code(), Code::UNIMPLEMENTED);
            assert_eq!(error.outcome(), Outcome::NotSent);
        }
        assert_eq!(calls.callee.started(), 1);
    }
    link.finish().await;
}
