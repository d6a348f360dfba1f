//! A process that the conductor started: a server or a client of one contestant, which does what it is told.

use std::{
    io::{self, Write},
    os::fd::AsFd,
    process,
    sync::Arc,
    time::Duration,
};

use futures_util::future::try_join_all;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::unix::pipe,
    runtime::{Builder, Runtime as Tokio},
    select,
    sync::mpsc,
    time::sleep,
};

use crate::{
    contestant::{Caller, Contestant, Endpoint, Failure, Name, Program, Side},
    meter::Meter,
    order::{Load, Order, Report},
    results::Runtime,
};

/// What a process is.
#[derive(Clone, Debug)]
pub enum Role {
    /// It listens for this many connections.
    Server { connections: usize },
    /// It makes this many connections.
    Client {
        server: Endpoint,
        connections: usize,
    },
}

impl Role {
    /// Which side it is.
    pub fn side(&self) -> Side {
        match self {
            Self::Server { .. } => Side::Server,
            Self::Client { .. } => Side::Client,
        }
    }
}

/// Is this process, until its input ends.
pub fn run(name: &Name, role: Role, runtime: Runtime) -> Result<(), Failure> {
    let Program::Itself(work) = name.program else {
        return Err(format!("{} is no part of this program", name.name).into());
    };
    // Before there are any threads, which then stay on the same core.
    if runtime == Runtime::Pinned {
        pin(role.side())?;
    }
    build(runtime)?.block_on(work(role))
}

/// The server has the first core that the benchmark may use, and the client the last.
pub fn pin(side: Side) -> Result<(), Failure> {
    let allowed = sched_getaffinity(None)?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    let core = match side {
        Side::Server => cores.next(),
        Side::Client => cores.next_back(),
    };
    let mut only = CpuSet::new();
    only.set(core.ok_or("there is no core that this process may use")?);
    Ok(sched_setaffinity(None, &only)?)
}

/// The runtime of a process.
pub fn build(runtime: Runtime) -> io::Result<Tokio> {
    match runtime {
        Runtime::Pinned => Builder::new_current_thread().enable_all().build(),
        Runtime::Multi => Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build(),
    }
}

/// Serves or connects, says so, and carries the loads that are asked for.
pub async fn play<C: Contestant>(role: Role) -> Result<(), Failure> {
    let orders = orders()?;
    // Servers are dropped when the process ends, callers are what the orders are for.
    let caller = match role {
        Role::Server { connections } => {
            let serving = C::serve(connections).await?;
            say(&Report::Listening {
                address: serving.endpoint.address.to_string(),
                key: serving.endpoint.key,
            })?;
            match serving.callers {
                None => return never(orders).await,
                Some(callers) => callers.await?,
            }
        }
        Role::Client {
            server,
            connections,
        } => C::connect(server, connections).await?,
    };
    say(&Report::Connected)?;
    obey(&caller, orders).await
}

async fn obey(
    caller: &impl Caller,
    mut orders: mpsc::UnboundedReceiver<Order>,
) -> Result<(), Failure> {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Run(load) => carry(caller, &[load]).await?,
            Order::RunBoth(first, second) => carry(caller, &[first, second]).await?,
            Order::Burst(burst) => {
                caller.burst(burst).await?;
                say(&Report::Rests)?;
            }
        }
    }
    Ok(())
}

async fn never(mut orders: mpsc::UnboundedReceiver<Order>) -> Result<(), Failure> {
    match orders.recv().await {
        Some(order) => {
            Err(format!("this process makes no calls, and was told to {order:?}").into())
        }
        None => Ok(()),
    }
}

/// All loads at once, for as long as the first one says.
async fn carry(caller: &impl Caller, loads: &[Load]) -> Result<(), Failure> {
    let first = loads.first().ok_or("there is no load to carry")?;
    let meters: Vec<_> = loads.iter().map(|_| Arc::new(Meter::new())).collect();
    let timed = async {
        sleep(Duration::from_millis(first.warm_up_ms)).await;
        say(&Report::Began)?;
        meters.iter().for_each(|meter| meter.begin());
        sleep(Duration::from_millis(first.measured_ms)).await;
        let counted: Vec<_> = meters.iter().map(|meter| meter.end()).collect();
        counted
            .into_iter()
            .try_for_each(|counted| say(&Report::Ran(counted)))
    };
    let running = loads.iter().zip(&meters);
    let running = running.map(|(load, meter)| caller.run(*load, meter.clone()));
    select! {
        result = timed => result,
        result = try_join_all(running) => {
            result?;
            Err("the load ended before its time".into())
        }
    }
}

/// Waits until the process ends with its input, for one that is not told anything.
pub async fn until_told_to_end() -> Result<(), Failure> {
    never(orders()?).await
}

/// The lines of the input, which is a pipe. The process ends with it as soon as the runtime looks, whatever load it carries:
/// taking ten thousand connections down in good order would only cost time.
///
/// They are read without a thread of their own, so that a pinned process has one thread: with a second, the C library's
/// allocator would take locks.
fn orders() -> Result<mpsc::UnboundedReceiver<Order>, Failure> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let input = pipe::Receiver::from_owned_fd(input)
        .map_err(|error| format!("a peer reads its orders from a pipe as its input: {error}"))?;
    let (sender, orders) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut lines = BufReader::new(input).lines();
        loop {
            match next_order(&mut lines).await {
                Ok(Some(order)) => drop(sender.send(order)),
                Ok(None) => process::exit(0),
                Err(error) => {
                    eprintln!("an order cannot be read: {error}");
                    process::exit(2);
                }
            }
        }
    });
    Ok(orders)
}

async fn next_order(
    lines: &mut Lines<BufReader<pipe::Receiver>>,
) -> Result<Option<Order>, Failure> {
    let line = lines.next_line().await?;
    Ok(line.map(|line| serde_json::from_str(&line)).transpose()?)
}

/// Reports to the conductor.
pub fn say(report: &Report) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    Ok(stdout.flush()?)
}
