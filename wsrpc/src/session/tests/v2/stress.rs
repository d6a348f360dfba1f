//! Many threads at once: streams that race with deadlines, drops, go-aways and the end.

use std::{future::IntoFuture, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::timeout};

use crate::{
    Code,
    ProtocolVersion::V2,
    SessionConfig, SessionEnd, Spawned,
    call_error::CallError,
    service::test_support::{
        End, start_with,
        streams::{Scripted, chat, list, one, put, rest, texts},
        tasks, until,
    },
    session::Hooks,
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

fn sides(seed: u64) -> [Arc<End>; 2] {
    let (here, there) = tokio::io::duplex(2000);
    let config = || {
        SessionConfig::default()
            .max_unsent_bytes(4000)
            .stream_window(4096)
            .max_concurrent_handlers(30)
            .close_timeout(Duration::from_millis(50))
    };
    let service = || Scripted::plain().serve();
    let configs = || [config(), config()];
    let client = start_with(
        V2,
        here,
        Role::Client,
        service(),
        configs(),
        Hooks::default(),
    );
    let server = match seed % 3 {
        0 => start_with(
            V2,
            there,
            Role::Server,
            Spawned(service()),
            configs(),
            Hooks::default(),
        ),
        _ => start_with(
            V2,
            there,
            Role::Server,
            service(),
            configs(),
            Hooks::default(),
        ),
    };
    [client, server].map(Arc::new)
}

/// Makes a call of any kind, and may give it up at any point.
async fn call(end: Arc<End>, seed: u64) -> Option<Result<(), CallError>> {
    let mut numbers = Numbers(seed);
    let channel = end.channel();
    let soon = Duration::from_millis(1 + numbers.below(5));
    let count = numbers.below(30) as usize;
    let body = "x".repeat(numbers.below(9000) as usize);
    let bodies = vec![body.clone(); count];
    let limit = match numbers.below(4) {
        0 => soon,
        _ => Duration::from_secs(30),
    };
    let kind = numbers.below(4);
    let reads = numbers.below(4) > 0;
    let whole = async {
        match kind {
            0 => {
                let answer = one(&channel, body.clone()).timeout(limit).await?;
                assert_eq!(answer.body, body);
            }
            1 => {
                let call = put(&channel, texts(bodies.clone())).timeout(limit);
                assert_eq!(call.await?.body, bodies.join(" "));
            }
            2 => {
                let call = list(&channel, count.to_string()).timeout(limit);
                let mut stream = call.await?.into_inner();
                if reads {
                    assert_eq!(rest(&mut stream).await?.len(), count);
                }
            }
            _ => {
                let call = chat(&channel, texts(bodies.clone())).timeout(limit);
                let mut stream = call.await?.into_inner();
                if reads {
                    assert_eq!(rest(&mut stream).await?, bodies);
                }
            }
        }
        Ok(())
    };
    match numbers.below(4) {
        0 => timeout(soon, whole).await.ok(),
        _ => Some(whole.await),
    }
}

async fn round(seed: u64) {
    let ends = sides(seed);
    let mut calls = JoinSet::new();
    for i in 0..60 {
        for (side, end) in ends.iter().enumerate() {
            let seed = seed * 1000 + i * 2 + side as u64;
            calls.spawn(call(end.clone(), seed).into_future());
        }
    }
    let ends_early = seed % 2 == 1;
    if ends_early {
        tokio::time::sleep(Duration::from_millis(Numbers(seed).below(8))).await;
        let session = &ends[seed as usize / 2 % 2].session;
        match seed % 3 {
            0 => session.drain(Duration::ZERO),
            _ => session.end(SessionEnd::Revoked),
        }
    }
    let results = calls.join_all().await;
    for error in results.into_iter().flatten().filter_map(Result::err) {
        let is_expected = match error.code() {
            Code::DEADLINE_EXCEEDED | Code::RESOURCE_EXHAUSTED => true,
            code => ends_early && code == Code::UNAVAILABLE,
        };
        assert!(is_expected, "{error}");
    }
    for end in &ends {
        let session = end.session.clone();
        until("no call is left", || session.calls_in_flight() == 0).await;
    }
    for end in &ends {
        end.session.end(SessionEnd::Closed);
        assert!(end.session.finished(Duration::from_secs(10)).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn streams_that_race_with_deadlines_drops_and_the_end_all_end() {
    let base = tasks();
    for seed in 0..20 {
        timeout(Duration::from_secs(20), round(seed))
            .await
            .unwrap_or_else(|_| panic!("round {seed} hangs"));
    }
    until("the tasks have ended", || tasks() == base).await;
}
