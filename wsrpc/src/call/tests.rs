//! Calls over connectors and sessions that the test controls.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::{Channel, Connector, Lookup, RetryBudget, WaitForSession};
use crate::{
    Blame, Code, Outcome, ProtocolVersion, Response, SessionConfig, SessionEnd, Status,
    call_error::CallError,
    service::test_support::{BOTH, ECHO, Echo, End, Text, echo, settle, start_on},
    session::Session,
    transport::Role,
};

/// Gives what the test has put in, one at a time, and after that has nothing and lets calls wait.
#[derive(Default)]
pub(super) struct Scripted {
    finds: Mutex<VecDeque<Lookup>>,
    lookups: Mutex<Vec<bool>>,
    waits: Mutex<VecDeque<Result<Session, CallError>>>,
    filled: Notify,
    retry_budget: RetryBudget,
}

impl Scripted {
    pub(super) fn new(finds: impl IntoIterator<Item = Lookup>) -> Arc<Self> {
        Arc::new(Self {
            finds: Mutex::new(finds.into_iter().collect()),
            ..Self::default()
        })
    }

    pub(super) fn channel(self: &Arc<Self>) -> Channel {
        Channel::new(self.clone())
    }

    /// Ends one wait.
    pub(super) fn fill(&self, found: Result<Session, CallError>) {
        self.waits.lock().unwrap().push_back(found);
        self.filled.notify_one();
    }

    pub(super) fn lookups(&self) -> usize {
        self.lookups.lock().unwrap().len()
    }
}

impl Connector for Scripted {
    fn lookup(&self, wait_for_ready: bool) -> Lookup {
        self.lookups.lock().unwrap().push(wait_for_ready);
        self.finds
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or(Lookup::Wait)
    }

    fn wait(self: Arc<Self>, _: bool) -> WaitForSession {
        Box::pin(async move {
            loop {
                if let Some(found) = self.waits.lock().unwrap().pop_front() {
                    return found;
                }
                self.filled.notified().await;
            }
        })
    }

    fn is_over(&self) -> bool {
        false
    }

    fn retry_budget(&self) -> &RetryBudget {
        &self.retry_budget
    }

    fn describe(&self) -> String {
        "a script".into()
    }
}

/// Both ends of a session whose server echoes.
fn echoing(version: ProtocolVersion) -> (End, End) {
    let (one, other) = tokio::io::duplex(4096);
    let config = SessionConfig::default;
    (
        start_on(version, one, Role::Client, Echo::silent(), config()),
        start_on(version, other, Role::Server, Echo::plain(), config()),
    )
}

/// A session that has ended.
fn ended(version: ProtocolVersion) -> Session {
    let (client, _server) = echoing(version);
    client.session.end(SessionEnd::Closed);
    client.session
}

pub(super) fn failure(status: Status, outcome: Outcome) -> CallError {
    CallError::new(status, outcome, Blame::Transport)
}

