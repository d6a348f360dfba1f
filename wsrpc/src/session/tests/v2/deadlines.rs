//! Deadlines travel with calls, stop handlers, and are inherited by the calls that handlers make.

use std::{sync::Arc, task::Poll, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};

use super::serving;
use crate::{
    Blame, Channel, Code, Context, Outcome, Response, SessionEnd, Status,
    service::test_support::{
        Echo, Text, echo,
        streams::{Many, Scripted, list, one, put, rest, steps},
    },
    testing::{Services, Side, pair},
};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A client that tells the deadlines of the calls that it gets, and a server whose handler is `does`.
fn calling_back<F>(
    does: impl Fn(Channel) -> F + Clone + Send + Sync + 'static,
) -> (Side, Side, mpsc::UnboundedReceiver<Option<Instant>>)
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    let (deadlines, seen) = mpsc::unbounded_channel();
    let back = Echo::new(move |request| {
        deadlines.send(request.deadline()).unwrap();
        async { Ok(Response::new(request.into_inner())) }
    });
    let service = Echo::new(move |request| {
        let done = does(request.channel());
        async {
            done.await?;
            Ok(Response::new(request.into_inner()))
        }
    });
    let (client, server) = pair(Services::new().add(back), Services::new().add(service));
    (client, server, seen)
}

