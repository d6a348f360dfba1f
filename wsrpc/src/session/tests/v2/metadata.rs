//! What goes beside messages.

use std::{
    sync::{Arc, Mutex},
    task::Poll,
};

use super::serving;
use crate::{
    Code, Metadata, Outcome, Response, Status,
    service::test_support::{
        Text,
        streams::{Many, Scripted, chat, echoed, list, many, one, put, steps, texts},
    },
};

fn sample(name: &str) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append("name", name).unwrap();
    metadata.append("name", "twice").unwrap();
    metadata.append_bin("raw-bin", vec![0, 255]).unwrap();
    metadata
}

/// More than a peer takes.
fn excessive() -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append("long", &"x".repeat(9000)).unwrap();
    metadata
}

#[tokio::test(start_paused = true)]
async fn requests_and_responses_of_all_kinds_have_them() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let see = {
        let seen = seen.clone();
        move |metadata: &Metadata| seen.lock().unwrap().push(metadata.clone())
    };
    let (see1, see2, see3, see4) = (see.clone(), see.clone(), see.clone(), see);
    let service = Scripted::new()
        .one(move |request| {
            see1(request.metadata());
            async { Ok(Response::new(Text::new("x")).with_metadata(sample("one"))) }
        })
        .list(move |request| {
            see2(request.metadata());
            async { Ok(many([].into_iter()).with_metadata(sample("list"))) }
        })
        .put(move |request| {
            see3(request.metadata());
            async { Ok(Response::new(Text::new("x")).with_metadata(sample("put"))) }
        })
        .chat(move |request| {
            see4(request.metadata());
            async { Ok(echoed(request).with_metadata(sample("chat"))) }
        });
    let (client, _server) = serving(service.serve());
    let channel = client.channel();
    let answer = one(&channel, "x").metadata(sample("a")).await.unwrap();
    assert_eq!(*answer.metadata(), sample("one"));
    let answer = list(&channel, "x").metadata(sample("b")).await.unwrap();
    assert_eq!(*answer.metadata(), sample("list"));
    let answer = put(&channel, texts(["x"]))
        .metadata(sample("c"))
        .await
        .unwrap();
    assert_eq!(*answer.metadata(), sample("put"));
    let answer = chat(&channel, texts(["x"]))
        .metadata(sample("d"))
        .await
        .unwrap();
    assert_eq!(*answer.metadata(), sample("chat"));
    let mut stream = answer.into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().body, "x");
    assert_eq!(*seen.lock().unwrap(), ["a", "b", "c", "d"].map(sample));
}

#[tokio::test(start_paused = true)]
async fn those_of_a_stream_come_before_its_first_message() {
    let service = Scripted::new().list(|_| async {
        let silent: Many = Box::pin(steps(|_| Poll::Pending));
        Ok(Response::new(silent).with_metadata(sample("early")))
    });
    let (client, _server) = serving(service.serve());
    let answer = list(&client.channel(), "x").await.unwrap();
    assert_eq!(*answer.metadata(), sample("early"));
}

#[tokio::test(start_paused = true)]
async fn more_than_the_peer_takes_is_not_sent() {
    let (client, _server) = serving(Scripted::plain().serve());
    let channel = client.channel();
    let errors = [
        one(&channel, "x").metadata(excessive()).await.map(drop),
        chat(&channel, texts(["x"]))
            .metadata(excessive())
            .await
            .map(drop),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
        assert_eq!(error.outcome(), Outcome::NotSent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_with_more_than_the_caller_takes_becomes_a_status() {
    let service = Scripted::new()
        .one(|_| async { Ok(Response::new(Text::new("x")).with_metadata(excessive())) })
        .list(|_| async { Ok(many([].into_iter()).with_metadata(excessive())) });
    let (client, _server) = serving(service.serve());
    let errors = [
        one(&client.channel(), "x").await.map(drop),
        list(&client.channel(), "x").await.map(drop),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
        assert_eq!(error.outcome(), Outcome::Ran);
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_with_more_than_the_caller_takes_goes_without() {
    let service = Scripted::new()
        .one(|_| async { Err(Status::aborted("as it is").with_metadata(excessive())) });
    let (client, _server) = serving(service.serve());
    let error = one(&client.channel(), "x").await.unwrap_err();
    assert_eq!(*error.status(), Status::aborted("as it is"));
}
