//! How soon clients are back after their server was killed, and how the calls of those fare that are back already. These
//! have threads of their own: what they wait for is to be the server, and not the handshakes of thousands beside them.
//!
//! Clients reconnect as they do by default: each waits for a random part of a second before its first attempt, and for
//! longer after each that fails.

use std::{
    fmt::Write as _,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use tokio::{
    runtime::Runtime as Tokio,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};
use wsrpc::{Client, ProtocolVersion, State, StateWatch};

use crate::{
    calls::{Calls, random_body},
    conductor,
    contestant::{
        Endpoint, Failure, Name, connect_all,
        wsrpc::{client, serve},
    },
    meter::Meter,
    order::{Counted, Report},
    peer,
    process::Process,
    proto::bench_client::BenchClient,
    results::{Comeback, Runtime},
};

pub const CONTESTANTS: &[&str] = &["wsrpc-v2", "wsrpc-v1"];

/// Those whose calls are measured.
const BYSTANDERS: usize = 100;
/// Between two calls of a bystander.
const PAUSE: Duration = Duration::from_millis(50);
const BEFORE: Duration = Duration::from_secs(3);
/// Until all are back.
const LONGEST: Duration = Duration::from_secs(120);

/// A server that can be started again: where it listens, and who it is.
#[derive(Args, Clone, Debug)]
pub struct Returning {
    /// The port, or 0 for any.
    #[arg(long)]
    port: u16,
    /// Its secret key, as 64 hex digits.
    #[arg(long)]
    key: String,
}

/// Is this server, until the input ends.
pub fn serve_again(returning: &Returning) -> Result<(), Failure> {
    peer::build(Runtime::Multi)?.block_on(async {
        let (endpoint, _peers) = serve(returning.key.parse()?, returning.port).await?;
        peer::say(&Report::Listening {
            address: endpoint.address.to_string(),
            key: endpoint.key,
        })?;
        peer::until_told_to_end().await
    })
}

impl Returning {
    fn new() -> Self {
        let mut key = String::new();
        for byte in random_body(32) {
            let _ = write!(key, "{byte:02x}");
        }
        Self { port: 0, key }
    }

    async fn start(&self) -> Result<(Process, Endpoint), Failure> {
        let port = self.port.to_string();
        let arguments = ["returning", "--port", &port, "--key", &self.key];
        let mut server = Process::start_itself("the server that comes back", &arguments)?;
        let endpoint = server.listening().await?;
        Ok((server, endpoint))
    }
}

/// Kills the server of so many clients.
pub async fn measure(name: &Name, clients: usize) -> Result<Comeback, Failure> {
    conductor::raise_open_files();
    let runtime = peer::build(Runtime::Multi)?;
    let apart = peer::build(Runtime::Multi)?;
    let measured = measure_on(&runtime, &apart, name, clients).await;
    // Thousands of sessions take their time to close.
    runtime.shutdown_background();
    apart.shutdown_background();
    measured
}

async fn measure_on(
    runtime: &Tokio,
    apart: &Tokio,
    name: &Name,
    clients: usize,
) -> Result<Comeback, Failure> {
    let version = match name.name {
        "wsrpc-v1" => ProtocolVersion::V1,
        _ => ProtocolVersion::V2,
    };
    let mut returning = Returning::new();
    let (mut server, endpoint) = returning.start().await?;
    returning.port = endpoint.address.port();
    let bystanders = BYSTANDERS.min(clients);
    let connecting = connect(endpoint.clone(), version, bystanders..clients);
    let crowd = runtime.spawn(connecting).await??;
    let connecting = connect(endpoint, version, 0..bystanders);
    let others = apart.spawn(connecting).await??;

    let calling = others.iter().map(|client| (client.clone(), None)).collect();
    let before = apart.spawn(calls_of(calling, sleep(BEFORE))).await??;

    let (back, mut comers) = mpsc::unbounded_channel();
    for client in &crowd {
        let (back, states) = (back.clone(), client.watch_state());
        runtime.spawn(async move { back.send(when_back(states).await) });
    }
    drop(back);
    let calling = others
        .iter()
        .map(|client| (client.clone(), Some(client.watch_state())))
        .collect();
    let killed = Instant::now();
    server.kill().await?;
    let (_server, _) = returning.start().await?;
    let coming = async {
        let (over, told) = oneshot::channel::<()>();
        let meanwhile = apart.spawn(calls_of(calling, async { drop(told.await) }));
        let mut first_back = None;
        for _ in &crowd {
            comers.recv().await.ok_or("a client was forgotten")??;
            first_back.get_or_insert_with(|| killed.elapsed());
        }
        let all_back = killed.elapsed();
        drop(over);
        Ok::<_, Failure>((first_back.unwrap_or_default(), all_back, meanwhile.await??))
    };
    let coming = timeout(LONGEST, coming).await;
    let (first_back, all_back, meanwhile) =
        coming.map_err(|_| format!("not all clients were back after {LONGEST:?}"))??;
    Ok(Comeback {
        contestant: name.name.to_owned(),
        clients,
        first_back_seconds: first_back.as_secs_f64(),
        all_back_seconds: all_back.as_secs_f64(),
        bystander_p99_us: p99(&meanwhile)?,
        bystander_p99_before_us: p99(&before)?,
    })
}

async fn connect(
    server: Endpoint,
    version: ProtocolVersion,
    clients: Range<usize>,
) -> Result<Vec<Client>, Failure> {
    let first = clients.start;
    connect_all(clients.len(), |index| {
        client(&server, first + index, version)
    })
    .await
}

/// Waits until a client has lost its session and has another.
async fn when_back(mut states: StateWatch) -> Result<(), Failure> {
    while let Some(state) = states.changed().await {
        if state == State::Ready {
            return Ok(());
        }
    }
    Err("a client was closed".into())
}

/// What calls took that were made now and then until something was over: by clients that are connected, or, where their
/// state is watched, once they are back.
async fn calls_of(
    clients: Vec<(Client, Option<StateWatch>)>,
    over: impl Future<Output = ()>,
) -> Result<Counted, Failure> {
    let meter = Arc::new(Meter::new());
    meter.begin();
    let mut calling = JoinSet::new();
    for (client, lost) in clients {
        let meter = meter.clone();
        calling.spawn(async move {
            if let Some(states) = lost {
                when_back(states).await?;
            }
            let mut stub = BenchClient::new(client.channel());
            let body = random_body(32);
            loop {
                let began = Instant::now();
                stub.unary(body.clone()).await?;
                meter.call(began.elapsed());
                sleep(PAUSE).await;
            }
        });
    }
    tokio::select! {
        () = over => Ok(meter.end()),
        Some(ended) = calling.join_next() => {
            let error: Result<(), Failure> = ended?;
            error?;
            Err("a bystander made no more calls".into())
        }
    }
}

fn p99(counted: &Counted) -> Result<f64, Failure> {
    let latency = counted.latency.ok_or("no bystander's call was answered")?;
    Ok(latency.p99)
}
