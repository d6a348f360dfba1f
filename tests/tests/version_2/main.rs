//! Sessions of version 2 over real sockets: with a side that speaks less, with much at once, and with an end that
//! nobody expected.

#![allow(clippy::unwrap_used)]

mod agreement;
mod at_once;
mod ends;
mod lost;
mod sizes;
mod trailers;

use integration::grpc_testing::{ResponseParameters, StreamingOutputCallRequest};

/// A request for responses of these sizes.
fn request(sizes: &[i32]) -> StreamingOutputCallRequest {
    let response_parameters = sizes.iter().map(|&size| ResponseParameters {
        size,
        ..ResponseParameters::default()
    });
    StreamingOutputCallRequest {
        response_parameters: response_parameters.collect(),
        ..StreamingOutputCallRequest::default()
    }
}
