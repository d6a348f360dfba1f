//! Who gives up a call stops its handler.

use std::{
    future::{Future, IntoFuture},
    sync::{Arc, Mutex, mpsc as blocking},
    task::Poll,
};

use tokio::sync::mpsc;

use crate::{
    Channel, Code, Outcome, Response, Service, SessionConfig, Spawned,
    service::test_support::{
        DropGuard, Echo, Text, echo, settle, spawn_echo,
        streams::{Many, Scripted, chat, fed, list, many, one, put, rest, steps},
        tasks, until,
    },
    testing::{Services, Side, pair},
};

type Signals = mpsc::UnboundedReceiver<()>;

/// A service whose handlers wait, each in its way, and tell when they have begun to and when they are dropped.
fn waiting() -> (impl Service + Clone, Signals, Signals) {
    let (started, starts) = mpsc::unbounded_channel();
    let (dropped, drops) = mpsc::unbounded_channel();
    let begin = move || {
        started.send(()).unwrap();
        DropGuard(dropped.clone())
    };
    let (in_one, in_list, in_put, in_chat) = (begin.clone(), begin.clone(), begin.clone(), begin);
    let service = Scripted::new()
        .one(move |_| {
            let guard = in_one();
            async move {
                let _guard = guard;
                std::future::pending().await
            }
        })
        // In the stream that it yields.
        .list(move |_| {
            let guard = in_list();
            async move {
                let mut first = Some(Text::new("first"));
                let stream: Many = Box::pin(steps(move |_| {
                    let _held = &guard;
                    match first.take() {
                        Some(first) => Poll::Ready(Some(Ok(first))),
                        None => Poll::Pending,
                    }
                }));
                Ok(Response::new(stream))
            }
        })
        // For a request.
        .put(move |request| {
            let guard = in_put();
            async move {
                let _guard = guard;
                rest(&mut request.into_inner()).await?;
                Ok(Response::default())
            }
        })
        .chat(move |request| {
            let guard = in_chat();
            async move {
                let _guard = guard;
                rest(&mut request.into_inner()).await?;
                Ok(many([].into_iter()))
            }
        });
    (service.serve(), starts, drops)
}

async fn assert_drops_stop(services: Services, mut starts: Signals, mut drops: Signals) {
    // Those of another pair may be about to end.
    settle().await;
    let base = tasks() + 2;
    let (client, _server) = pair(Services::new(), services);
    let channel = client.channel();
    let (_sender, requests) = fed();
    let (_other_sender, other_requests) = fed();
    let calls: [std::pin::Pin<Box<dyn Future<Output = ()> + Send>>; 4] = [
        boxed(one(&channel, "x").into_future()),
        boxed(put(&channel, requests).into_future()),
        boxed(chat(&channel, other_requests).into_future()),
        boxed(async {
            let mut stream = list(&channel, "x").await.unwrap().into_inner();
            stream.message().await.unwrap().unwrap();
            stream.message().await.unwrap();
        }),
    ];
    for mut call in calls {
        let pending = std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending()));
        assert!(pending.await);
        // Until its handler waits; the stream of responses has been asked for more.
        starts.recv().await.unwrap();
        for _ in 0..3 {
            settle().await;
            let polled =
                std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending()));
            assert!(polled.await);
        }
        assert!(drops.try_recv().is_err());
        drop(call);
        drops.recv().await.unwrap();
        settle().await;
        assert_eq!(client.session().calls_in_flight(), 0);
        assert_eq!(tasks(), base);
    }
}

fn boxed<'a, T>(
    call: impl Future<Output = T> + Send + 'a,
) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
    Box::pin(async {
        call.await;
    })
}

#[tokio::test(start_paused = true)]
async fn dropping_a_call_stops_its_handler_whatever_that_waits_for() {
    let (service, starts, drops) = waiting();
    assert_drops_stop(Services::new().add(service), starts, drops).await;
    let (service, starts, drops) = waiting();
    assert_drops_stop(Services::new().add(Spawned(service)), starts, drops).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_unread_stops_its_handler() {
    let (service, mut starts, mut drops) = waiting();
    let (client, _server) = pair(Services::new(), Services::new().add(service));
    let stream = list(&client.channel(), "x").await.unwrap();
    starts.recv().await.unwrap();
    drop(stream);
    drops.recv().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_before_it_was_written_starts_no_handler() {
    let (service, mut starts, _drops) = waiting();
    let (client, _server) = pair(Services::new(), Services::new().add(service));
    let mut call = Box::pin(one(&client.channel(), "x").into_future());
    let pending = std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending()));
    assert!(pending.await);
    drop(call);
    settle().await;
    assert!(starts.try_recv().is_err());
    assert_eq!(client.session().calls_in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn nested_calls_are_given_up_with_the_handler_that_made_them() {
    let (echoes, mut watched) = Echo::watched();
    let nested = Scripted::new().one(|request| async move {
        echo(&request.channel(), "far").await?;
        Ok(Response::default())
    });
    let (client, server) = pair(
        Services::new().add(echoes),
        Services::new().add(nested.serve()),
    );
    let channel = client.channel();
    let call = tokio::spawn(async move { one(&channel, "near").await });
    watched.starts.recv().await.unwrap();
    call.abort();
    watched.drops.recv().await.unwrap();
    settle().await;
    assert_eq!(client.session().calls_in_flight(), 0);
    assert_eq!(server.session().calls_in_flight(), 0);
}

/// A server with room for one handler, which blocks its thread until the test lets it go.
fn blocking_server() -> (Side, Side, Signals, blocking::Sender<()>) {
    let (started, starts) = mpsc::unbounded_channel();
    let (release, released) = blocking::channel();
    let released = Arc::new(Mutex::new(released));
    let service = Spawned(Echo::new(move |request| {
        let (started, released) = (started.clone(), released.clone());
        async move {
            if request.body == "blocks" {
                started.send(()).unwrap();
                released.lock().unwrap().recv().ok();
                tokio::task::yield_now().await;
            }
            Ok(Response::new(request.into_inner()))
        }
    }));
    let config = SessionConfig::default().max_concurrent_handlers(1);
    let server = Services::new().add(service).session(config);
    let (client, server) = pair(Services::new(), server);
    (client, server, starts, release)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cancelled_call_counts_against_the_limit_until_its_handler_has_stopped() {
    let (client, _server, mut starts, release) = blocking_server();
    let channel: Channel = client.channel();
    let call = spawn_echo(&channel, "blocks");
    starts.recv().await.unwrap();
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    for _ in 0..3 {
        let error = echo(&channel, "x").await.unwrap_err();
        assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
        assert_eq!(error.outcome(), Outcome::Refused);
    }
    assert_eq!(client.session().calls_in_flight(), 1);
    release.send(()).unwrap();
    let session = client.session();
    until("the call has ended", || session.calls_in_flight() == 0).await;
    assert_eq!(echo(&channel, "x").await.unwrap().body, "x");
}
