//! Streams through layers.

use bytes::Bytes;
use prost::Message;
use tokio::sync::mpsc;

use super::{
    kinds::{Kinds, Of, chat, collect, join, many, one, texts},
    *,
};
use crate::{layer::Body, service::test_support::settle};

/// A channel to [`Kinds`] with a layer on both sides.
fn layered(log: &Log) -> (Channel, [Side; 2]) {
    let services = Services::new()
        .add(Kinds::new())
        .layer(named("server", log));
    let (channel, sides) = to(services);
    (channel.layer(named("client", log)), sides)
}

#[tokio::test(start_paused = true)]
async fn calls_of_each_kind_go_through_layers_on_both_sides() {
    let log = Log::default();
    let (channel, _sides) = layered(&log);
    let answer = one(&channel, "a").await.unwrap();
    assert_eq!(answer.body, "a!");
    assert_eq!(answer.metadata().get("from"), Some("handler"));

    let answer = many(&channel, "a b c").await.unwrap();
    assert_eq!(answer.metadata().get("from"), Some("handler"));
    let (all, end) = collect(answer.into_inner()).await;
    assert_eq!(
        (all, end),
        (vec!["a".into(), "b".into(), "c".into()], Ok(()))
    );

    let answer = join(&channel, texts(["a", "b"])).await.unwrap();
    assert_eq!(answer.body, "a b");
    assert_eq!(answer.metadata().get("from"), Some("handler"));

    let answer = chat(&channel, texts(["a", "b"])).await.unwrap();
    assert_eq!(answer.metadata().get("from"), Some("handler"));
    let (all, end) = collect(answer.into_inner()).await;
    assert_eq!((all, end), (vec!["a!".into(), "b!".into()], Ok(())));
    assert_eq!(log.lines().len(), 4 * 4);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_begins_is_an_error_to_the_layers() {
    let log = Log::default();
    let (channel, _sides) = layered(&log);
    let error = many(&channel, "refuse").await.unwrap_err();
    assert_eq!(error.status(), &Status::invalid_argument("refused"));
    assert_eq!(error.outcome(), Outcome::Ran);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_yields_what_came_before() {
    let log = Log::default();
    let (channel, _sides) = layered(&log);
    let answer = chat(&channel, texts(["a", "fail", "b"])).await.unwrap();
    let (all, end) = collect(answer.into_inner()).await;
    assert_eq!(all, ["a!"]);
    let error = end.unwrap_err();
    assert_eq!(error.status(), &Status::aborted("failed"));
    assert_eq!(error.outcome(), Outcome::Ran);
}

#[tokio::test(start_paused = true)]
async fn both_sides_of_a_chat_take_turns_through_layers() {
    let log = Log::default();
    let (channel, _sides) = layered(&log);
    let (requests, receiver) = mpsc::unbounded_channel();
    let mut answers = chat(&channel, Received(receiver))
        .await
        .unwrap()
        .into_inner();
    for body in ["a", "b", "c"] {
        requests.send(Text::new(body)).unwrap();
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!(answer.body, format!("{body}!"));
    }
    drop(requests);
    assert_eq!(answers.message().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_long_stream_keeps_within_its_windows() {
    let log = Log::default();
    let (channel, _sides) = layered(&log);
    let requests = Of((0..200).map(|_| Text::new("x".repeat(10_000))));
    let answer = chat(&channel, requests).await.unwrap();
    let (all, end) = collect(answer.into_inner()).await;
    assert_eq!((all.len(), end), (200, Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_a_frame_goes_through_layers() {
    let log = Log::default();
    let (channel, _sides) = layered(&log);
    let large = "x".repeat(1_000_000);
    let answer = one(&channel, &large).await.unwrap();
    assert_eq!(answer.body.len(), large.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_stream_of_responses_stops_the_handler_behind_the_layers() {
    let log = Log::default();
    let (dropped, mut drops) = mpsc::unbounded_channel();
    let services = Services::new()
        .add(Kinds { dropped })
        .layer(named("server", &log));
    let (channel, _sides) = to(services);
    let channel = channel.layer(named("client", &log));
    let (_requests, receiver) = mpsc::unbounded_channel();
    let answers = chat(&channel, Received(receiver)).await.unwrap();
    settle().await;
    assert!(drops.is_empty());
    drop(answers);
    drops.recv().await.unwrap();
}

fn shout(bytes: Bytes) -> Result<Bytes, Status> {
    let text = Text::decode(bytes).map_err(|error| Status::internal(error.to_string()))?;
    match text.body.as_str() {
        "silence" => Err(Status::failed_precondition("hush")),
        body => Ok(Text::new(body.to_uppercase()).encode_to_vec().into()),
    }
}

/// A layer that shouts the requests and underlines nothing.
fn shouting() -> impl tower_layer::Layer<Next, Service: crate::layer::CallService> {
    from_fn(|request: CallRequest, next: Next| async move {
        let (head, body) = request.into_parts();
        let request = CallRequest::from_parts(head, body.map(shout));
        let (metadata, body) = next.run(request).await?.into_parts();
        Ok(CallResponse::from_parts(metadata, body.map(Ok)))
    })
}

#[tokio::test(start_paused = true)]
async fn a_layer_on_either_side_changes_messages_of_each_kind() {
    let (plain, _sides) = to(Services::new().add(Kinds::new()));
    let (served, _sides) = to(Services::new().add(Kinds::new()).layer(shouting()));
    for channel in [plain.layer(shouting()), served] {
        assert_eq!(one(&channel, "a").await.unwrap().body, "A!");
        let answer = many(&channel, "a b").await.unwrap().into_inner();
        assert_eq!(
            collect(answer).await,
            (vec!["A".into(), "B".into()], Ok(()))
        );
        assert_eq!(join(&channel, texts(["a", "b"])).await.unwrap().body, "A B");
        let answer = chat(&channel, texts(["a", "b"]))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(
            collect(answer).await,
            (vec!["A!".into(), "B!".into()], Ok(()))
        );

        let error = one(&channel, "silence").await.unwrap_err();
        assert_eq!(error.code(), Code::FAILED_PRECONDITION);
        let error = join(&channel, texts(["a", "silence"])).await.unwrap_err();
        assert_eq!(error.code(), Code::FAILED_PRECONDITION);
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_that_a_layer_adds_reach_the_caller_through_layers() {
    let trailing = from_fn(|request: CallRequest, next: Next| async move {
        let (head, body) = next.run(request).await?.into_parts();
        let body = body.with_trailers(|| Some(metadata("count", "2")));
        Ok(CallResponse::from_parts(head, body))
    });
    let (channel, _sides) = to(Services::new().add(Kinds::new()).layer(trailing));
    for channel in [channel.clone(), channel.layer(shouting())] {
        let mut answers = many(&channel, "a b").await.unwrap().into_inner();
        while answers.message().await.unwrap().is_some() {}
        assert_eq!(answers.trailers().unwrap().get("count"), Some("2"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_built_and_taken_apart() {
    let items = [Ok("a"), Ok("b"), Err(Status::aborted("over"))];
    let items = items.map(|item| item.map(Bytes::from));
    let mut body = Body::from_stream(Of(items.into_iter()));
    assert_eq!(body.size(), None);
    assert!(body.try_clone().is_none());
    assert_eq!(body.message().await, Ok(Some(Bytes::from("a"))));
    assert_eq!(body.message().await, Ok(Some(Bytes::from("b"))));
    let error = body.message().await.unwrap_err();
    assert_eq!(error.status(), &Status::aborted("over"));
    assert_eq!(body.message().await, Ok(None));

    let mut body = Body::from_message("abc");
    assert_eq!(body.size(), Some(3));
    let mut copy = body.try_clone().unwrap();
    assert_eq!(copy.message().await, Ok(Some(Bytes::from("abc"))));
    assert_eq!(body.message().await, Ok(Some(Bytes::from("abc"))));
    assert_eq!(body.message().await, Ok(None));
    assert_eq!(Body::empty().size(), Some(0));
}

struct Received(mpsc::UnboundedReceiver<Text>);

impl futures_core::Stream for Received {
    type Item = Text;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Text>> {
        self.0.poll_recv(cx)
    }
}
