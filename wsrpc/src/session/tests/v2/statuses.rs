//! Failures come as they are: with their codes, details and metadata, what is known of the call, and who is to blame.

use super::serving;
use crate::{
    Blame, Call, Code, Metadata, MethodDescriptor, Outcome, Response, Status,
    call_error::CallError,
    service::test_support::{
        ECHO, Echo, MISSING, OTHER, Text, echo,
        streams::{STREAMS, Scripted, chat, fed, list, many, one, put, rest, texts},
    },
    testing::{Services, pair},
};

fn assert_remote(error: &CallError, code: Code, message: &str, outcome: Outcome) {
    assert_eq!(error.code(), code);
    assert_eq!(error.message(), message);
    assert_eq!(error.outcome(), outcome);
    assert_eq!(error.blame(), Blame::Remote);
}

/// A status with everything that one may have.
fn full() -> Status {
    let mut metadata = Metadata::new();
    metadata.append("why", "because").unwrap();
    metadata.append("why", "of that").unwrap();
    metadata.append_bin("raw-bin", vec![0, 255]).unwrap();
    Status::failed_precondition("not now: 7")
        .with_details(vec![1, 2, 3])
        .with_metadata(metadata)
}

#[tokio::test(start_paused = true)]
async fn a_handlers_status_comes_whole() {
    let failing = Scripted::new()
        .one(|_| async { Err(full()) })
        .list(|_| async { Err(full()) })
        .put(|_| async { Err(full()) })
        .chat(|_| async { Err(full()) });
    let (client, _server) = serving(failing.serve());
    let channel = client.channel();
    let errors = [
        one(&channel, "x").await.map(drop),
        list(&channel, "x").await.map(drop),
        put(&channel, texts(["x"])).await.map(drop),
        chat(&channel, texts(["x"])).await.map(drop),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert_remote(
            &error,
            Code::FAILED_PRECONDITION,
            "not now: 7",
            Outcome::Ran,
        );
        assert_eq!(*error.status(), full());
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_in_a_stream_comes_whole_after_what_was_yielded_before() {
    let failing = Scripted::new().list(|_| async {
        Ok(many(
            [Ok(Text::new("a")), Ok(Text::new("b")), Err(full())].into_iter(),
        ))
    });
    let (client, _server) = serving(failing.serve());
    let mut stream = list(&client.channel(), "x").await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().body, "a");
    assert_eq!(stream.message().await.unwrap().unwrap().body, "b");
    let error = stream.message().await.unwrap_err();
    assert_eq!(*error.status(), full());
    assert_eq!(error.outcome(), Outcome::Ran);
    assert_eq!(stream.message().await, Ok(None));
    assert_eq!(stream.trailers(), None);
}

#[tokio::test(start_paused = true)]
async fn a_status_passes_whole_through_nested_calls() {
    let (client, server) = pair(
        Services::new().add(Scripted::new().one(|_| async { Err(full()) }).serve()),
        Services::new().add(
            Scripted::new()
                .list(|request| async move {
                    let back = request.channel();
                    one(&back, "back").await?;
                    Ok(many([].into_iter()))
                })
                .serve(),
        ),
    );
    let error = list(&client.channel(), "x").await.unwrap_err();
    assert_eq!(*error.status(), full());
    // The nested call failed where it was made; this one ran, and answered so.
    assert_eq!(error.outcome(), Outcome::Ran);
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn an_error_without_a_text_stays_one() {
    let (client, _server) = serving(Echo::new(|_| async { Err(Status::not_found("")) }));
    let error = echo(&client.channel(), "x").await.unwrap_err();
    assert_remote(&error, Code::NOT_FOUND, "", Outcome::Ran);
}

#[tokio::test(start_paused = true)]
async fn a_failure_with_the_code_of_success_is_still_a_failure() {
    let (client, _server) = serving(Echo::new(|_| async {
        Err(Status::new(Code::from(0), "it says that it went well"))
    }));
    let error = echo(&client.channel(), "x").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Ran);
    assert_eq!(error.message(), "it says that it went well");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_serves_is_refused() {
    let (client, _server) = pair(Services::new(), Services::new());
    let error = echo(&client.channel(), "x").await.unwrap_err();
    let expected = "no method \"test.Echo/Echo\": the callee has no services";
    assert_remote(&error, Code::UNIMPLEMENTED, expected, Outcome::Refused);

    let (client, _server) = serving(Echo::plain());
    let channel = client.channel();
    let call = Call::<Text>::unary(&channel, &MISSING, &Text::new("x"));
    let expected = "no method \"test.Echo/Missing\"";
    assert_remote(
        &call.await.unwrap_err(),
        Code::UNIMPLEMENTED,
        expected,
        Outcome::Refused,
    );
    let error = list(&channel, "x").await.unwrap_err();
    let expected = "no method \"test.Streams/List\": the callee has no such service";
    assert_remote(&error, Code::UNIMPLEMENTED, expected, Outcome::Refused);
    // A stream of requests for it ends as well.
    let endless = texts(std::iter::repeat("x"));
    let error = chat(&channel, endless).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_nobody_knows_is_sent_back_in_part() {
    const NAME: &str = "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij";
    static LONG: MethodDescriptor = MethodDescriptor::unary("test.Echo", NAME);
    let (client, _server) = serving(Echo::plain());
    let call = Call::<Text>::unary(&client.channel(), &LONG, &Text::new("x"));
    let error = call.await.unwrap_err();
    let full = format!("test.Echo/{NAME}");
    assert_eq!(error.message(), format!("no method {:?}…", &full[..64]));
}

#[tokio::test(start_paused = true)]
async fn services_may_share_a_bare_name() {
    let other = Echo::new(|_| async { Ok(Response::new(Text::new("the other"))) }).other();
    let both = Services::new().add(Echo::plain()).add(other);
    let (client, _server) = pair(Services::new(), both);
    let channel = client.channel();
    assert_eq!(echo(&channel, "x").await.unwrap().body, "x");
    let method = &OTHER.methods()[0];
    let call = Call::<Text>::unary(&channel, method, &Text::new("x"));
    assert_eq!(call.await.unwrap().body, "the other");
}

/// The first field of [`Text`] with another type.
#[derive(Clone, PartialEq, prost::Message)]
struct Number {
    #[prost(uint64, tag = "1")]
    body: u64,
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_decode_is_refused() {
    let (client, _server) = serving(Echo::plain());
    let channel = client.channel();
    let call = Call::<Text>::unary(&channel, &ECHO.methods()[0], &Number { body: 7 });
    let error = call.await.unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    assert_eq!(error.outcome(), Outcome::Refused);
    let expected = "the payload is no request of test.Echo/Echo: ";
    assert!(error.message().starts_with(expected), "{error}");
    assert_eq!(echo(&channel, "next").await.unwrap().body, "next");
}

#[tokio::test(start_paused = true)]
async fn a_request_in_a_stream_that_does_not_decode_is_an_invalid_argument() {
    let (client, _server) = serving(Scripted::plain().serve());
    let channel = client.channel();
    let (sender, requests) = fed();
    sender.send(Number { body: 7 }).unwrap();
    drop(sender);
    let method = &STREAMS.methods()[2];
    let error = Call::<Text>::client_streaming(&channel, method, requests)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    assert_eq!(error.outcome(), Outcome::Ran);
}

#[tokio::test(start_paused = true)]
async fn a_response_in_a_stream_that_does_not_decode_is_blamed_on_the_callee() {
    let (client, server) = serving(Scripted::plain().serve());
    let method = &STREAMS.methods()[1];
    let call = Call::<crate::Streaming<Number>>::server_streaming(
        &client.channel(),
        method,
        &Text::new("1000000"),
    );
    let mut stream = call.await.unwrap().into_inner();
    let error = stream.message().await.unwrap_err();
    assert_eq!(error.code(), Code::INTERNAL);
    assert_eq!(error.outcome(), Outcome::Ran);
    assert_eq!(error.blame(), Blame::Remote);
    assert_eq!(stream.message().await, Ok(None));
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn a_long_text_is_cut_between_characters() {
    let (client, _server) = serving(Echo::new(|_| async {
        Err(Status::internal("ä".repeat(5000)))
    }));
    let error = echo(&client.channel(), "x").await.unwrap_err();
    assert_remote(&error, Code::INTERNAL, &"ä".repeat(2048), Outcome::Ran);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_collected_from_a_stream_is_no_error() {
    let (client, _server) = serving(Scripted::plain().serve());
    let mut stream = list(&client.channel(), "3").await.unwrap().into_inner();
    assert_eq!(rest(&mut stream).await.unwrap(), ["0", "1", "2"]);
    assert_eq!(stream.trailers(), Some(Metadata::new()));
}
