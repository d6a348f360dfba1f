//! What version 1 has no way to say fails at once, before anything is sent.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use crate::{
    Blame, Call, Code, Metadata, MethodDescriptor, Outcome,
    ProtocolVersion::V1,
    Response,
    call_error::CallError,
    service::test_support::{
        Text, pair_on,
        streams::{Scripted, chat, list, one, put, steps},
    },
    testing::Services,
};

fn assert_not_sent(error: &CallError) {
    assert_eq!(error.code(), Code::UNIMPLEMENTED);
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert_eq!(error.blame(), Blame::Local);
    let expected = "the peer speaks version 1 of the protocol, which ";
    assert!(error.message().starts_with(expected), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_call_with_streams_is_not_sent_and_its_stream_is_never_asked() {
    let server = Services::new().add(Scripted::plain().serve());
    let (client, _server) = pair_on(V1, Services::new(), server);
    for wait_for_ready in [false, true] {
        let channel = client.channel().wait_for_ready(wait_for_ready);
        let asked = Arc::new(AtomicBool::new(false));
        let requests = || {
            let asked = asked.clone();
            steps(move |_| {
                asked.store(true, Ordering::SeqCst);
                Poll::Ready(None::<Text>)
            })
        };
        assert_not_sent(&list(&channel, "1").await.unwrap_err());
        assert_not_sent(&put(&channel, requests()).await.unwrap_err());
        assert_not_sent(&chat(&channel, requests()).await.unwrap_err());
        assert!(!asked.load(Ordering::SeqCst));
        assert_eq!(Arc::strong_count(&asked), 1, "the streams are gone");
    }
    assert_eq!(one(&client.channel(), "x").await.unwrap().body, "x");
}

#[tokio::test(start_paused = true)]
async fn a_peer_of_version_1_that_calls_a_method_with_streams_is_told() {
    static LIST: MethodDescriptor = MethodDescriptor::unary("test.Streams", "List");
    let server = Services::new().add(Scripted::plain().serve());
    let (client, _server) = pair_on(V1, Services::new(), server);
    let call = Call::<Text>::unary(&client.channel(), &LIST, &Text::new("3"));
    let error = call.await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Ran);
    let expected =
        "unimplemented: test.Streams/List has streams, and version 1 of the protocol has none";
    assert_eq!(error.message(), expected);
}

#[tokio::test(start_paused = true)]
async fn metadata_that_are_not_optional_are_not_sent() {
    let service = Scripted::new().one(|request| async move {
        let count = request.metadata().len().to_string();
        let mut response = Response::new(Text::new(count));
        response
            .metadata_mut()
            .insert("lost", "on version 1")
            .unwrap();
        Ok(response)
    });
    let server = Services::new().add(service.serve());
    let (client, _server) = pair_on(V1, Services::new(), server);
    let mut metadata = Metadata::new();
    metadata.insert("key", "value").unwrap();
    let call = one(&client.channel(), "x").metadata(metadata.clone());
    assert_not_sent(&call.await.unwrap_err());
    let call = one(&client.channel(), "x").metadata(metadata.optional(true));
    let answer = call.await.unwrap();
    assert_eq!(answer.body, "0");
    assert!(answer.metadata().is_empty());
}