#[tokio::test(start_paused = true)]
async fn a_handler_knows_when_its_caller_stops_waiting() {
    let (deadlines, mut seen) = mpsc::unbounded_channel();
    let (client, _server) = serving(Echo::new(move |request| {
        deadlines.send(request.deadline()).unwrap();
        async { Ok(Response::new(request.into_inner())) }
    }));
    let deadline = Instant::now() + secs(5);
    echo(&client.channel(), "x").timeout(secs(5)).await.unwrap();
    assert_eq!(seen.recv().await.unwrap(), Some(deadline));
    echo(&client.channel(), "x").await.unwrap();
    assert_eq!(seen.recv().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_stopped_at_the_deadline() {
    let (echoes, mut watched) = Echo::watched();
    let (client, _server) = serving(echoes);
    let began = Instant::now();
    let error = echo(&client.channel(), "x")
        .timeout(secs(5))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Local);
    watched.drops.recv().await.unwrap();
    assert_eq!(began.elapsed(), secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_to_be_done_by_its_deadline_too() {
    let (client, _server) = serving(
        Scripted::new()
            .list(|_| async {
                let mut first = Some(Text::new("first"));
                let stream: Many = Box::pin(steps(move |_| match first.take() {
                    Some(first) => Poll::Ready(Some(Ok(first))),
                    None => Poll::Pending,
                }));
                Ok(Response::new(stream))
            })
            .serve(),
    );
    let began = Instant::now();
    let call = list(&client.channel(), "x").timeout(secs(5));
    let mut stream = call.await.unwrap().into_inner();
    tokio::time::sleep(secs(60)).await;
    // What came in time is there, however late it is asked for.
    assert_eq!(stream.message().await.unwrap().unwrap().body, "first");
    let error = stream.message().await.unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(began.elapsed(), secs(60));
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_deadline_has_passed_starts_no_handler() {
    let (echoes, mut watched) = Echo::watched();
    let (client, server) = serving(echoes);
    let error = echo(&client.channel(), "x")
        .timeout(Duration::ZERO)
        .await
        .unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
    // It was not even counted.
    assert_eq!(client.session().calls_in_flight(), 0);
    server.session().end(SessionEnd::Closed);
    client.closed().await;
    assert!(watched.starts.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn calls_that_a_handler_makes_inherit_its_deadline() {
    let (client, _server, mut seen) = calling_back(|back| async move {
        echo(&back, "x").await?;
        echo(&back, "x").timeout(secs(60)).await?;
        tokio::task::yield_now().await;
        echo(&back, "x").timeout(secs(1)).await?;
        Ok(())
    });
    let began = Instant::now();
    echo(&client.channel(), "x").timeout(secs(5)).await.unwrap();
    let deadlines = [5, 5, 1].map(|after| Some(began + secs(after)));
    for expected in deadlines {
        assert_eq!(seen.recv().await.unwrap(), expected);
    }
    echo(&client.channel(), "x").await.unwrap();
    assert_eq!(seen.recv().await.unwrap(), None);
    assert_eq!(seen.recv().await.unwrap(), Some(began + secs(60)));
}

#[tokio::test(start_paused = true)]
async fn a_task_inherits_the_deadline_only_with_the_context() {
    let (client, _server, mut seen) = calling_back(|back| async move {
        let with = {
            let back = back.clone();
            tokio::spawn(Context::current().scope(async move { echo(&back, "x").await.map(drop) }))
        };
        with.await.unwrap()?;
        let without = tokio::spawn(async move { echo(&back, "x").await.map(drop) });
        without.await.unwrap()?;
        Ok(())
    });
    let deadline = Instant::now() + secs(5);
    echo(&client.channel(), "x").timeout(secs(5)).await.unwrap();
    assert_eq!(seen.recv().await.unwrap(), Some(deadline));
    assert_eq!(seen.recv().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_context_can_be_narrowed_and_not_widened() {
    let (client, _server, mut seen) = calling_back(|back| async move {
        let now = Instant::now();
        let call = || async { echo(&back, "x").await.map(drop) };
        let context = Context::current();
        context.with_deadline(now + secs(2)).scope(call()).await?;
        context.with_deadline(now + secs(20)).scope(call()).await?;
        // What goes on outside is as it was.
        call().await?;
        Ok(())
    });
    let began = Instant::now();
    echo(&client.channel(), "x").timeout(secs(5)).await.unwrap();
    for after in [2, 5, 5] {
        assert_eq!(seen.recv().await.unwrap(), Some(began + secs(after)));
    }
    assert_eq!(Context::current().deadline(), None);
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_requests_calls_on_behalf_of_the_handler_that_made_it() {
    let (deadlines, mut seen) = mpsc::unbounded_channel();
    let back = Scripted::new().put(move |request| {
        let deadlines = deadlines.clone();
        async move {
            rest(&mut request.into_inner()).await?;
            deadlines.send(()).unwrap();
            Ok(Response::new(Text::new("x")))
        }
    });
    let (contexts, mut polled) = mpsc::unbounded_channel();
    let service = Echo::new(move |request| {
        let contexts = contexts.clone();
        async move {
            let requests = steps(move |_| {
                contexts.send(Context::current().deadline()).unwrap();
                Poll::Ready(None::<Text>)
            });
            put(&request.channel(), requests).await?;
            Ok(Response::new(request.into_inner()))
        }
    });
    let (client, _server) = pair(
        Services::new().add(back.serve()),
        Services::new().add(service),
    );
    let deadline = Instant::now() + secs(5);
    echo(&client.channel(), "x").timeout(secs(5)).await.unwrap();
    seen.recv().await.unwrap();
    assert_eq!(polled.recv().await.unwrap(), Some(deadline));
}

/// Whoever ends a session from within one of its handlers is let be, within a context as well.
#[tokio::test(start_paused = true)]
async fn a_handler_in_a_context_is_still_that_handler() {
    let (done, mut is_done) = mpsc::unbounded_channel();
    let session = Arc::new(std::sync::OnceLock::<crate::session::Session>::new());
    let own = session.clone();
    let ending = Echo::new(move |request| {
        let (own, done) = (own.clone(), done.clone());
        let soon = Context::current().with_deadline(Instant::now() + secs(1));
        soon.scope(async move {
            tokio::task::yield_now().await;
            let own = own.get().unwrap();
            own.end(SessionEnd::Revoked);
            let began = Instant::now();
            assert!(own.finished(secs(1)).await);
            tokio::task::yield_now().await;
            done.send(began.elapsed()).unwrap();
            Ok(Response::new(request.into_inner()))
        })
    });
    let (client, server) = serving(ending);
    session.set(server.session().clone()).unwrap();
    echo(&client.channel(), "x").await.unwrap_err();
    assert_eq!(is_done.recv().await.unwrap(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_in_a_nested_call_ends_both() {
    let gate = Arc::new(Semaphore::new(0));
    let silent = {
        let gate = gate.clone();
        Scripted::new().one(move |_| {
            let gate = gate.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                Ok(Response::default())
            }
        })
    };
    let nested = Scripted::new().one(|request| async move {
        one(&request.channel(), "x").await?;
        Ok(Response::default())
    });
    let (client, server) = pair(
        Services::new().add(silent.serve()),
        Services::new().add(nested.serve()),
    );
    let began = Instant::now();
    let error = one(&client.channel(), "x")
        .timeout(secs(5))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(began.elapsed(), secs(5));
    crate::service::test_support::settle().await;
    assert_eq!(server.session().calls_in_flight(), 0);
    assert_eq!(
        Arc::strong_count(&gate),
        2,
        "the handler at the far end is gone"
    );
}
