//! Statuses: those that a handler gives, and those of what nobody handles.

use integration::{
    grpc_testing::{
        EchoStatus, Empty, SimpleRequest, StreamingOutputCallRequest,
        unimplemented_service_client::UnimplementedServiceClient,
    },
    link::Direction,
    streams::of,
};
use wsrpc::{Blame, Call, CallError, Code, MethodDescriptor, Outcome};

use crate::next_size;

pub(crate) async fn status_code_and_message(calls: Direction) {
    const MESSAGE: &str = "test status message";
    let error = unary_failure(&calls, MESSAGE).await;
    assert_unknown(&error, MESSAGE);

    let requests = of([StreamingOutputCallRequest {
        response_status: unknown(MESSAGE),
        ..StreamingOutputCallRequest::default()
    }]);
    let answer = calls.stubs.full_duplex_call(requests).await;
    // The metadata of the answer may come before its failure.
    let error = match answer {
        Ok(answer) => next_size(&mut answer.into_inner()).await.unwrap_err(),
        Err(error) => error,
    };
    assert_unknown(&error, MESSAGE);
}

pub(crate) async fn special_status_message(calls: Direction) {
    const MESSAGE: &str = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
    let error = unary_failure(&calls, MESSAGE).await;
    assert_unknown(&error, MESSAGE);
}

pub(crate) async fn unimplemented_method(calls: Direction) {
    static METHOD: MethodDescriptor =
        MethodDescriptor::unary("grpc.testing.TestService", "UnimplementedCall");
    let answer = Call::<Empty>::unary(&calls.channel, &METHOD, &Empty {}).await;
    assert_unimplemented(&answer.unwrap_err());
    assert_eq!(calls.callee.started(), 0);
}

pub(crate) async fn unimplemented_service(calls: Direction) {
    let stubs = UnimplementedServiceClient::new(calls.channel);
    let answer = stubs.unimplemented_call(Empty {}).await;
    assert_unimplemented(&answer.unwrap_err());
    assert_eq!(calls.callee.started(), 0);
}

fn unknown(message: &str) -> Option<EchoStatus> {
    Some(EchoStatus {
        code: 2,
        message: message.into(),
    })
}

async fn unary_failure(calls: &Direction, message: &str) -> CallError {
    let request = SimpleRequest {
        response_status: unknown(message),
        ..SimpleRequest::default()
    };
    calls.stubs.unary_call(request).await.unwrap_err()
}

#[track_caller]
fn assert_unknown(error: &CallError, message: &str) {
    assert_eq!(error.code(), Code::UNKNOWN);
    assert_eq!(error.message(), message);
    assert_eq!(error.outcome(), Outcome::Ran);
    assert_eq!(error.blame(), Blame::Remote);
}

#[track_caller]
fn assert_unimplemented(error: &CallError) {
    assert_eq!(error.code(), Code::UNIMPLEMENTED);
    assert_eq!(error.outcome(), Outcome::Refused);
}
