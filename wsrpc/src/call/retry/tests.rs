//! What is made again, how often and when: counted by the handlers.

use std::{
    future::{Future, IntoFuture, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use tokio::time::{Instant, timeout};

use super::{RetryBudget, RetryPolicy};
use crate::{
    Call, Channel, Code, MethodDescriptor, Outcome, Response, SessionConfig, SessionEnd, Status,
    Streaming,
    call::{Lookup, tests::Scripted},
    call_error::{Blame, CallError},
    error_details::RetryInfo,
    layer::{CallHead, Next, from_fn},
    service::test_support::{Echo, Text, echo, settle},
    testing::{Services, Side, pair},
};

static ONCE: MethodDescriptor = MethodDescriptor::unary("test.Echo", "Echo");
static IDEMPOTENT: MethodDescriptor = MethodDescriptor::unary("test.Echo", "Echo").idempotent();
static READ_ONLY: MethodDescriptor = MethodDescriptor::unary("test.Echo", "Echo").no_side_effects();

const SHORT: Duration = Duration::from_millis(10);

/// Four attempts in all, with pauses of up to 10 ms.
fn policy() -> RetryPolicy {
    RetryPolicy::default().base(SHORT).cap(SHORT)
}

fn call(channel: &Channel, method: &'static MethodDescriptor) -> Call<Text> {
    Call::unary(channel, method, &Text::new("x"))
}

fn away() -> CallError {
    let status = Status::unavailable("away");
    CallError::new(status, Outcome::NotSent, Blame::Transport)
}

/// Counts its calls, and answers each as `answer` says of its number, from 1.
fn counted(
    answer: impl Fn(usize) -> Result<(), Status> + Send + Sync + 'static,
) -> (Echo, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let echo = Echo::new(move |request| {
        let answer = answer(counter.fetch_add(1, Ordering::Relaxed) + 1);
        async move { answer.map(|()| Response::new(request.into_inner())) }
    });
    (echo, count)
}

/// A caller, and what it calls: fails with `status` each time.
fn failing(status: Status) -> (Side, Side, Arc<AtomicUsize>) {
    let (echo, count) = counted(move |_| Err(status.clone()));
    let (client, server) = pair(Services::new(), Services::new().add(echo));
    (client, server, count)
}

fn get(count: &AtomicUsize) -> usize {
    count.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn without_a_policy_nothing_is_made_again() {
    let (client, _server, count) = failing(Status::unavailable("busy"));
    let error = call(&client.channel(), &IDEMPOTENT).await.unwrap_err();
    assert_eq!((get(&count), error.attempts()), (1, 1));

    let script = Scripted::new([Lookup::Failed(away())]);
    assert_eq!(echo(&script.channel(), "x").await.unwrap_err(), away());
    assert_eq!(script.lookups(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_callees_own_answer_is_asked_for_again_only_of_an_idempotent_method() {
    for (method, times) in [(&ONCE, 1), (&IDEMPOTENT, 4), (&READ_ONLY, 4)] {
        let (client, _server, count) = failing(Status::unavailable("busy"));
        let error = call(&client.channel().retry(policy()), method).await;
        let error = error.unwrap_err();
        assert_eq!(error.code(), Code::UNAVAILABLE);
        assert_eq!(error.outcome(), Outcome::Ran);
        assert_eq!((get(&count), error.attempts()), (times, times as u32));
        assert_eq!(
            error.to_string().contains("4 attempts were made"),
            times > 1
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_succeeds_is_the_last() {
    let (echo, count) = counted(|number| match number {
        3 => Ok(()),
        _ => Err(Status::unavailable("busy")),
    });
    let (client, _server) = pair(Services::new(), Services::new().add(echo));
    let channel = client.channel().retry(policy());
    assert_eq!(call(&channel, &IDEMPOTENT).await.unwrap().body, "x");
    assert_eq!(get(&count), 3);
    assert_eq!(client.session().calls_in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_have_run_is_made_again_only_of_an_idempotent_method() {
    for (method, times) in [(&ONCE, 1), (&IDEMPOTENT, 2)] {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        let silent = Echo::new(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            std::future::pending()
        });
        let (first, _lost) = pair(Services::new(), Services::new().add(silent.clone()));
        let (second, _server) = pair(Services::new(), Services::new().add(silent));
        let script = Scripted::new([&first, &second].map(ready));
        let channel = script.channel().retry(policy());
        let call = tokio::spawn(call(&channel, method).into_future());
        settle().await;
        assert_eq!(get(&count), 1);
        first.session().end(SessionEnd::Lost("a cut".into()));
        tokio::time::sleep(SHORT * 2).await;
        assert_eq!(get(&count), times);
        match method.idempotency() {
            crate::Idempotency::Unknown => {
                let error = call.await.unwrap().unwrap_err();
                assert_eq!(error.outcome(), Outcome::Unknown);
                assert_eq!(error.attempts(), 1);
            }
            _ => assert!(!call.is_finished()),
        }
    }
}

fn ready(side: &Side) -> Lookup {
    Lookup::Ready(side.session().clone())
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_of_any_method_is_made_again() {
    let (echo, mut watched) = Echo::watched();
    let one = SessionConfig::default().max_concurrent_handlers(1);
    let (client, _server) = pair(Services::new(), Services::new().add(echo).session(one));
    let busy = tokio::spawn(call(&client.channel(), &ONCE).into_future());
    watched.starts.recv().await.unwrap();

    let error = call(&client.channel(), &ONCE).retry(policy()).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
    assert_eq!(error.outcome(), Outcome::Refused);
    assert_eq!(error.attempts(), 4);

    let channel = client.channel().retry(policy().max_attempts(1000));
    let waiting = tokio::spawn(call(&channel, &ONCE).into_future());
    tokio::time::sleep(SHORT * 3).await;
    busy.abort();
    watched.starts.recv().await.unwrap();
    waiting.abort();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_found_no_session_is_made_again() {
    let (client, _server) = pair(Services::new(), Services::new().add(Echo::plain()));
    let script = Scripted::new([
        Lookup::Failed(away()),
        Lookup::Failed(away()),
        ready(&client),
    ]);
    let answer = call(&script.channel().retry(policy()), &ONCE).await;
    assert_eq!(answer.unwrap().body, "x");
    assert_eq!(script.lookups(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_outcome_is_what_is_known_of_all_attempts() {
    let (lost, _server) = pair(Services::new(), Services::new().add(Echo::silent()));
    let script = Scripted::new([
        Lookup::Failed(away()),
        ready(&lost),
        Lookup::Failed(away()),
        Lookup::Failed(away()),
    ]);
    let channel = script.channel().retry(policy());
    let call = tokio::spawn(call(&channel, &IDEMPOTENT).into_future());
    tokio::time::sleep(SHORT * 2).await;
    lost.session().end(SessionEnd::Lost("a cut".into()));
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.message(), "away");
    assert_eq!(error.attempts(), 4);
    assert_eq!(error.outcome(), Outcome::Unknown, "the second may have run");

    let script = Scripted::new([(); 4].map(|()| Lookup::Failed(away())));
    let channel = script.channel().retry(policy());
    let error = self::call(&channel, &IDEMPOTENT).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
}

#[tokio::test(start_paused = true)]
async fn only_the_codes_of_the_policy_are_worth_it() {
    for code in [Code::INTERNAL, Code::RESOURCE_EXHAUSTED, Code::ABORTED] {
        let (client, _server, count) = failing(Status::new(code, "no"));
        let channel = client.channel().retry(policy());
        call(&channel, &IDEMPOTENT).await.unwrap_err();
        assert_eq!(get(&count), 1, "{code}");
    }
    for (code, times) in [(Code::ABORTED, 4), (Code::UNAVAILABLE, 1)] {
        let (client, _server, count) = failing(Status::new(code, "no"));
        let channel = client.channel().retry(policy().codes([Code::ABORTED]));
        call(&channel, &IDEMPOTENT).await.unwrap_err();
        assert_eq!(get(&count), times, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_would_pass_the_deadline_ends_the_call_at_once() {
    let later = RetryInfo::after(Duration::from_secs(5));
    let (client, _server, count) = failing(Status::unavailable("busy").with_detail(&later));
    let channel = client.channel().retry(policy());
    for limit in [Duration::from_secs(5), Duration::from_secs(1)] {
        let began = Instant::now();
        let error = call(&channel, &IDEMPOTENT).timeout(limit).await;
        assert_eq!(error.unwrap_err().code(), Code::UNAVAILABLE);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
    assert_eq!(get(&count), 2);
}

#[tokio::test(start_paused = true)]
async fn the_timeout_is_of_all_attempts_together() {
    let script = Scripted::new([]);
    let channel = script.channel().retry(policy());
    let began = Instant::now();
    let waiting = call(&channel, &ONCE).timeout(Duration::from_secs(2));
    let waiting = tokio::spawn(waiting.into_future());
    tokio::time::sleep(Duration::from_secs(1)).await;
    script.fill(Err(away()));
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.attempts(), 2);
    assert_eq!(began.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn the_callee_may_ask_for_a_longer_pause() {
    let later = RetryInfo::after(Duration::from_secs(5));
    let (client, _server, count) = failing(Status::unavailable("busy").with_detail(&later));
    let began = Instant::now();
    let channel = client.channel().retry(policy().max_attempts(3));
    call(&channel, &IDEMPOTENT).await.unwrap_err();
    assert_eq!(get(&count), 3);
    let pauses = began.elapsed();
    assert!(pauses >= Duration::from_secs(10) && pauses < Duration::from_secs(11));
}

#[tokio::test(start_paused = true)]
async fn a_pause_beyond_all_clocks_is_none() {
    let never = RetryInfo::after(Duration::MAX);
    let (client, _server, count) = failing(Status::unavailable("busy").with_detail(&never));
    let channel = client.channel().retry(policy());
    call(&channel, &IDEMPOTENT).await.unwrap_err();
    assert_eq!(get(&count), 1);
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_to_the_cap() {
    let (client, _server, _) = failing(Status::unavailable("busy"));
    let policy = RetryPolicy::default()
        .max_attempts(8)
        .base(Duration::from_secs(1))
        .factor(2.0)
        .cap(Duration::from_secs(4));
    let channel = client.channel().retry(policy);
    let mut longest = Duration::ZERO;
    for _ in 0..10 {
        let began = Instant::now();
        call(&channel, &IDEMPOTENT).await.unwrap_err();
        longest = longest.max(began.elapsed());
    }
    // 1 + 2 + 5 × 4 at the most; half of that is a draw that one in ten does not miss.
    assert!(longest <= Duration::from_millis(23_100), "{longest:?}");
    assert!(longest >= Duration::from_secs(8), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_in_a_pause_is_not_made_again() {
    let later = RetryInfo::after(Duration::from_secs(5));
    let (client, _server, count) = failing(Status::unavailable("busy").with_detail(&later));
    let channel = client.channel().retry(policy());
    let call = call(&channel, &IDEMPOTENT).into_future();
    assert!(timeout(Duration::from_secs(1), call).await.is_err());
    assert_eq!(client.session().calls_in_flight(), 0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(get(&count), 1);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_ready_is_no_attempt() {
    let (echo, count) = counted(|_| Err(Status::unavailable("busy")));
    let (client, _server) = pair(Services::new(), Services::new().add(echo));
    let (gone, _other) = pair(Services::new(), Services::new());
    gone.session().end(SessionEnd::Closed);
    let script = Scripted::new([ready(&gone), ready(&gone), ready(&client), Lookup::Wait]);
    let channel = script.channel().wait_for_ready(true);
    let channel = channel.retry(policy().max_attempts(2));
    let call = tokio::spawn(call(&channel, &IDEMPOTENT).into_future());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(get(&count), 1);
    script.fill(Ok(client.session().clone()));
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((get(&count), error.attempts()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_over_is_not_asked_again() {
    let (client, _server) = pair(Services::new(), Services::new());
    client.session().end(SessionEnd::Closed);
    let began = Instant::now();
    let error = call(&client.channel().retry(policy()), &IDEMPOTENT).await;
    assert_eq!(error.unwrap_err().attempts(), 1);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_call_overrides_its_channel_and_a_method_too() {
    let (client, _server, count) = failing(Status::unavailable("busy"));
    let channel = client.channel().retry(policy());
    call(&channel, &IDEMPOTENT).retry(None).await.unwrap_err();
    assert_eq!(get(&count), 1);

    let other = channel
        .clone()
        .for_method("test.Echo/Other", |c| c.retry(None));
    call(&other, &IDEMPOTENT).await.unwrap_err();
    assert_eq!(get(&count), 1 + 4);

    let twice = |channel: Channel| channel.retry(policy().max_attempts(2));
    let own = other.for_method(&IDEMPOTENT, twice);
    call(&own, &IDEMPOTENT).await.unwrap_err();
    assert_eq!(get(&count), 1 + 4 + 2);
    let own = own.for_method("test.Echo/Echo", |channel| channel.retry(None));
    call(&own, &IDEMPOTENT).await.unwrap_err();
    assert_eq!(get(&count), 1 + 4 + 2 + 1);
}

#[tokio::test(start_paused = true)]
async fn retries_end_with_their_budget_and_successes_bring_some_back() {
    let (echo, count) = counted(|number| match number {
        ..=200 => Err(Status::unavailable("busy")),
        201..=220 => Ok(()),
        _ => Err(Status::unavailable("busy again")),
    });
    let (client, _server) = pair(Services::new(), Services::new().add(echo));
    let channel = client.channel().retry(policy().max_attempts(2));
    for _ in 0..100 {
        call(&channel, &IDEMPOTENT).await.unwrap_err();
    }
    assert_eq!(get(&count), 200, "each was made twice");
    // Nothing is left, and 20 successes are worth two.
    for _ in 0..20 {
        call(&channel.clone(), &IDEMPOTENT).await.unwrap();
    }
    for _ in 0..10 {
        call(&client.channel(), &IDEMPOTENT)
            .retry(policy())
            .await
            .unwrap_err();
    }
    assert_eq!(get(&count), 220 + 10 + 2);
}

#[test]
fn a_budget_is_never_more_than_full() {
    let budget = RetryBudget::default();
    for _ in 0..50 {
        budget.succeeded();
    }
    assert_eq!((0..200).filter(|_| budget.take()).count(), 100);
}

/// Many of what it is told, at once, and then what it is told to end with.
struct Many(usize, Option<Status>);

impl Stream for Many {
    type Item = Result<Text, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                Some(Ok(Text::new("y")))
            }
            None => self.1.take().map(Err),
        })
    }
}

/// `test.Feed`, whose one method streams responses: the first two calls fail before there are any, and the third after
/// one.
struct Feed(Arc<AtomicUsize>);

static FEED: crate::ServiceDescriptor = crate::ServiceDescriptor::new(
    "test.Feed",
    &[MethodDescriptor::server_streaming("test.Feed", "List").idempotent()],
);

impl crate::Service for Feed {
    fn descriptor(&self) -> &'static crate::ServiceDescriptor {
        &FEED
    }

    fn call(
        &self,
        _: usize,
        call: crate::codegen::v1::IncomingCall,
    ) -> crate::codegen::v1::HandlerFuture {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        call.server_streaming(move |_: crate::Request<Text>, responses| async move {
            let busy = Status::unavailable("busy");
            let result = match number {
                1 | 2 => Err(busy),
                _ => Ok(Response::new(Many(1, Some(busy)))),
            };
            responses.send_all(result).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_responses_is_asked_for_again_until_it_has_begun() {
    let count = Arc::new(AtomicUsize::new(0));
    let (client, _server) = pair(Services::new(), Services::new().add(Feed(count.clone())));
    let channel = client.channel().retry(policy());
    let call: Call<Streaming<Text>> =
        Call::server_streaming(&channel, &FEED.methods()[0], &Text::new("x"));
    let mut responses = call.await.unwrap().into_inner();
    assert_eq!(get(&count), 3);
    assert_eq!(responses.message().await.unwrap().unwrap().body, "y");
    let error = responses.message().await.unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(get(&count), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_stream_of_requests_is_not_made_again() {
    /// Nothing, for ever.
    struct Never;
    impl Stream for Never {
        type Item = Text;

        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Text>> {
            Poll::Pending
        }
    }
    static PUT: MethodDescriptor =
        MethodDescriptor::client_streaming("test.Echo", "Missing").idempotent();
    let script = Scripted::new([Lookup::Failed(away())]);
    let call: Call<Text> = Call::client_streaming(&script.channel().retry(policy()), &PUT, Never);
    assert_eq!(call.await.unwrap_err().attempts(), 1);
    assert_eq!(script.lookups(), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_from_the_server_are_made_again_too() {
    let (echo, count) = counted(|number| match number {
        2 => Ok(()),
        _ => Err(Status::unavailable("busy")),
    });
    let (_client, server) = pair(Services::new().add(echo), Services::new());
    let channel = server.channel().retry(policy());
    assert_eq!(call(&channel, &IDEMPOTENT).await.unwrap().body, "x");
    assert_eq!(get(&count), 2);
}

#[tokio::test(start_paused = true)]
async fn version_1_does_as_well_where_it_can_tell() {
    let v1 = || Services::new().max_version(crate::ProtocolVersion::V1);
    let (echo, count) = counted(|_| Err(Status::unavailable("busy")));
    let (client, _server) = pair(v1(), v1().add(echo));
    // All that comes over version 1 is a text.
    let channel = client.channel().retry(policy());
    let error = call(&channel, &IDEMPOTENT).await.unwrap_err();
    assert_eq!((error.code(), get(&count)), (Code::UNKNOWN, 1));
    let channel = client.channel().retry(policy().codes([Code::UNKNOWN]));
    call(&channel, &IDEMPOTENT).await.unwrap_err();
    assert_eq!(get(&count), 1 + 4);
}

#[cfg(feature = "zstd")]
#[tokio::test(start_paused = true)]
async fn a_compressed_request_is_sent_as_it_is_to_a_later_session_that_cannot_undo_it() {
    let (first, _busy, _) = failing(Status::unavailable("busy"));
    let v1 = || Services::new().max_version(crate::ProtocolVersion::V1);
    let (second, _server) = pair(v1(), v1().add(Echo::plain()));
    let script = Scripted::new([&first, &second].map(ready));
    let channel = script.channel().retry(policy());
    let text = Text::new("x".repeat(1000));
    let call: Call<Text> = Call::unary(&channel, &IDEMPOTENT, &text);
    let answer = call.compress(crate::Compression::Zstd).await.unwrap();
    assert_eq!(*answer, text);
    assert_eq!(script.lookups(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_poll_of_a_call_in_a_pause_is_harmless() {
    let (client, _server, count) = failing(Status::unavailable("busy"));
    let channel = client.channel().retry(policy());
    let mut call = pin!(call(&channel, &IDEMPOTENT).into_future());
    let mut polls = 0;
    let ended = poll_fn(|cx| {
        polls += 1;
        cx.waker().wake_by_ref();
        call.as_mut().poll(cx)
    });
    // A task that is always awake would hold a paused clock.
    tokio::time::resume();
    ended.await.unwrap_err();
    assert!(polls > 4);
    assert_eq!(get(&count), 4);
}

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod over_sockets {
    use super::*;
    use crate::{SecretKey, service::test_support::Served};

    #[tokio::test]
    async fn a_client_is_built_with_a_policy_for_all_its_channels() {
        let (echo, count) = counted(|_| Err(Status::unavailable("busy")));
        let served = Served::start(|server| server.allow_any().add_service(echo)).await;
        let client = served.client(&SecretKey::generate()).retry(policy());
        let client = client.connect(&served.address).await.unwrap();
        call(&client.channel(), &IDEMPOTENT).await.unwrap_err();
        assert_eq!(get(&count), 4);
        client.close().await;
        let error = call(&client.channel(), &IDEMPOTENT).await.unwrap_err();
        assert_eq!(error.attempts(), 1);
        served.stop().await;
    }

    #[tokio::test]
    async fn a_peer_that_is_away_is_called_when_it_is_back() {
        let served = Served::start(|server| server.allow_any()).await;
        let key = SecretKey::generate();
        let channel = served.peers.channel(key.public_key());
        // More attempts than its coming back takes, within the budget.
        let channel = channel.retry(RetryPolicy::default().max_attempts(50));
        let answer = tokio::spawn(call(&channel, &ONCE).into_future());
        settle().await;
        let client = served.client(&key).add_service(Echo::plain());
        let client = client.connect(&served.address).await.unwrap();
        assert_eq!(answer.await.unwrap().unwrap().body, "x");
        client.close().await;
        served.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_inside_of_the_layers_of_a_channel() {
    let (client, _server, count) = failing(Status::unavailable("busy"));
    let seen = Arc::new(AtomicUsize::new(0));
    let seeing = seen.clone();
    let layer = from_fn(move |request, next: Next| {
        seeing.fetch_add(1, Ordering::Relaxed);
        async move { Ok(next.run(request).await?) }
    });
    let channel = client.channel().retry(policy()).layer(layer);
    let error = call(&channel, &IDEMPOTENT).await.unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::UNAVAILABLE, Outcome::Ran)
    );
    assert_eq!((get(&count), error.attempts(), get(&seen)), (4, 4, 1));
}

#[tokio::test(start_paused = true)]
async fn what_an_interceptor_refuses_is_not_made_again() {
    let (echo, count) = counted(|_| Ok(()));
    let (client, _server) = pair(Services::new(), Services::new().add(echo));
    let refuse = |_: &mut CallHead| Err(Status::unavailable("not now"));
    let channel = client.channel().retry(policy()).intercept(refuse);
    let error = call(&channel, &IDEMPOTENT).await.unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::UNAVAILABLE, Outcome::NotSent)
    );
    assert_eq!(get(&count), 0);
}
