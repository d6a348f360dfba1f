//! Many threads at once: whatever comes between what, every call ends and nothing is left.

use std::{future::IntoFuture, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::timeout};

use crate::{
    Code, Outcome, ProtocolVersion, Response, SessionConfig, SessionEnd,
    call_error::CallError,
    service::test_support::{BOTH, Echo, End, Text, echo, start_on, tasks, until},
    transport::Role,
};

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        // The constants of Knuth's MMIX.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Does what the first word says, and answers with that.
fn busy() -> Echo {
    Echo::new(|request| async move {
        let word = request
            .body
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        match &*word {
            "sleeps" => tokio::time::sleep(Duration::from_millis(2)).await,
            "yields" => tokio::task::yield_now().await,
            "calls" => drop(echo(&request.channel(), "back").await?),
            _ => {}
        }
        Ok(Response::new(Text::new(word)))
    })
}

/// Both sides of a session with little room anywhere.
fn narrow(version: ProtocolVersion) -> [End; 2] {
    let (one, other) = tokio::io::duplex(700);
    let config = || {
        SessionConfig::default()
            .max_unsent_bytes(2000)
            .max_concurrent_handlers(200)
            .close_timeout(Duration::from_millis(50))
    };
    [
        start_on(version, one, Role::Client, busy(), config()),
        start_on(version, other, Role::Server, busy(), config()),
    ]
}

/// Makes a call, which may be given up or time out about when its answer comes.
async fn call(end: Arc<End>, seed: u64) -> Option<Result<(), CallError>> {
    let mut numbers = Numbers(seed);
    let word = ["plain", "sleeps", "yields", "calls"][numbers.below(4) as usize];
    let body = format!("{word} {}", "x".repeat(numbers.below(900) as usize));
    let call = echo(&end.channel(), body);
    let soon = Duration::from_millis(numbers.below(5));
    let result = match numbers.below(4) {
        0 => call.timeout(soon).await,
        1 => timeout(soon, call.into_future()).await.ok()?,
        _ => call.timeout(Duration::from_secs(30)).await,
    };
    Some(result.map(|answer| assert_eq!(answer.body, word)))
}

/// A session with calls both ways, that ends among them or after all of them.
async fn round(version: ProtocolVersion, seed: u64, ends_early: bool) {
    let ends = narrow(version).map(Arc::new);
    let mut calls = JoinSet::new();
    for i in 0..100 {
        for (side, end) in ends.iter().enumerate() {
            let seed = seed * 1000 + i * 2 + side as u64;
            calls.spawn(call(end.clone(), seed));
        }
    }
    if ends_early {
        tokio::time::sleep(Duration::from_millis(Numbers(seed).below(6))).await;
        ends[seed as usize % 2].session.end(SessionEnd::Revoked);
    }
    for error in calls
        .join_all()
        .await
        .into_iter()
        .flatten()
        .filter_map(Result::err)
    {
        let is_expected = match error.code() {
            Code::DEADLINE_EXCEEDED => true,
            // Its own call back failed.
            Code::UNKNOWN => ends_early && error.outcome() == Outcome::Ran,
            code => ends_early && code == Code::UNAVAILABLE,
        };
        assert!(is_expected, "{error}");
    }
    for end in &ends {
        let session = &end.session;
        // On version 2, one that was given up lasts until its callee has said so.
        until("no call is left", || session.calls_in_flight() == 0).await;
        end.session.end(SessionEnd::Closed);
        assert!(end.session.finished(Duration::from_secs(10)).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_that_race_with_deadlines_drops_and_the_end_all_end() {
    let base = tasks();
    for (version, seed) in BOTH
        .into_iter()
        .flat_map(|v| (0..20).map(move |seed| (v, seed)))
    {
        let limit = Duration::from_secs(20);
        timeout(limit, round(version, seed, seed % 2 == 1))
            .await
            .unwrap_or_else(|_| panic!("round {seed} hangs"));
    }
    until("the tasks have ended", || tasks() == base).await;
}
