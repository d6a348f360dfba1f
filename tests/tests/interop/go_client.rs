//! A Go client at our server: what only this role has.

use std::{sync::Arc, time::Duration};

use integration::{
    behaviour,
    go::Go,
    keys::Who,
    ping::{
        PingRequest, PingResponse,
        ping_server::{Ping, PingServer},
    },
};
use tokio::sync::{Semaphore, mpsc};
use wsrpc::{
    Blame, Code, Outcome, PeerState, Request, Response, Server, SessionConfig, SessionEnd, Status,
};

use crate::support::{begin, end_of, failure, go_alice, next, serve, server, soon};

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_client_is_told_of_a_method_that_is_not_there() {
    let builder = Server::builder(Who::Server.secret()).allow([Who::Alice.public()]);
    let serving = serve(builder).await;
    let (go, _) = go_alice(&serving).await;
    let refusal = go.tell("ping 20000 hello").await.unwrap_err();
    assert!(
        refusal.starts_with("unimplemented: no method \"Ping\""),
        "{refusal}"
    );
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_client_is_told_that_a_handler_panicked() {
    let serving = serve(server(&[Who::Alice])).await;
    let (go, _) = go_alice(&serving).await;
    // The handler takes this for a number.
    let told = go.tell("ping 20000 sleep:long").await.unwrap_err();
    assert_eq!(told, "internal: the handler of ping.Ping/Ping panicked");
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_client_is_told_that_a_handler_took_too_long() {
    let config = SessionConfig::default().max_handler_time(Duration::from_millis(100));
    let serving = serve(server(&[Who::Alice]).session(config)).await;
    let (go, _) = go_alice(&serving).await;
    let told = go.tell("ping 20000 sleep:60000").await.unwrap_err();
    assert_eq!(
        told,
        "deadline_exceeded: the handler took longer than 100ms"
    );
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_call_of_a_method_that_a_go_client_has_not_ends_with_its_time_out() {
    let config = SessionConfig::default().default_timeout(Duration::from_millis(300));
    let serving = serve(server(&[Who::Alice]).session(config)).await;
    let (_go, channel) = go_alice(&serving).await;
    let error = behaviour::ping(&channel, "hello").await.unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Local);
    let channel = channel.timeout(Duration::from_secs(20));
    assert_eq!(behaviour::gnip(&channel, "on").await.unwrap(), "gnip:on");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_client_that_crashes_when_it_is_called_fails_the_call_at_once() {
    let serving = serve(server(&[Who::Alice])).await;
    let mut events = serving.peers.events();
    let go = Go::client_without_service(Who::Alice, &serving.address).await;
    let channel = serving.connected(Who::Alice).await;
    go.ready().await;
    let error = failure(begin(async move { behaviour::gnip(&channel, "hello").await }).await).await;
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Transport);
    assert!(matches!(
        end_of(&mut events, Who::Alice).await,
        SessionEnd::Lost(_)
    ));
    assert!(!go.ended().await);
    assert_eq!(serving.peers.count(), 0);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn the_close_of_a_go_client_is_seen_at_once() {
    let serving = serve(server(&[Who::Alice])).await;
    let mut events = serving.peers.events();
    let (go, channel) = go_alice(&serving).await;
    assert_eq!(next(&mut events).await.state, PeerState::Connected);
    go.tell("close").await.unwrap();
    let end = end_of(&mut events, Who::Alice).await;
    assert!(
        matches!(end, SessionEnd::PeerClosed { code: 1000, .. }),
        "{end}"
    );
    assert_eq!(serving.peers.count(), 0);
    let error = behaviour::gnip(&channel, "hello").await.unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert!(go.ended().await);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_shutdown_lets_the_calls_of_a_go_client_end_and_refuses_others() {
    let (started, mut starts) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let held = Held {
        started,
        gate: gate.clone(),
    };
    let builder = Server::builder(Who::Server.secret()).allow([Who::Alice.public()]);
    let serving = serve(builder.add_service(PingServer::new(held))).await;
    let (go, _) = go_alice(&serving).await;
    let mut events = serving.peers.events();
    assert_eq!(next(&mut events).await.state, PeerState::Connected);
    let shut_down = async {
        soon("the call arrives", starts.recv()).await.unwrap();
        let handle = serving.handle.clone();
        let shut_down = tokio::spawn(async move { handle.shutdown(Duration::from_secs(30)).await });
        // A session that drains is unrouted first.
        let end = end_of(&mut events, Who::Alice).await;
        assert_eq!(end, SessionEnd::Shutdown);
        let refusal = go.tell("ping 20000 late").await;
        gate.add_permits(1);
        (refusal, shut_down)
    };
    let (running, (refusal, shut_down)) = tokio::join!(go.tell("ping 20000 early"), shut_down);
    assert_eq!(running.unwrap(), "let go");
    assert_eq!(refusal.unwrap_err(), "unavailable: shutting down");
    soon("the server has shut down", shut_down).await.unwrap();
    go.tell("wait-state TRANSIENT_FAILURE 20000").await.unwrap();
}

/// Answers once it is let go, and tells when it is called.
struct Held {
    started: mpsc::UnboundedSender<()>,
    gate: Arc<Semaphore>,
}

impl Ping for Held {
    async fn ping(&self, _: Request<PingRequest>) -> Result<Response<PingResponse>, Status> {
        self.started.send(()).unwrap();
        self.gate.acquire().await.unwrap().forget();
        let body = "let go".into();
        Ok(Response::new(PingResponse { body }))
    }
}
