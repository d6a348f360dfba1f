//! Messages that are compressed, which shows in how many bytes go over the connection.

use integration::{
    grpc_testing::{
        BoolValue, ResponseParameters, StreamingInputCallRequest, StreamingOutputCallRequest,
    },
    link::{Callee, Link},
    scene::soon,
    streams,
    test_service::zeros,
};
use wsrpc::Compression;

use crate::{next_size, unary::large_request};

/// Zeros, compressed, take less than this; gRPC's sizes are far above.
const LITTLE: u64 = 10_000;

const COMPRESSED: Option<BoolValue> = Some(BoolValue { value: true });

const CALLEES: [Callee; 2] = [Callee::Server, Callee::Agent];

#[tokio::test]
async fn client_compressed_unary() {
    for callee in CALLEES {
        let link = Link::that_can_be_cut().await;
        let before = link.carried();
        let call = link.calls_to(callee).stubs.unary_call(large_request());
        let answer = soon(call.compress(Compression::Zstd).into_future())
            .await
            .unwrap();
        assert_eq!(answer.into_inner().payload, Some(zeros(314_159)));
        let carried = link.carried() - before;
        assert!(carried > 314_159, "the response was not asked for so");
        assert!(carried < 314_159 + LITTLE, "{carried}");
        link.finish().await;
    }
}

#[tokio::test]
async fn server_compressed_unary() {
    for callee in CALLEES {
        let link = Link::that_can_be_cut().await;
        let mut request = large_request();
        request.response_compressed = COMPRESSED;
        let before = link.carried();
        let call = link.calls_to(callee).stubs.unary_call(request);
        let answer = soon(call.into_future()).await.unwrap();
        assert_eq!(answer.into_inner().payload, Some(zeros(314_159)));
        let carried = link.carried() - before;
        assert!(carried > 271_828, "the request was not asked for so");
        assert!(carried < 271_828 + LITTLE, "{carried}");
        link.finish().await;
    }
}

#[tokio::test]
async fn client_compressed_streaming() {
    for callee in CALLEES {
        let link = Link::that_can_be_cut().await;
        let requests = [27_182, 45_904].map(|size| StreamingInputCallRequest {
            payload: Some(zeros(size)),
            expect_compressed: COMPRESSED,
        });
        let before = link.carried();
        let stubs = link.calls_to(callee).stubs;
        let call = stubs.streaming_input_call(streams::of(requests));
        let answer = soon(call.compress(Compression::Zstd).into_future())
            .await
            .unwrap();
        assert_eq!(answer.aggregated_payload_size, 73_086);
        let carried = link.carried() - before;
        assert!(carried < LITTLE, "{carried}");
        link.finish().await;
    }
}

#[tokio::test]
async fn server_compressed_streaming() {
    for callee in CALLEES {
        let link = Link::that_can_be_cut().await;
        let response_parameters = [31_415, 92_653].map(|size| ResponseParameters {
            size,
            compressed: COMPRESSED,
            ..ResponseParameters::default()
        });
        let request = StreamingOutputCallRequest {
            response_parameters: response_parameters.into(),
            ..StreamingOutputCallRequest::default()
        };
        let before = link.carried();
        let call = link.calls_to(callee).stubs.streaming_output_call(request);
        let mut responses = soon(call.into_future()).await.unwrap();
        for size in [31_415, 92_653] {
            assert_eq!(next_size(&mut responses).await.unwrap(), Some(size));
        }
        assert_eq!(next_size(&mut responses).await.unwrap(), None);
        let carried = link.carried() - before;
        assert!(carried < LITTLE, "{carried}");
        link.finish().await;
    }
}
