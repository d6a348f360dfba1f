//! Are we at least as fast as the Go library? One connection, 64 calls in flight, bodies of 32 bytes.
//!
//! ```sh
//! cargo run --release -p integration --bin speed_floor
//! ```
//!
//! Client and server are processes of their own, on this machine, in each of the four pairings of Go and Rust. The
//! pairings take turns, so that whatever else the machine does hits all alike; what is printed are the medians. The
//! program fails when Rust to Rust makes fewer calls a second than Go to Go. It takes about half a minute.

// A measurement that fails has nothing better to do than to say so.
#![allow(clippy::unwrap_used)]

use std::{
    env,
    process::{ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use integration::{
    behaviour::{self, Obedient},
    go::{self, Go},
    keys::Who,
    ping::ping_server::PingServer,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    task::JoinSet,
    time::{Instant, sleep},
};
use wsrpc::{Client, Server};

const IN_FLIGHT: usize = 64;
const BODY: usize = 32;
const ROUNDS: usize = 4;
/// As `interop bench` has it.
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_millis(1100);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Language {
    Go,
    Rust,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [] => measure_all().await,
        ["server"] => serve().await,
        ["bench", address] => bench(address).await,
        _ => {
            eprintln!("usage: speed_floor");
            ExitCode::FAILURE
        }
    }
}

/// Runs all pairings in turns.
async fn measure_all() -> ExitCode {
    use Language::{Go as G, Rust as R};
    if cfg!(debug_assertions) {
        eprintln!("this is a debug build, which is far slower: run it with --release");
    }
    let (_go, go_address) = Go::server(&[Who::Alice, Who::Bob]).await;
    let (_rust, rust_address) = rust_server().await;
    let pairings = [(G, G), (R, R), (G, R), (R, G)];
    let mut rates = pairings.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((client, server), rates) in pairings.iter().zip(&mut rates) {
            let address = match server {
                G => &go_address,
                R => &rust_address,
            };
            rates.push(match client {
                G => go_bench(address).await,
                R => rust_bench(address).await,
            });
        }
    }

    let mut medians = rates.iter().map(|rates| median(rates.clone()));
    println!("calls a second, {IN_FLIGHT} in flight, {BODY}-byte bodies, medians of {ROUNDS}:");
    let medians = pairings.map(|(client, server)| {
        let median = medians.next().unwrap();
        println!("  {client:?} client, {server:?} server: {median:>8.0}");
        median
    });
    let ratio = medians[1] / medians[0];
    println!("Rust to Rust, by Go to Go: {ratio:.2}");
    if ratio < 1.0 {
        eprintln!("slower than Go");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    let middle = rates.len() / 2;
    (rates[middle] + rates[(rates.len() - 1) / 2]) / 2.0
}

/// The rate of a Go client. Its key is not that of the Rust one, since a Go server may not have noticed yet that the
/// client before has gone.
async fn go_bench(address: &str) -> f64 {
    let (secret, server) = (Who::Alice.go_secret(), Who::Server.public().to_string());
    let in_flight = IN_FLIGHT.to_string();
    let seconds = MEASURED.as_secs_f64().to_string();
    let printed = go::run(&[
        "bench",
        "--target",
        address,
        "--secret",
        &secret,
        "--server",
        &server,
        "--in-flight",
        &in_flight,
        "--seconds",
        &seconds,
    ])
    .await;
    rate(&printed)
}

async fn rust_bench(address: &str) -> f64 {
    let output = itself(&["bench", address]).output().await.unwrap();
    assert!(output.status.success(), "the client failed");
    rate(&String::from_utf8(output.stdout).unwrap())
}

/// What both kinds of clients print.
fn rate(printed: &str) -> f64 {
    let rate = printed.trim().strip_prefix("calls_per_second ");
    rate.expect(printed).parse().unwrap()
}

async fn rust_server() -> (Child, String) {
    let mut child = itself(&["server"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines.next_line().await.unwrap().unwrap();
    (child, address)
}

/// This program in another role.
fn itself(args: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(args).stdout(Stdio::piped()).kill_on_drop(true);
    command
}

/// The role of a server, until its input ends.
async fn serve() -> ExitCode {
    let server = Server::builder(Who::Server.secret())
        .allow([Who::Alice.public(), Who::Bob.public()])
        .add_service(PingServer::new(Obedient))
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    println!("{}", server.local_addr().unwrap());
    tokio::spawn(server.serve());
    tokio::io::stdin().read_to_end(&mut Vec::new()).await.ok();
    ExitCode::SUCCESS
}

/// The role of a client.
async fn bench(address: &str) -> ExitCode {
    let client = Client::builder(Who::Bob.secret(), Who::Server.public());
    let client = client.connect(address).await.unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (channel, calls) = (client.channel(), calls.clone());
        callers.spawn(async move {
            let body = "x".repeat(BODY);
            loop {
                behaviour::ping(&channel, body.as_str()).await.unwrap();
                calls.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    sleep(WARM_UP).await;
    let (before, began) = (calls.load(Ordering::Relaxed), Instant::now());
    sleep(MEASURED).await;
    let made = calls.load(Ordering::Relaxed) - before;
    let rate = made as f64 / began.elapsed().as_secs_f64();
    assert!(callers.try_join_next().is_none(), "a call failed");
    println!("calls_per_second {rate:.0}");
    ExitCode::SUCCESS
}
