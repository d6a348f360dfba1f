//! The four kinds of methods, both ways.

use tokio::task::JoinSet;

use super::serving;
use crate::{
    Channel, Response, Spawned, Status,
    service::test_support::{
        Text, settle,
        streams::{Many, Scripted, chat, fed, list, many, one, put, rest, texts},
    },
    testing::{Services, pair},
};

async fn assert_all_kinds(channel: Channel) {
    assert_eq!(one(&channel, "x").await.unwrap().body, "x");
    let mut stream = list(&channel, "3").await.unwrap().into_inner();
    assert_eq!(rest(&mut stream).await.unwrap(), ["0", "1", "2"]);
    assert_eq!(
        stream.message().await,
        Ok(None),
        "after the end comes nothing"
    );
    let joined = put(&channel, texts(["a", "b", "c"])).await.unwrap();
    assert_eq!(joined.body, "a b c");
    let mut stream = chat(&channel, texts(["a", "b"]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(rest(&mut stream).await.unwrap(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn all_kinds_go_both_ways() {
    let side = || Services::new().add(Scripted::plain().serve());
    let (client, server) = pair(side(), side());
    assert_all_kinds(client.channel()).await;
    assert_all_kinds(server.channel()).await;
    let side = || Services::new().add(Spawned(Scripted::plain().serve()));
    let (client, server) = pair(side(), side());
    assert_all_kinds(client.channel()).await;
    assert_all_kinds(server.channel()).await;
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_calls_of_all_kinds_go_both_ways_at_once() {
    let side = || Services::new().add(Scripted::plain().serve());
    let (client, server) = pair(side(), side());
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        calls.spawn(assert_all_kinds(client.channel()));
        calls.spawn(assert_all_kinds(server.channel()));
    }
    assert_eq!(calls.join_all().await.len(), 200);
}

#[tokio::test(start_paused = true)]
async fn streams_may_be_empty_and_so_may_messages() {
    let (client, _server) = serving(Scripted::plain().serve());
    let channel = client.channel();
    let none = || texts(std::iter::empty::<String>());
    let mut stream = list(&channel, "0").await.unwrap().into_inner();
    assert_eq!(stream.message().await, Ok(None));
    assert_eq!(put(&channel, none()).await.unwrap().body, "");
    let mut stream = chat(&channel, none()).await.unwrap().into_inner();
    assert_eq!(stream.message().await, Ok(None));
    let mut stream = chat(&channel, texts(["", "", "x", ""]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(rest(&mut stream).await.unwrap(), ["", "", "x", ""]);
    assert_eq!(put(&channel, texts(["", ""])).await.unwrap().body, " ");
}

#[tokio::test(start_paused = true)]
async fn each_message_is_delivered_without_waiting_for_the_next() {
    let (client, _server) = serving(Scripted::plain().serve());
    let (sender, requests) = fed();
    let call = chat(&client.channel(), requests);
    sender.send(Text::new("first")).unwrap();
    let mut stream = call.await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().body, "first");
    for i in 0..100 {
        sender.send(Text::new(i.to_string())).unwrap();
        let answer = stream.message().await.unwrap().unwrap();
        assert_eq!(answer.body, i.to_string());
    }
    drop(sender);
    assert_eq!(stream.message().await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_has_said_all_still_hears_the_answers() {
    let late = Scripted::new().chat(|request| async move {
        let mut requests = request.into_inner();
        let all = rest(&mut requests).await?;
        // Its end stays the end.
        assert_eq!(requests.message().await, Ok(None));
        Ok(many(all.into_iter().rev().map(|body| Ok(Text::new(body)))))
    });
    let (client, _server) = serving(late.serve());
    let (sender, requests) = fed();
    let call = tokio::spawn(std::future::IntoFuture::into_future(chat(
        &client.channel(),
        requests,
    )));
    for body in ["a", "b", "c"] {
        sender.send(Text::new(body)).unwrap();
    }
    settle().await;
    assert!(!call.is_finished());
    drop(sender);
    let mut stream = call.await.unwrap().unwrap().into_inner();
    assert_eq!(rest(&mut stream).await.unwrap(), ["c", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_there_before_its_first_message_is() {
    let (sender, responses) = fed();
    let responses = std::sync::Mutex::new(Some(responses));
    let slow = Scripted::new().list(move |_| {
        let responses = responses.lock().unwrap().take();
        async move {
            let responses = responses.ok_or_else(|| Status::internal("called twice"))?;
            let boxed: Many = Box::pin(responses);
            Ok(Response::new(boxed))
        }
    });
    let (client, _server) = serving(slow.serve());
    let mut stream = list(&client.channel(), "x").await.unwrap().into_inner();
    sender.send(Ok(Text::new("now"))).unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap().body, "now");
    drop(sender);
    assert_eq!(stream.message().await, Ok(None));
}
