//! Calls from within calls, back to the caller.

use std::time::Duration;

use tokio::{task::JoinSet, time::Instant};

use crate::{
    Code,
    ProtocolVersion::V1,
    Response, SessionConfig, Status,
    service::test_support::{BOTH, Echo, Text, echo, pair_on},
    testing::Services,
};

/// Calls back until the number that it was asked for is 0, and answers with the path.
fn descending() -> Echo {
    Echo::new(|request| async move {
        let level: u32 = request
            .body
            .parse()
            .map_err(|_| Status::invalid_argument("no number"))?;
        if level == 0 {
            return Ok(Response::new(Text::new("0")));
        }
        let below = echo(&request.channel(), (level - 1).to_string()).await?;
        Ok(Response::new(Text::new(format!("{level} {}", below.body))))
    })
}

#[tokio::test(start_paused = true)]
async fn handlers_call_back_through_many_levels() {
    for version in BOTH {
        let (client, server) = pair_on(
            version,
            Services::new().add(descending()),
            Services::new().add(descending()),
        );
        let answer = echo(&client.channel(), "5").await.unwrap();
        assert_eq!(answer.body, "5 4 3 2 1 0");
        let answer = echo(&server.channel(), "4").await.unwrap();
        assert_eq!(answer.body, "4 3 2 1 0");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_knows_who_calls() {
    for version in BOTH {
        let who =
            Echo::new(|request| async move { Ok(Text::new(request.peer().to_string()).into()) });
        let (client, server) = pair_on(
            version,
            Services::new().add(who.clone()),
            Services::new().add(who),
        );
        let asked = echo(&client.channel(), "").await.unwrap();
        assert_eq!(asked.body, client.public_key().to_string());
        let asked = echo(&server.channel(), "").await.unwrap();
        assert_eq!(asked.body, server.public_key().to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_inside_a_call_passes_its_failure_on() {
    for version in BOTH {
        let failing = Echo::new(|_| async { Err(Status::aborted("deep inside")) });
        let (client, _server) = pair_on(
            version,
            Services::new().add(failing),
            Services::new().add(descending()),
        );
        let error = echo(&client.channel(), "1").await.unwrap_err();
        assert_eq!(error.message(), "deep inside");
    }
}

#[tokio::test(start_paused = true)]
async fn callbacks_within_the_handler_limit_all_end() {
    for version in BOTH {
        let config = || SessionConfig::default().max_concurrent_handlers(50);
        let (client, server) = pair_on(
            version,
            Services::new().add(descending()).session(config()),
            Services::new().add(descending()).session(config()),
        );
        let mut calls = JoinSet::new();
        for _ in 0..25 {
            calls.spawn(async_echo(client.channel(), "1"));
            calls.spawn(async_echo(server.channel(), "1"));
        }
        for answer in calls.join_all().await {
            assert_eq!(answer.unwrap(), "1 0");
        }
    }
}

/// Version 1 queues what is over the limit, so that both sides can wait for each other: the deadline ends that.
#[tokio::test(start_paused = true)]
async fn callbacks_that_saturate_both_sides_end_by_their_deadline() {
    let config = || SessionConfig::default().max_concurrent_handlers(2);
    let (client, server) = pair_on(
        V1,
        Services::new().add(descending()).session(config()),
        Services::new().add(descending()).session(config()),
    );
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        calls.spawn(async_echo(client.channel(), "1"));
        calls.spawn(async_echo(server.channel(), "1"));
    }
    for answer in calls.join_all().await {
        if let Err(code) = answer {
            assert!(matches!(code, Code::DEADLINE_EXCEEDED | Code::UNKNOWN));
        }
    }
    assert!(began.elapsed() <= Duration::from_secs(61));
    // The session has survived, once what was queued has run.
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(echo(&client.channel(), "1").await.unwrap().body, "1 0");
    assert_eq!(echo(&server.channel(), "1").await.unwrap().body, "1 0");
}

async fn async_echo(channel: crate::Channel, body: &'static str) -> Result<String, Code> {
    let answer = echo(&channel, body).await;
    answer
        .map(|answer| answer.into_inner().body)
        .map_err(|error| error.code())
}