fn patient(channel: &Channel) -> JoinHandle<Result<Response<Text>, CallError>> {
    let channel = channel.clone().wait_for_ready(true);
    crate::service::test_support::spawn_echo(&channel, "x")
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_out_on_the_session_that_is_found() {
    for version in BOTH {
        let (client, _server) = echoing(version);
        let script = Scripted::new([Lookup::Ready(client.session)]);
        assert_eq!(echo(&script.channel(), "x").await.unwrap().body, "x");
        assert_eq!(*script.lookups.lock().unwrap(), [false]);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_before_a_call_is_awaited() {
    let script = Scripted::new([]);
    let call = echo(&script.channel(), "x");
    settle().await;
    assert_eq!(script.lookups(), 0);
    drop(std::future::IntoFuture::into_future(call));
    assert_eq!(script.lookups(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_a_session_that_is_being_made() {
    for version in BOTH {
        let (client, _server) = echoing(version);
        let script = Scripted::new([]);
        let call = crate::service::test_support::spawn_echo(&script.channel(), "x");
        settle().await;
        script.fill(Ok(client.session));
        assert_eq!(call.await.unwrap().unwrap().body, "x");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_goes_on_while_a_call_waits_for_a_session() {
    let script = Scripted::new([]);
    let began = Instant::now();
    let call = echo(&script.channel(), "x").timeout(Duration::from_secs(2));
    let error = call.await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert_eq!(error.blame(), Blame::Transport);
}

#[tokio::test(start_paused = true)]
async fn the_time_spent_waiting_counts_for_the_rest_of_the_call() {
    for version in BOTH {
        let (_client, server) = echoing(version);
        let script = Scripted::new([]);
        let channel = script.channel().timeout(Duration::from_secs(5));
        let began = Instant::now();
        let call = crate::service::test_support::spawn_echo(&channel, "x");
        tokio::time::sleep(Duration::from_secs(3)).await;
        // The client at the other end never answers.
        script.fill(Ok(server.session));
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(5));
        assert_eq!(error.outcome(), Outcome::Unknown);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_timeout_a_call_waits_for_a_session_for_ever() {
    let script = Scripted::new([]);
    let call = patient(&script.channel());
    assert!(timeout(Duration::from_secs(86_400), call).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_failed_lookup_fails_the_call_even_if_it_waits_for_ready() {
    let gone = failure(Status::unavailable("gone for good"), Outcome::NotSent);
    let script = Scripted::new([Lookup::Failed(gone.clone())]);
    assert_eq!(patient(&script.channel()).await.unwrap().unwrap_err(), gone);
    assert_eq!(*script.lookups.lock().unwrap(), [true]);

    let script = Scripted::new([]);
    let call = patient(&script.channel());
    settle().await;
    script.fill(Err(gone.clone()));
    assert_eq!(call.await.unwrap().unwrap_err(), gone);
    assert_eq!(script.lookups(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_a_call_that_waits_for_ready_is_made_again() {
    for version in BOTH {
        let (client, _server) = echoing(version);
        let finds = || {
            [
                Lookup::Ready(ended(version)),
                Lookup::Ready(client.session.clone()),
            ]
        };

        let script = Scripted::new(finds());
        let error = echo(&script.channel(), "x").await.unwrap_err();
        assert_eq!(error.code(), Code::UNAVAILABLE);
        assert_eq!(error.outcome(), Outcome::NotSent);
        assert_eq!(script.lookups(), 1);

        let script = Scripted::new(finds());
        let answer = patient(&script.channel()).await.unwrap().unwrap();
        assert_eq!(answer.body, "x");
        assert_eq!(script.lookups(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_sent_is_not_made_again() {
    for version in BOTH {
        let (client, server) = echoing(version);
        // The other way round: a callee that never answers.
        let script = Scripted::new([
            Lookup::Ready(server.session.clone()),
            Lookup::Ready(client.session.clone()),
        ]);
        let call = patient(&script.channel());
        settle().await;
        client.session.end(SessionEnd::Closed);
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert_eq!(script.lookups(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_draining_session_does_not_take_waits_for_the_next_one() {
    let (client, server) = echoing(ProtocolVersion::V2);
    let (_next_client, next_server) = echoing(ProtocolVersion::V2);
    // What runs keeps the session for a while.
    let running = crate::service::test_support::spawn_echo(&server.channel(), "running");
    settle().await;
    client.session.drain(Duration::ZERO);
    settle().await;
    let script = Scripted::new([Lookup::Ready(server.session.clone())]);
    let channel = script.channel().timeout(Duration::from_secs(60));
    let call = patient(&channel);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(
        script.lookups(),
        2,
        "it looks for another one, waits, and does not look again and again"
    );
    assert_eq!(server.session.ended(), None, "what runs goes on");
    script.fill(Ok(next_server.session.clone()));
    settle().await;
    assert!(!call.is_finished(), "its peer is silent");
    next_server.session.end(SessionEnd::Closed);
    assert_eq!(call.await.unwrap().unwrap_err().outcome(), Outcome::Unknown);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn what_another_attempt_would_not_mend_is_not_tried_again() {
    for version in BOTH {
        let small = SessionConfig::default().max_send_message_size(100);
        let (one, _other) = tokio::io::duplex(4096);
        let client = start_on(version, one, Role::Client, Echo::plain(), small.clone());
        let script = Scripted::new([
            Lookup::Ready(client.session.clone()),
            Lookup::Ready(client.session.clone()),
        ]);
        let channel = script.channel().wait_for_ready(true);
        let error = echo(&channel, "x".repeat(1000)).await.unwrap_err();
        assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
        assert_eq!(error.outcome(), Outcome::NotSent);
        assert_eq!(script.lookups(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_overrides_its_channel() {
    let gone = || failure(Status::unavailable("gone"), Outcome::NotSent);
    let script = Scripted::new([Lookup::Failed(gone()), Lookup::Failed(gone())]);
    let channel = script.channel().wait_for_ready(true);
    echo(&channel, "x").wait_for_ready(false).await.unwrap_err();
    echo(&channel, "x").await.unwrap_err();
    assert_eq!(*script.lookups.lock().unwrap(), [false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_channel_of_a_session_never_leads_to_another() {
    for version in BOTH {
        let (client, _server) = echoing(version);
        let channel = client.channel().wait_for_ready(true);
        assert_eq!(echo(&channel, "x").await.unwrap().body, "x");
        client.session.end(SessionEnd::Closed);
        let error = echo(&channel, "x").await.unwrap_err();
        assert_eq!(error.code(), Code::UNAVAILABLE);
        assert_eq!(error.outcome(), Outcome::NotSent);
    }
}

#[tokio::test(start_paused = true)]
async fn debug_tells_where_to_and_how_much_and_not_what() {
    let script = Scripted::new([]);
    let channel = script.channel().timeout(Duration::from_secs(2));
    assert!(format!("{channel:?}").contains("to: a script"));
    let call = format!("{:?}", echo(&channel, "the message"));
    assert!(
        call.contains(ECHO.name()) && call.contains("13 bytes"),
        "{call}"
    );
    assert!(!call.contains("the message"));
}
