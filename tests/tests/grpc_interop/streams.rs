//! Streams of either side, and of both.

use integration::{
    grpc_testing::{StreamingInputCallRequest, StreamingOutputCallRequest},
    link::Direction,
    streams::{channel, of},
    test_service::zeros,
};

use crate::{next_size, request};

const REQUESTS: [usize; 4] = [27_182, 8, 1_828, 45_904];
const RESPONSES: [i32; 4] = [31_415, 9, 2_653, 58_979];

pub(crate) async fn client_streaming(calls: Direction) {
    let requests = REQUESTS.map(|size| StreamingInputCallRequest {
        payload: Some(zeros(size)),
        ..StreamingInputCallRequest::default()
    });
    let answer = calls.stubs.streaming_input_call(of(requests)).await;
    assert_eq!(answer.unwrap().aggregated_payload_size, 74_922);
}

pub(crate) async fn server_streaming(calls: Direction) {
    let wanted = StreamingOutputCallRequest {
        payload: None,
        ..request(0, &RESPONSES)
    };
    let answer = calls.stubs.streaming_output_call(wanted).await.unwrap();
    let mut responses = answer.into_inner();
    for size in RESPONSES {
        let next = next_size(&mut responses).await.unwrap();
        assert_eq!(next, usize::try_from(size).ok());
    }
    assert_eq!(next_size(&mut responses).await.unwrap(), None);
}

pub(crate) async fn ping_pong(calls: Direction) {
    let (requests, stream) = channel();
    let answer = calls.stubs.full_duplex_call(stream).await.unwrap();
    let mut responses = answer.into_inner();
    for (carries, size) in REQUESTS.into_iter().zip(RESPONSES) {
        requests.send(request(carries, &[size])).await.unwrap();
        let next = next_size(&mut responses).await.unwrap();
        assert_eq!(next, usize::try_from(size).ok());
    }
    drop(requests);
    assert_eq!(next_size(&mut responses).await.unwrap(), None);
}

pub(crate) async fn half_duplex(calls: Direction) {
    let requests = REQUESTS.into_iter().zip(RESPONSES);
    let requests = requests.map(|(carries, size)| request(carries, &[size]));
    let answer = calls.stubs.half_duplex_call(of(requests)).await.unwrap();
    let mut responses = answer.into_inner();
    for size in RESPONSES {
        let next = next_size(&mut responses).await.unwrap();
        assert_eq!(next, usize::try_from(size).ok());
    }
    assert_eq!(next_size(&mut responses).await.unwrap(), None);
}

pub(crate) async fn empty_stream(calls: Direction) {
    let answer = calls.stubs.full_duplex_call(of([])).await.unwrap();
    let mut responses = answer.into_inner();
    assert_eq!(next_size(&mut responses).await.unwrap(), None);
}
