//! Handlers that panic, and where handlers run.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::mpsc;

use crate::{
    Code, Outcome, ProtocolVersion, Request, Response, Service, ServiceDescriptor, SessionConfig,
    SessionEnd, Spawned, Status,
    call_error::CallError,
    service::{
        HandlerFuture, IncomingCall,
        test_support::{BOTH, ECHO, Echo, Text, against_raw, echo, pair_on, settle},
    },
    session::Session,
    testing::{Services, Side, pair},
};

const SECRET: &str = "the secret";

/// Panics before there is a future.
struct Broken;

impl Service for Broken {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &ECHO
    }

    fn call(&self, _: usize, _: IncomingCall) -> HandlerFuture {
        panic!("{SECRET}")
    }
}

/// A handler that panics as it is dropped, after its answer.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{SECRET}")
    }
}

/// A server with `service`, and a client that can be called back.
fn serving(version: ProtocolVersion, service: impl Service) -> (Side, Side) {
    pair_on(
        version,
        Services::new().add(Echo::plain()),
        Services::new().add(service),
    )
}

fn assert_panicked(version: ProtocolVersion, error: &CallError) {
    assert_eq!(error.outcome(), Outcome::Ran);
    let (code, prefix) = match version {
        ProtocolVersion::V1 => (Code::UNKNOWN, "internal: "),
        ProtocolVersion::V2 => (Code::INTERNAL, ""),
    };
    assert_eq!(error.code(), code);
    let expected = format!("{prefix}the handler of test.Echo/Echo panicked");
    assert_eq!(error.message(), expected);
}

/// Each call fails on its own, and the session works on.
async fn assert_contained<S: Service>(service: impl Fn() -> S) {
    for version in BOTH {
        let (client, server) = serving(version, service());
        for _ in 0..3 {
            let error = echo(&client.channel(), "x").await.unwrap_err();
            assert_panicked(version, &error);
        }
        assert_eq!(
            echo(&server.channel(), "still there").await.unwrap().body,
            "still there"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_service_itself_is_contained() {
    assert_contained(|| Broken).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_first_await_is_contained() {
    assert_contained(|| Echo::new(|_| async { panic!("{SECRET}") })).await;
    let never_begun = || Echo::new(|_| -> std::future::Ready<_> { panic!("{SECRET}") });
    assert_contained(never_begun).await;
    assert_contained(|| Spawned(never_begun())).await;
    assert_contained(|| Spawned(Echo::new(|_| async { panic!("{SECRET}") }))).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_after_an_await_is_contained() {
    assert_contained(|| {
        Echo::new(|_| async {
            tokio::task::yield_now().await;
            panic!("{SECRET}")
        })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_as_a_handler_is_dropped_is_contained() {
    // Held by the future itself, beyond its last await.
    struct Held {
        _bomb: Bomb,
    }
    impl std::future::Future for Held {
        type Output = Result<Response<Text>, crate::Status>;

        fn poll(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Self::Output> {
            std::task::Poll::Ready(Ok(Response::default()))
        }
    }
    let armed = || Echo::new(|_| Held { _bomb: Bomb });
    assert_contained(armed).await;
    assert_contained(|| Spawned(armed())).await;
}

/// Where the handlers of three calls ran.
async fn task_ids(wrap: impl FnOnce(Echo) -> Services) -> Vec<tokio::task::Id> {
    let (ids, mut ran) = mpsc::unbounded_channel();
    let ids = Arc::new(ids);
    let service = Echo::new(move |request| {
        let ids = ids.clone();
        async move {
            ids.send(tokio::task::id()).unwrap();
            Ok(Response::new(request.into_inner()))
        }
    });
    let (client, _server) = pair(Services::new(), wrap(service));
    let mut seen = Vec::new();
    for _ in 0..3 {
        echo(&client.channel(), "x").await.unwrap();
        seen.push(ran.recv().await.unwrap());
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn handlers_that_answer_at_once_need_no_task() {
    let ids = task_ids(|service| Services::new().add(service)).await;
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[tokio::test(start_paused = true)]
async fn a_spawned_service_has_a_task_for_each_call() {
    let ids = task_ids(|service| Services::new().add(Spawned(service))).await;
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

/// Notes the number of tasks as it is dropped.
struct Counts(Session, mpsc::UnboundedSender<usize>);

impl Drop for Counts {
    fn drop(&mut self) {
        self.1.send(self.0.tasks_alive()).ok();
    }
}

/// Ends its session as the second call starts, before that has become a task. No handler ever answers.
struct EndsAtSecond {
    session: Arc<OnceLock<Session>>,
    calls: AtomicUsize,
    counts: mpsc::UnboundedSender<usize>,
}

impl Service for EndsAtSecond {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &ECHO
    }

    fn call(&self, _: usize, call: IncomingCall) -> HandlerFuture {
        let session = self.session.get().unwrap().clone();
        let held = Counts(session.clone(), self.counts.clone());
        if self.calls.fetch_add(1, Ordering::Relaxed) == 1 {
            // Not as this handler, which would be let be.
            let ending = std::thread::spawn(move || session.end(SessionEnd::Closed));
            ending.join().unwrap();
        }
        call.unary(|_: Request<Text>| async move {
            let _held = held;
            std::future::pending::<Result<Response<Text>, Status>>().await
        })
    }

    fn runs_in_place(&self) -> bool {
        false
    }
}

/// Whoever waits for the tasks of a session waits for what its handlers hold.
#[tokio::test(start_paused = true)]
async fn a_handler_counts_as_alive_until_all_that_it_holds_is_dropped() {
    for runs in [true, false] {
        let session = Arc::new(OnceLock::new());
        let (counts, mut counted) = mpsc::unbounded_channel();
        let service = EndsAtSecond {
            session: session.clone(),
            calls: AtomicUsize::new(0),
            counts,
        };
        // A peer that does not confirm the close, so that the driver is alive until then.
        let (end, mut raw) = against_raw(4096, service, SessionConfig::default());
        session.set(end.session.clone()).unwrap();
        raw.call("first", "x");
        if runs {
            raw.flush().await;
            settle().await;
        }
        // Read in one go with the first, it ends the session before that one has been polled.
        raw.call("second", "x");
        raw.flush().await;
        // As either is dropped, the driver and the first are alive; the second was never a task.
        assert_eq!(counted.recv().await, Some(2));
        assert_eq!(counted.recv().await, Some(2));
        assert!(end.session.finished(Duration::from_secs(2)).await);
    }
}
