//! The example of `docs/guide/testing.md`. As an example in a documentation it would be compiled, but not run as a test.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::time::Duration;

use guide::ping::{
    PingRequest, PingResponse,
    ping_client::PingClient,
    ping_server::{Ping, PingServer},
};
use tokio::time::{Instant, sleep};
use wsrpc::{
    Code, Request, Response, Status,
    testing::{Services, pair},
};

/// Takes an hour, and then says who asked.
struct Charlie;

impl Ping for Charlie {
    async fn ping(&self, request: Request<PingRequest>) -> Result<Response<PingResponse>, Status> {
        sleep(Duration::from_secs(3600)).await;
        let body = request.peer().to_string();
        Ok(Response::new(PingResponse { body }))
    }
}

#[tokio::test(start_paused = true)]
async fn alice_has_to_wait() {
    let charlie = PingServer::new(Charlie);
    let (alice, _charlie) = pair(Services::new(), Services::new().add(charlie));
    let ping = PingClient::new(alice.channel());

    let began = Instant::now();
    let patient = ping.ping(PingRequest::default()).await;
    assert_eq!(patient.unwrap().body, alice.public_key().to_string());
    assert_eq!(began.elapsed().as_secs(), 3600);

    let hasty = ping
        .ping(PingRequest::default())
        .timeout(Duration::from_secs(60));
    assert_eq!(hasty.await.unwrap_err().code(), Code::DEADLINE_EXCEEDED);
}

#[test]
fn the_guide_shows_this_test() {
    let (page, this) = (
        include_str!("../../../docs/guide/testing.md"),
        include_str!("testing.rs"),
    );
    let shown = page.split("```").nth(1).unwrap_or_default();
    let shown = shown.lines().skip(2).collect::<Vec<_>>().join("\n");
    assert!(
        !shown.is_empty() && this.contains(&shown),
        "not so:\n{shown}"
    );
}
