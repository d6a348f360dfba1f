//! What an idle connection costs a server: resident memory, before and after it was busy, and CPU time.

use std::{
    collections::VecDeque,
    fs,
    time::{Duration, Instant},
};

use tokio::time::{interval, sleep, timeout};

use crate::{
    conductor,
    contestant::{Endpoint, Failure, Name},
    order::{Burst, Order},
    peer::Role,
    process::Process,
    results::{IdleMemory, Runtime},
};

/// `bare-tls` is what no library can do without.
pub const CONTESTANTS: &[&str] = &["bare-tls", "websocket", "wsrpc-v2", "wsrpc-v1", "tonic"];

/// Few connections at a time, so that what the busy ones need together is little beside what all keep.
const BURST: Burst = Burst {
    size: 16 * 1024,
    calls: 8,
    connections: 16,
};
/// Files that a process needs beside its connections.
const SPARE_FILES: usize = 200;
/// What a new connection has to do takes no longer than this.
const JUST_CONNECTED: Duration = Duration::from_secs(1);

/// wsrpc's clients ping a connection that was silent for this long: each has one ping in it, and is answered.
const PING_TO_PING: Duration = Duration::from_secs(15);

/// The last of what a burst needed may be given back as late as a timer of the library says: wsrpc's goes off within 5
/// seconds.
const GIVEN_BACK: Duration = Duration::from_secs(6);

/// How long one waits while nothing is asked of the connections, at the least.
pub fn settling(quick: bool) -> Duration {
    let watching = match quick {
        true => Duration::ZERO,
        false => JUST_CONNECTED + PING_TO_PING,
    };
    STEADY + GIVEN_BACK + watching
}

/// Measures with so many connections, in as many processes a side as the limit of open files asks for.
pub async fn measure(name: &Name, connections: usize, quick: bool) -> Result<IdleMemory, Failure> {
    let longest =
        Duration::from_secs(120) + Duration::from_millis(10) * u32::try_from(connections)?;
    let measuring = timeout(longest, measure_without_limit(name, connections, quick));
    measuring
        .await
        .map_err(|_| format!("it was not done after {longest:?}"))?
}

async fn measure_without_limit(
    name: &Name,
    connections: usize,
    quick: bool,
) -> Result<IdleMemory, Failure> {
    let shares = shares(connections)?;
    let mut servers = Vec::new();
    let mut endpoints = Vec::new();
    for &connections in &shares {
        let role = Role::Server { connections };
        let mut server = Process::start(name, &role, Runtime::Multi)?;
        let endpoint = server.listening().await?;
        // One that comes and goes leaves behind what is made once for all.
        connect(name, &endpoint, 1)?.connected().await?;
        endpoints.push(endpoint);
        servers.push(server);
    }
    let before = settled(&servers, Duration::ZERO).await?;
    let kernel_before = kernel_memory()?;

    let clients = endpoints.iter().zip(&shares);
    let mut clients: Vec<Process> = clients
        .map(|(endpoint, share)| connect(name, endpoint, *share))
        .collect::<Result<_, _>>()?;
    for client in &mut clients {
        client.connected().await?;
    }
    let (idle, idle_cores) = if quick {
        (settled(&servers, Duration::ZERO).await?, None)
    } else {
        sleep(JUST_CONNECTED).await;
        let (began, before) = (Instant::now(), cpu_seconds(&servers)?);
        sleep(PING_TO_PING).await;
        let cores = (cpu_seconds(&servers)? - before) / began.elapsed().as_secs_f64();
        (settled(&servers, Duration::ZERO).await?, Some(cores))
    };
    let kernel_idle = kernel_memory()?;

    for client in &mut clients {
        client.order(&Order::Burst(BURST)).await?;
    }
    for client in &mut clients {
        client.rests().await?;
    }
    let after = settled(&servers, GIVEN_BACK).await?;
    Ok(IdleMemory {
        contestant: name.name.to_owned(),
        connections,
        server_rss_bytes: idle.saturating_sub(before),
        after_burst_rss_bytes: Some(after.saturating_sub(before)),
        kernel_socket_bytes: Some(kernel_idle.saturating_sub(kernel_before)),
        idle_cores,
    })
}

/// How many connections each server process has.
fn shares(connections: usize) -> Result<Vec<usize>, Failure> {
    let files = usize::try_from(conductor::raise_open_files()).unwrap_or(usize::MAX);
    let most = files.saturating_sub(SPARE_FILES);
    if most == 0 {
        return Err(format!(
            "a process may open {files} files, and needs more than {SPARE_FILES}: raise it with `ulimit -n`"
        )
        .into());
    }
    let processes = connections.div_ceil(most);
    if processes > 1 {
        eprintln!(
            "{connections} connections take {processes} server processes, whose memory is added up: a process may open \
             {files} files here, which root can raise with `ulimit -Hn`"
        );
    }
    let share = |index| connections / processes + usize::from(index < connections % processes);
    Ok((0..processes).map(share).collect())
}

fn connect(name: &Name, server: &Endpoint, connections: usize) -> Result<Process, Failure> {
    let server = server.clone();
    let role = Role::Client {
        server,
        connections,
    };
    Process::start(name, &role, Runtime::Multi)
}

/// For so long the memory has to stay the same.
const STEADY: Duration = Duration::from_millis(1500);

/// The resident memory of all processes together, once it has stopped changing.
async fn settled(processes: &[Process], at_least: Duration) -> Result<u64, Failure> {
    const EVERY: Duration = Duration::from_millis(100);
    const GIVE_UP: Duration = Duration::from_secs(30);
    let began = Instant::now();
    let mut looks = VecDeque::new();
    let mut interval = interval(EVERY);
    loop {
        interval.tick().await;
        let all = processes.iter().map(Process::resident);
        let resident = all.sum::<Result<u64, _>>()?;
        looks.push_back(resident);
        if EVERY * looks.len() as u32 > STEADY {
            looks.pop_front();
            let most = looks.iter().max().copied().unwrap_or(resident);
            let least = looks.iter().min().copied().unwrap_or(resident);
            // A page here and there comes and goes for ever.
            let steady = most - least <= most / 1000;
            if began.elapsed() >= at_least && (steady || began.elapsed() > GIVE_UP) {
                return Ok(resident);
            }
        }
    }
}

/// The CPU time of all processes together so far.
fn cpu_seconds(processes: &[Process]) -> Result<f64, Failure> {
    processes.iter().map(Process::cpu_seconds).sum()
}

/// What the kernel has taken for sockets and the like, of all processes: their buffers, and those of its own structures
/// that it cannot take back.
fn kernel_memory() -> Result<u64, Failure> {
    let sockets = fs::read_to_string("/proc/net/sockstat")?;
    let tcp = sockets.lines().find_map(|line| line.strip_prefix("TCP:"));
    let pages = tcp.and_then(|line| line.split_once(" mem ")?.1.trim().parse::<u64>().ok());
    let pages = pages.ok_or("/proc/net/sockstat does not say how much memory TCP has")?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let slabs = memory
        .lines()
        .find_map(|line| line.strip_prefix("SUnreclaim:"));
    let kib = slabs.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let kib = kib.ok_or("/proc/meminfo has no line `SUnreclaim: .. kB`")?;
    Ok(pages * rustix::param::page_size() as u64 + kib * 1024)
}
