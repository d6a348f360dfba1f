//! The cases with which gRPC's implementations are tested against each other, under the names that gRPC gives them: as
//! the agent calls the server, and as the server calls the agent. Source:
//! <https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md>.
//!
//! What has to do with HTTP/2, with Google's cloud or with certificate authorities has no equivalent here.

#![allow(clippy::unwrap_used)]

mod compressed;
mod endings;
mod metadata;
mod statuses;
mod streams;
mod unary;

use integration::{
    grpc_testing::{ResponseParameters, StreamingOutputCallRequest, StreamingOutputCallResponse},
    scene::soon,
    test_service::zeros,
};
use wsrpc::{CallError, Streaming};

/// A test of each case in each direction.
macro_rules! cases {
    ($($module:ident { $($case:ident,)+ })+) => {
        cases!(@agent_calls_server Server $($($module $case)+)+);
        cases!(@server_calls_agent Agent $($($module $case)+)+);
    };
    (@$direction:ident $callee:ident $($module:ident $case:ident)+) => {
        mod $direction {
            use integration::link::{Callee, Link};

            $(#[tokio::test]
            async fn $case() {
                let link = Link::new().await;
                crate::$module::$case(link.calls_to(Callee::$callee)).await;
                link.finish().await;
            })+
        }
    };
}

cases! {
    unary {
        empty_unary,
        large_unary,
    }
    streams {
        client_streaming,
        server_streaming,
        ping_pong,
        half_duplex,
        empty_stream,
    }
    metadata {
        custom_metadata,
        custom_metadata_of_a_stream,
    }
    statuses {
        status_code_and_message,
        special_status_message,
        unimplemented_method,
        unimplemented_service,
    }
    endings {
        cancel_after_begin,
        cancel_after_first_response,
        timeout_on_sleeping_server,
    }
}

/// A request that carries so many zeros, and asks for responses of these sizes.
fn request(carries: usize, sizes: &[i32]) -> StreamingOutputCallRequest {
    let response_parameters = sizes.iter().map(|&size| ResponseParameters {
        size,
        ..ResponseParameters::default()
    });
    StreamingOutputCallRequest {
        response_parameters: response_parameters.collect(),
        payload: Some(zeros(carries)),
        ..StreamingOutputCallRequest::default()
    }
}

/// The next response, if there is one; it holds nothing but zeros.
async fn next_size(
    responses: &mut Streaming<StreamingOutputCallResponse>,
) -> Result<Option<usize>, CallError> {
    let Some(response) = soon(responses.message()).await? else {
        return Ok(None);
    };
    let payload = response.payload.unwrap();
    assert!(payload.body.iter().all(|byte| *byte == 0));
    Ok(Some(payload.body.len()))
}
