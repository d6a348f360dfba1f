//! Small calls alone, and beside a large one on the same connection.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    conductor::Pair,
    contestant::{Failure, Name},
    order::{Counted, Kind, Latency, Load, Order},
    results::{BesideLarge, Runtime},
};

pub const CONTESTANTS: &[&str] = &["wsrpc-v2", "wsrpc-v1", "tonic"];

const SMALL: usize = 32;
const SMALL_IN_FLIGHT: usize = 4;
const LARGE: usize = 16 * 1024 * 1024;
const LONGEST: Duration = Duration::from_secs(60);

/// How long to count each time.
pub fn measured(quick: bool) -> Duration {
    Duration::from_secs(if quick { 2 } else { 10 })
}

/// Measures both, one after the other.
pub async fn measure(name: &Name, quick: bool) -> Result<BesideLarge, Failure> {
    let measuring = timeout(LONGEST, measure_without_limit(name, measured(quick)));
    measuring
        .await
        .map_err(|_| format!("it was not done after {LONGEST:?}"))?
}

async fn measure_without_limit(name: &Name, measured: Duration) -> Result<BesideLarge, Failure> {
    let mut pair = Pair::connect(name, 1, Runtime::Pinned).await?;
    let load = |size, in_flight| Load {
        kind: Kind::Unary,
        size,
        in_flight,
        connections: 1,
        warm_up_ms: 500,
        measured_ms: measured.as_millis() as u64,
    };
    let small = load(SMALL, SMALL_IN_FLIGHT);
    let calling = pair.calling();
    calling.run(small).await?;
    calling.began().await?;
    let alone = calling.ran().await?;
    calling
        .order(&Order::RunBoth(small, load(LARGE, 1)))
        .await?;
    calling.began().await?;
    let beside = calling.ran().await?;
    let large = calling.ran().await?;
    if large.count == 0 {
        return Err(format!("no call of {LARGE} bytes was answered within {measured:?}").into());
    }
    Ok(BesideLarge {
        contestant: name.name.to_owned(),
        large_bytes: LARGE,
        alone: latency(&alone)?,
        beside: latency(&beside)?,
        large_per_second: large.count as f64 / large.seconds,
    })
}

fn latency(counted: &Counted) -> Result<Latency, Failure> {
    let latency = counted.latency;
    latency.ok_or_else(|| format!("no call of {SMALL} bytes was answered in time").into())
}
