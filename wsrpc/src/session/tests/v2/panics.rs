//! Code of users' that panics ends its own call, and nothing hangs or leaks.

use std::{
    future::{Future, IntoFuture},
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::{Buf, BufMut};
use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType},
};
use tokio::sync::mpsc;

use super::serving;
use crate::{
    Blame, Call, Code, Outcome, Response, Spawned,
    service::test_support::{
        DropGuard, Echo, Text, echo, settle,
        streams::{Many, STREAMS, Scripted, Steps, chat, fed, list, put, rest, steps},
        tasks,
    },
    testing::{Services, pair},
};

const SECRET: &str = "the secret";

/// Yields one message, and panics when asked for another.
fn explosive() -> Steps<impl FnMut(&mut Context<'_>) -> Poll<Option<Text>> + Send + 'static> {
    let mut first = Some(Text::new("first"));
    steps(move |_| match first.take() {
        Some(first) => Poll::Ready(Some(first)),
        None => panic!("{SECRET}"),
    })
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_in_its_stream_ends_that_stream() {
    let panicking = || {
        Scripted::new().list(|_| async {
            let mut stream = explosive();
            let stream: Many = Box::pin(steps(move |cx| (stream.0)(cx).map(|next| next.map(Ok))));
            Ok(Response::new(stream))
        })
    };
    let services = [
        Services::new().add(panicking().serve()),
        Services::new().add(Spawned(panicking().serve())),
    ];
    for services in services {
        let (client, _server) = pair(Services::new(), services);
        for _ in 0..3 {
            let mut stream = list(&client.channel(), "x").await.unwrap().into_inner();
            assert_eq!(stream.message().await.unwrap().unwrap().body, "first");
            let error = stream.message().await.unwrap_err();
            assert_eq!(error.code(), Code::INTERNAL);
            assert_eq!(error.message(), "the handler of test.Streams/List panicked");
            assert_eq!(error.outcome(), Outcome::Ran);
            assert_eq!(error.blame(), Blame::Remote);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_requests_that_panics_fails_its_call_and_stops_the_handler() {
    let (dropped, mut drops) = mpsc::unbounded_channel();
    let put_dropped = dropped.clone();
    let service = Scripted::new()
        .put(move |request| {
            let guard = DropGuard(put_dropped.clone());
            async move {
                let _guard = guard;
                rest(&mut request.into_inner()).await?;
                std::future::pending().await
            }
        })
        .chat(move |request| {
            let guard = DropGuard(dropped.clone());
            async move {
                let _guard = guard;
                rest(&mut request.into_inner()).await?;
                std::future::pending().await
            }
        });
    let (client, _server) = serving(service.serve());
    let base = tasks();
    let errors = [
        put(&client.channel(), explosive()).await.map(drop),
        chat(&client.channel(), explosive()).await.map(drop),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!(error.code(), Code::INTERNAL);
        assert_eq!(error.message(), "the stream of requests panicked");
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert_eq!(error.blame(), Blame::Local);
        drops.recv().await.unwrap();
    }
    settle().await;
    assert_eq!(client.session().calls_in_flight(), 0);
    assert_eq!(tasks(), base);
}

#[tokio::test(start_paused = true)]
async fn responses_that_came_before_the_requests_panicked_are_delivered() {
    let (client, _server) = serving(Scripted::plain().serve());
    let (go, mut gone) = fed::<()>();
    let mut stream = explosive();
    let requests = steps(move |cx| {
        if std::task::ready!(crate::Stream::poll_next(std::pin::Pin::new(&mut gone), cx)).is_some()
        {
            return (stream.0)(cx);
        }
        Poll::Ready(None)
    });
    let call = chat(&client.channel(), requests);
    go.send(()).unwrap();
    let mut responses = call.await.unwrap().into_inner();
    settle().await;
    go.send(()).unwrap();
    settle().await;
    assert_eq!(responses.message().await.unwrap().unwrap().body, "first");
    assert_eq!(
        responses.message().await.unwrap_err().code(),
        Code::INTERNAL
    );
}

/// A message that panics as it is encoded.
#[derive(Debug, Default)]
struct Unencodable;

impl prost::Message for Unencodable {
    fn encode_raw(&self, _: &mut impl BufMut) {
        panic!("{SECRET}")
    }

    fn merge_field(
        &mut self,
        _: u32,
        _: WireType,
        _: &mut impl Buf,
        _: DecodeContext,
    ) -> Result<(), DecodeError> {
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        1
    }

    fn clear(&mut self) {}
}

#[tokio::test(start_paused = true)]
async fn a_request_that_panics_as_it_is_encoded_fails_its_call() {
    let (client, _server) = serving(Scripted::plain().serve());
    let (sender, requests) = fed();
    sender.send(Unencodable).unwrap();
    let method = &STREAMS.methods()[2];
    let error = Call::<Text>::client_streaming(&client.channel(), method, requests)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::INTERNAL);
    assert_eq!(error.blame(), Blame::Local);
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_requests_that_panics_as_it_is_dropped_changes_nothing() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("{SECRET}")
        }
    }
    let (client, _server) = serving(Scripted::plain().serve());
    let base = tasks();
    let bomb = Bomb;
    let mut bodies = ["a", "b"].into_iter();
    let requests = steps(move |_| {
        let _held = &bomb;
        Poll::Ready(bodies.next().map(Text::new))
    });
    assert_eq!(put(&client.channel(), requests).await.unwrap().body, "a b");
    settle().await;
    assert_eq!(tasks(), base);
    assert_eq!(client.session().calls_in_flight(), 0);
}

/// It says so in its docs; the session must not count the call for ever.
#[tokio::test(start_paused = true)]
async fn a_stream_of_requests_outside_of_a_runtime_leaves_no_call_behind() {
    let (client, _server) = serving(Echo::plain());
    let call = put(&client.channel(), fed().1).into_future();
    let polled = std::thread::spawn(move || {
        let mut call = pin!(call);
        let _polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    });
    assert!(polled.join().is_err());
    settle().await;
    assert_eq!(client.session().calls_in_flight(), 0);
    assert_eq!(echo(&client.channel(), "x").await.unwrap().body, "x");
}
