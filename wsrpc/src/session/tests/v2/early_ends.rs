//! Streams that end before they are through: by either side, or with their session.

use std::{
    future::IntoFuture,
    sync::{Arc, Mutex, OnceLock},
    task::Poll,
};

use tokio::sync::{Semaphore, mpsc};

use super::serving;
use crate::{
    Blame, Code, Outcome, Response, SessionEnd, Status, Stream, Streaming,
    call_error::CallError,
    service::test_support::{
        DropGuard, Text, settle,
        streams::{Fed, Many, Scripted, chat, fed, list, many, one, put, rest, steps, texts},
        tasks,
    },
    session::Session,
    testing::{Services, pair},
};

type Drops = mpsc::UnboundedReceiver<()>;

/// A stream that tells when it is dropped.
fn guarded(mut inner: Fed<Text>) -> (impl Stream<Item = Text> + Send + 'static, Drops) {
    let (dropped, drops) = mpsc::unbounded_channel();
    let guard = DropGuard(dropped);
    let stream = steps(move |cx| {
        let _held = &guard;
        std::pin::Pin::new(&mut inner).poll_next(cx)
    });
    (stream, drops)
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_has_heard_enough_ends_the_callers_stream() {
    let service = Scripted::new()
        .put(|request| async move {
            let first = request.into_inner().message().await?.unwrap();
            Ok(Response::new(first))
        })
        .chat(|request| async move {
            let first = request.into_inner().message().await?.unwrap();
            Ok(many([Ok(first)].into_iter()))
        });
    let (client, _server) = serving(service.serve());
    let base = tasks();

    // A stream that waits for the user, and one that waits for room.
    let (sender, requests) = fed();
    sender.send(Text::new("enough")).unwrap();
    let (requests, mut drops) = guarded(requests);
    assert_eq!(
        put(&client.channel(), requests).await.unwrap().body,
        "enough"
    );
    drops.recv().await.unwrap();
    let endless = texts(std::iter::repeat("enough"));
    assert_eq!(
        put(&client.channel(), endless).await.unwrap().body,
        "enough"
    );

    let (sender, requests) = fed();
    sender.send(Text::new("enough")).unwrap();
    let (requests, mut drops) = guarded(requests);
    let mut stream = chat(&client.channel(), requests)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(rest(&mut stream).await.unwrap(), ["enough"]);
    drops.recv().await.unwrap();
    settle().await;
    assert_eq!(tasks(), base);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_ends_the_callers_stream() {
    let service = Scripted::new().put(|_| async { Err(Status::aborted("no")) });
    let (client, _server) = serving(service.serve());
    let base = tasks();
    let (_sender, requests) = fed();
    let (requests, mut drops) = guarded(requests);
    let error = put(&client.channel(), requests).await.unwrap_err();
    assert_eq!(error.code(), Code::ABORTED);
    drops.recv().await.unwrap();
    settle().await;
    assert_eq!(tasks(), base);
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_drop_its_requests_and_go_on_answering() {
    let service = Scripted::new().chat(|request| async move {
        drop(request.into_inner());
        Ok(many((0..1000).map(|n| Ok(Text::new(n.to_string())))))
    });
    let (client, _server) = serving(service.serve());
    let endless = texts(std::iter::repeat("x".repeat(1000)));
    let mut stream = chat(&client.channel(), endless).await.unwrap().into_inner();
    assert_eq!(rest(&mut stream).await.unwrap().len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_reads_on_after_the_handler_has_answered_is_told() {
    let (told, mut is_told) = mpsc::unbounded_channel();
    let service = Scripted::new().put(move |request| {
        let told = told.clone();
        async move {
            let mut requests: Streaming<Text> = request.into_inner();
            tokio::spawn(async move { told.send(rest(&mut requests).await) });
            // It waits by now.
            settle().await;
            Ok(Response::new(Text::new("answered")))
        }
    });
    let (client, _server) = serving(service.serve());
    let (_sender, requests) = fed();
    assert_eq!(
        put(&client.channel(), requests).await.unwrap().body,
        "answered"
    );
    settle().await;
    let error = is_told.try_recv().unwrap().unwrap_err();
    assert_eq!(error.code(), Code::INTERNAL);
}

fn assert_lost(error: &CallError) {
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_ends_the_streams_on_both_sides() {
    for server_ends in [false, true] {
        let (dropped, mut drops) = mpsc::unbounded_channel();
        let service = Scripted::plain().chat(move |request| {
            let guard = DropGuard(dropped.clone());
            async move {
                let mut requests = request.into_inner();
                let stream: Many = Box::pin(steps(move |cx| {
                    let _held = &guard;
                    let next = std::task::ready!(std::pin::Pin::new(&mut requests).poll_next(cx));
                    Poll::Ready(next.map(|request| request.map_err(Status::from)))
                }));
                Ok(Response::new(stream))
            }
        });
        let base = tasks();
        let (client, server) = serving(service.serve());
        let (sender, requests) = fed();
        let (requests, mut stream_drops) = guarded(requests);
        let mut stream = chat(&client.channel(), requests)
            .await
            .unwrap()
            .into_inner();
        for body in ["a", "b", "c"] {
            sender.send(Text::new(body)).unwrap();
        }
        assert_eq!(stream.message().await.unwrap().unwrap().body, "a");
        settle().await;
        let ends = if server_ends { &server } else { &client };
        ends.session().end(SessionEnd::Closed);
        drops.recv().await.unwrap();
        stream_drops.recv().await.unwrap();
        // What was delivered before can still be read.
        assert_eq!(stream.message().await.unwrap().unwrap().body, "b");
        assert_eq!(stream.message().await.unwrap().unwrap().body, "c");
        let error = stream.message().await.unwrap_err();
        assert_lost(&error);
        let blame = if server_ends {
            Blame::Remote
        } else {
            Blame::Local
        };
        assert_eq!(error.blame(), blame);
        assert_eq!(stream.message().await, Ok(None));
        drop((stream, client, server));
        settle().await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        assert_eq!(tasks(), base);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ended_well_before_its_session_did_is_whole() {
    let (client, server) = serving(Scripted::plain().serve());
    let mut stream = list(&client.channel(), "5").await.unwrap().into_inner();
    settle().await;
    server.session().end(SessionEnd::Closed);
    client.closed().await;
    assert_eq!(rest(&mut stream).await.unwrap().len(), 5);
    assert!(stream.trailers().is_some());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_delivered_and_not_taken_survives_the_session() {
    let (client, server) = serving(Scripted::plain().serve());
    let mut call = Box::pin(one(&client.channel(), "x").into_future());
    let pending = std::future::poll_fn(|cx| {
        Poll::Ready(std::future::Future::poll(call.as_mut(), cx).is_pending())
    });
    assert!(pending.await);
    settle().await;
    server.session().end(SessionEnd::Closed);
    client.closed().await;
    assert_eq!(call.await.unwrap().body, "x");
}

#[tokio::test(start_paused = true)]
async fn no_message_reaches_a_handler_after_its_caller_was_revoked() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let session = Arc::new(OnceLock::<Session>::new());
    let (seen, own) = (heard.clone(), session.clone());
    // One handler only listens; the other cuts its own caller off, which lets it run on.
    let service = Scripted::new()
        .put(move |request| {
            let seen = seen.clone();
            async move {
                let mut requests = request.into_inner();
                while let Some(request) = requests.message().await? {
                    seen.lock().unwrap().push(request.body);
                }
                Ok(Response::default())
            }
        })
        .chat(move |request| {
            let own = own.clone();
            async move {
                let mut requests = request.into_inner();
                requests.message().await?;
                own.get().unwrap().end(SessionEnd::Revoked);
                // More have arrived, and it is not given them.
                let error = requests.message().await.unwrap_err();
                assert_lost(&error);
                Err(error.into())
            }
        });
    let (client, server) = serving(service.serve());
    session.set(server.session().clone()).unwrap();
    let (sender, requests) = fed();
    let listening = tokio::spawn(put(&client.channel(), requests).into_future());
    sender.send(Text::new("before")).unwrap();
    settle().await;
    assert_eq!(*heard.lock().unwrap(), ["before"]);
    sender.send(Text::new("on its way")).unwrap();
    let error = chat(&client.channel(), texts(["a", "b", "c"]))
        .await
        .unwrap_err();
    assert_lost(&error);
    let before = heard.lock().unwrap().len();
    let _unsent = sender.send(Text::new("after"));
    settle().await;
    assert_eq!(heard.lock().unwrap().len(), before);
    assert_lost(&listening.await.unwrap().unwrap_err());
    assert!(server.session().finished(std::time::Duration::ZERO).await);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_any_call_however_it_ended() {
    let gate = Arc::new(Semaphore::new(0));
    let open = gate.clone();
    let service = || {
        let gate = open.clone();
        Scripted::plain().one(move |request| {
            let gate = gate.clone();
            async move {
                if request.body == "waits" {
                    gate.acquire().await.unwrap().forget();
                }
                Ok(Response::new(request.into_inner()))
            }
        })
    };
    let (client, server) = pair(
        Services::new().add(service().serve()),
        Services::new().add(service().serve()),
    );
    let base = tasks();
    for _ in 0..10 {
        for side in [&client, &server] {
            let channel = side.channel();
            let soon = std::time::Duration::from_millis(1);
            one(&channel, "waits").timeout(soon).await.unwrap_err();
            drop(list(&channel, "100000").await.unwrap());
            drop(chat(&channel, texts(std::iter::repeat("x"))).await.unwrap());
            let (_sender, requests) = fed();
            let call = put(&channel, requests).timeout(soon);
            call.await.unwrap_err();
            let aborted = tokio::spawn(one(&channel, "waits").into_future());
            settle().await;
            aborted.abort();
            put(&channel, texts(["a"])).await.unwrap();
        }
    }
    settle().await;
    for side in [&client, &server] {
        assert_eq!(side.session().calls_in_flight(), 0);
    }
    assert_eq!(tasks(), base);
    // The handlers that waited are gone, with all that they held.
    assert_eq!(Arc::strong_count(&gate), 4);
}
