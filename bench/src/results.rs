//! What a run of the benchmark found: what `--json` writes, and what the report is made of.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::order::{Counted, Latency, Load};

/// All that a run found.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Results {
    /// Where it ran.
    pub machine: Machine,
    /// When it began: year, month and day.
    pub date: String,
    /// How it was called.
    pub command: String,
    /// Of what was compared, by name.
    pub versions: BTreeMap<String, String>,
    /// What the processes were started with of glibc's settings, where that is known.
    pub tunables: Option<String>,
    /// In the order in which they were made.
    pub rounds: Vec<Round>,
    /// What connections cost that do nothing.
    pub idle_memory: Vec<IdleMemory>,
    /// What connecting costs.
    pub handshakes: Vec<Handshakes>,
    /// What happens when a server comes back.
    pub comebacks: Vec<Comeback>,
    /// What small calls take beside large ones.
    pub beside_large: Vec<BesideLarge>,
}

/// Where it ran.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Machine {
    /// As the CPU calls itself.
    pub cpu: String,
    /// That the benchmark may use.
    pub cores: usize,
    /// Of the whole machine.
    pub memory_gib: f64,
    /// Its release.
    pub kernel: String,
    /// Its version.
    pub rustc: String,
    /// Its version, where there is one.
    pub go: Option<String>,
}

/// What a process's threads are.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// One thread, on a core of its own.
    Pinned,
    /// Two threads, on whatever core the kernel picks.
    Multi,
}

/// One measurement.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Round {
    /// By name.
    pub contestant: String,
    /// In which of its load's rounds: contestants are compared within one.
    pub number: usize,
    /// Of both processes.
    pub runtime: Runtime,
    /// What was carried.
    pub load: Load,
    /// What the caller counted.
    pub counted: Counted,
    /// Of the server's process, while it was counted.
    pub server_cpu_seconds: f64,
    /// Of the client's process, while it was counted.
    pub client_cpu_seconds: f64,
    /// All that went over loopback while it was counted, with the headers of TCP and IP.
    pub wire_bytes: u64,
}

/// What connections cost that do nothing.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct IdleMemory {
    /// By name.
    pub contestant: String,
    /// From a client in another process.
    pub connections: usize,
    /// What the server's resident memory has grown by since before the first connection.
    pub server_rss_bytes: u64,
    /// The same after all of them were busy, and idle again.
    pub after_burst_rss_bytes: Option<u64>,
    /// The kernel's, for the sockets of both sides.
    pub kernel_socket_bytes: Option<u64>,
    /// How many cores the server kept busy while nothing but pings came and went, where it was watched for long enough.
    pub idle_cores: Option<f64>,
}

/// What connecting costs.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Handshakes {
    /// By name.
    pub contestant: String,
    /// In which round: contestants are compared within one.
    pub round: usize,
    /// That were made.
    pub handshakes: u64,
    /// Of the server's process.
    pub server_cpu_seconds: f64,
    /// That they took.
    pub seconds: f64,
}

/// What happens when a server is killed and comes back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Comeback {
    /// By name.
    pub contestant: String,
    /// That were connected.
    pub clients: usize,
    /// Until the first of them was back.
    pub first_back_seconds: f64,
    /// Until all were.
    pub all_back_seconds: f64,
    /// Of the calls that others made meanwhile, in microseconds.
    pub bystander_p99_us: f64,
    /// The same before.
    pub bystander_p99_before_us: f64,
}

/// What small calls take beside large ones.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct BesideLarge {
    /// By name.
    pub contestant: String,
    /// Of a large call.
    pub large_bytes: usize,
    /// Of small calls that have the connection for themselves.
    pub alone: Latency,
    /// Of small calls on the connection of the large ones.
    pub beside: Latency,
    /// Large calls that were answered meanwhile, a second.
    pub large_per_second: f64,
}
