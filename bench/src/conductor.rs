//! Makes measurements: each with a server and a client that are started for it.

use std::{fs, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::timeout;

use crate::{
    contestant::{Failure, NAMES, Name, Side},
    matrix::Measurement,
    order::Load,
    peer::Role,
    process::Process,
    progress::Progress,
    results::{Round, Runtime},
};

/// Measures loads that [go](Measurement::goes_with) with one another, so many times with each contestant. They take turns,
/// so that whatever else the machine does hits all alike; each round begins with another one. Measurements that failed
/// are told, and left out.
pub async fn run(measurements: &[Measurement], progress: &Progress) -> (Vec<Round>, Vec<Failure>) {
    let mut done = Vec::new();
    let mut failures = Vec::new();
    let takes_part = |name: &&Name| measurements.iter().any(|it| it.has(name));
    let mut turns: Vec<&Name> = NAMES.iter().filter(takes_part).collect();
    let rounds = measurements.iter().map(|it| it.rounds).max();
    for number in 0..rounds.unwrap_or(0) {
        for name in &turns {
            let of_name = |it: &&Measurement| it.has(name) && number < it.rounds;
            for measurement in measurements.iter().filter(of_name) {
                let what = format!("{}, {}", measurement.label(), name.name);
                progress.begin(&what);
                match measure(name, measurement.load, measurement.runtime).await {
                    Ok(round) => done.push(Round { number, ..round }),
                    Err(error) => failures.push(format!("{what}: {error}").into()),
                }
                progress.end(measurement.expected());
            }
        }
        turns.rotate_left(1);
    }
    (done, failures)
}

/// Makes one measurement.
pub async fn measure(name: &Name, load: Load, runtime: Runtime) -> Result<Round, Failure> {
    let asked = Duration::from_millis(load.warm_up_ms + load.measured_ms);
    let connecting = Duration::from_millis(10) * u32::try_from(load.connections)?;
    let longest = Duration::from_secs(20) + asked + connecting;
    let measuring = timeout(longest, measure_without_limit(name, load, runtime));
    measuring
        .await
        .map_err(|_| format!("it was not done after {longest:?}"))?
}

async fn measure_without_limit(
    name: &Name,
    load: Load,
    runtime: Runtime,
) -> Result<Round, Failure> {
    let mut pair = Pair::connect(name, load.connections, runtime).await?;
    pair.calling().run(load).await?;
    pair.calling().began().await?;
    let before = pair.spent()?;
    let counted = pair.calling().ran().await?;
    let after = pair.spent()?;
    if counted.count == 0 {
        return Err(format!(
            "nothing was answered within {} s: give it more --seconds",
            counted.seconds
        )
        .into());
    }
    pair.end().await?;
    Ok(Round {
        contestant: name.name.to_owned(),
        number: 0,
        runtime,
        load,
        counted,
        server_cpu_seconds: after.server_cpu_seconds - before.server_cpu_seconds,
        client_cpu_seconds: after.client_cpu_seconds - before.client_cpu_seconds,
        wire_bytes: after.wire_bytes - before.wire_bytes,
    })
}

/// A server and a client that are connected.
#[derive(Debug)]
pub struct Pair {
    /// It has dialled, and ends first: clients in Go complain aloud when they lose their server.
    pub client: Process,
    /// It listens.
    pub server: Process,
    caller: Side,
}

impl Pair {
    /// Starts both, and makes this many connections.
    pub async fn connect(
        name: &Name,
        connections: usize,
        runtime: Runtime,
    ) -> Result<Self, Failure> {
        let mut server = Process::start(name, &Role::Server { connections }, runtime)?;
        let role = Role::Client {
            server: server.listening().await?,
            connections,
        };
        let mut pair = Self {
            client: Process::start(name, &role, runtime)?,
            server,
            caller: name.caller,
        };
        pair.client.connected().await?;
        if pair.caller == Side::Server {
            pair.server.connected().await?;
        }
        Ok(pair)
    }

    /// Lets both end, and waits for it: what it takes to close many connections would disturb what comes next.
    pub async fn end(self) -> Result<(), Failure> {
        self.client.end().await?;
        self.server.end().await
    }

    /// The side that makes the calls.
    pub fn calling(&mut self) -> &mut Process {
        match self.caller {
            Side::Server => &mut self.server,
            Side::Client => &mut self.client,
        }
    }

    fn spent(&self) -> Result<Spent, Failure> {
        Ok(Spent {
            server_cpu_seconds: self.server.cpu_seconds()?,
            client_cpu_seconds: self.client.cpu_seconds()?,
            wire_bytes: loopback_bytes()?,
        })
    }
}

/// What was spent so far.
struct Spent {
    server_cpu_seconds: f64,
    client_cpu_seconds: f64,
    wire_bytes: u64,
}

/// What loopback has received so far, with the headers of TCP and IP.
fn loopback_bytes() -> Result<u64, Failure> {
    let devices = fs::read_to_string("/proc/net/dev")?;
    let mut devices = devices.lines().map(str::trim);
    let counters = devices.find_map(|line| line.strip_prefix("lo:"));
    let received = counters.and_then(|line| line.split_whitespace().next());
    Ok(received.ok_or("/proc/net/dev has no lo")?.parse()?)
}

/// Lets the processes that this one starts have as many files as the kernel gives. Returns how many.
pub fn raise_open_files() -> u64 {
    const WANTED: u64 = 500_000;
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Above the maximum only with privileges.
    for limit in [Some(WANTED), maximum] {
        let raised = Rlimit {
            current: limit,
            maximum: limit.max(maximum),
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            break;
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
