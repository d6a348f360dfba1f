//! Metadata that the callee sends back: some at the beginning of its answer, some at the end.

use integration::{
    link::Direction,
    streams::of,
    test_service::{ECHO_INITIAL, ECHO_TRAILING, zeros},
};
use wsrpc::Metadata;

use crate::{next_size, request, unary::large_request};

const INITIAL: &str = "test_initial_metadata_value";
const TRAILING: &[u8] = &[0xab, 0xab, 0xab];

/// Of one response, those of the beginning and those of the end come in one place.
pub(crate) async fn custom_metadata(calls: Direction) {
    let call = calls.stubs.unary_call(large_request());
    let answer = call.metadata(custom()).await.unwrap();
    assert_eq!(answer.metadata(), &custom());
    assert_eq!(answer.into_inner().payload, Some(zeros(314_159)));
}

pub(crate) async fn custom_metadata_of_a_stream(calls: Direction) {
    let requests = of([request(271_828, &[314_159])]);
    let call = calls.stubs.full_duplex_call(requests);
    let answer = call.metadata(custom()).await.unwrap();
    let initial = Metadata::try_from([(ECHO_INITIAL, INITIAL)]).unwrap();
    assert_eq!(answer.metadata(), &initial);
    let mut responses = answer.into_inner();
    let next = next_size(&mut responses).await.unwrap();
    assert_eq!(next, Some(314_159));
    assert_eq!(next_size(&mut responses).await.unwrap(), None);
    let mut trailing = Metadata::new();
    trailing.insert_bin(ECHO_TRAILING, TRAILING).unwrap();
    assert_eq!(responses.trailers(), Some(trailing));
}

fn custom() -> Metadata {
    let mut metadata = Metadata::try_from([(ECHO_INITIAL, INITIAL)]).unwrap();
    metadata.insert_bin(ECHO_TRAILING, TRAILING).unwrap();
    metadata
}
