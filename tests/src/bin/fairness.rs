//! Do small calls get through beside bulk, and does memory stay within its bounds?
//!
//! ```sh
//! cargo run --release -p integration --bin fairness
//! ```
//!
//! Small calls are made while bulk goes on: once over the same connection, once with the bulk on a connection of its
//! own, over loopback and over a link of 20 Mbit/s and 40 ms. What is printed are the 99th percentiles of both and
//! their ratio, and the memory that each side's process took beyond what it had before the bulk. The program fails when
//! a ratio is over 3, or memory over the windows, twice the largest unary message and 32 MiB. It takes some minutes.

// A measurement that fails has nothing better to do than to say so.
#![allow(clippy::unwrap_used)]

use std::{
    env,
    fmt::Write as _,
    fs,
    process::{ExitCode, Stdio},
    time::Duration,
};

use integration::{
    keys::Who,
    load::{LoadClient, LoadServer, Mover, block},
    many,
    shaped_link::{Link, Shape},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use wsrpc::{CallError, Channel, Client, ReconnectConfig, Server, SessionConfig};

const MIB: usize = 1024 * 1024;
/// Of one stream.
const STREAM: usize = 256 * MIB;
/// Of one message of it.
const BLOCK: usize = 64 * 1024;
/// Of one unary call.
const LARGE: usize = 64 * MIB;
/// Callers of small calls.
const CALLERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(2);
/// A slow link takes minutes for the bulk: it is cut off after this long.
const LONGEST: Duration = Duration::from_secs(20);
/// Before the bulk has got going.
const WARM_UP: Duration = Duration::from_millis(500);
const MOST_RATIO: f64 = 3.0;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bulk {
    Download,
    Upload,
    LargeAnswer,
    LargeRequest,
}

impl Bulk {
    const ALL: [Self; 4] = [
        Self::Download,
        Self::Upload,
        Self::LargeAnswer,
        Self::LargeRequest,
    ];

    /// Moves it once.
    async fn run(self, channel: Channel) -> Result<(), CallError> {
        let client = LoadClient::new(channel);
        match self {
            Self::Download => {
                let mut request = block(0);
                (request.wanted, request.count) = (BLOCK as u64, (STREAM / BLOCK) as u64);
                let mut blocks = client.download(request).await?;
                while blocks.message().await?.is_some() {}
            }
            Self::Upload => {
                let blocks = many::of((STREAM / BLOCK) as u64, block(BLOCK));
                client.upload(blocks).await?;
            }
            Self::LargeAnswer => {
                let mut request = block(0);
                request.wanted = LARGE as u64;
                client.unary(request).await?;
            }
            Self::LargeRequest => {
                client.unary(block(LARGE)).await?;
            }
        }
        Ok(())
    }

    /// What a side may take for it, with 32 MiB for everything else.
    fn memory_bound(self) -> usize {
        // One stream's window grows to 8 MiB.
        let window = 8 * MIB;
        let largest = match self {
            Self::Download | Self::Upload => BLOCK,
            Self::LargeAnswer | Self::LargeRequest => LARGE,
        };
        window + 2 * largest + 32 * MIB
    }
}

fn settings() -> SessionConfig {
    SessionConfig::default()
        .max_recv_message_size(LARGE + MIB)
        .max_send_message_size(LARGE + MIB)
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [] => measure_all().await,
        ["server"] => serve().await,
        ["client", address, bulk, place] => {
            let bulk = Bulk::ALL[bulk.parse::<usize>().unwrap()];
            client(address, bulk, place == "same").await
        }
        _ => {
            eprintln!("usage: fairness");
            ExitCode::FAILURE
        }
    }
}

async fn measure_all() -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("this is a debug build, which is far slower: run it with --release");
    }
    let shape = Shape {
        rate: 20e6 / 8.0,
        delay: Duration::from_millis(20),
    };
    let mut failed = false;
    for shaped in [false, true] {
        println!(
            "{}",
            if shaped {
                "over 20 Mbit/s and 40 ms"
            } else {
                "over loopback"
            }
        );
        for (index, bulk) in Bulk::ALL.into_iter().enumerate() {
            let mut p99 = [0.0; 2];
            let mut line = format!("  {bulk:<14?}");
            for (place, p99) in ["other", "same"].into_iter().zip(&mut p99) {
                // A process a measurement, so that its peak of memory is that of this bulk.
                let (server, address) = server().await;
                let link = Link::new(address.parse().unwrap(), shape).await;
                let through = if shaped {
                    link.address().to_string()
                } else {
                    address
                };
                let before = resident(server.id().unwrap());
                let args = ["client", &through, &index.to_string(), place];
                let output = itself(&args).output().await.unwrap();
                assert!(output.status.success(), "the client failed");
                let printed = String::from_utf8(output.stdout).unwrap();
                let mut fields = printed.split_whitespace();
                *p99 = fields.next().unwrap().parse().unwrap();
                let of_client: usize = fields.next().unwrap().parse().unwrap();
                let of_server = resident(server.id().unwrap()).peak - before.now;
                let most = of_client.max(of_server);
                failed |= most > bulk.memory_bound();
                write!(
                    line,
                    " | {place}: p99 {:>8.2} ms, memory {:>3} and {:>3} MiB, {} calls",
                    *p99 * 1e3,
                    of_client / MIB,
                    of_server / MIB,
                    fields.next().unwrap(),
                )
                .unwrap();
            }
            let ratio = p99[1] / p99[0];
            failed |= ratio > MOST_RATIO;
            println!(
                "{line} | ratio {ratio:.2}, memory up to {} MiB",
                bulk.memory_bound() / MIB
            );
        }
    }
    if failed {
        eprintln!("over the bounds");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

struct Resident {
    now: usize,
    peak: usize,
}

/// The resident memory of a process, in bytes.
fn resident(id: u32) -> Resident {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib * 1024
    };
    Resident {
        now: field("VmRSS:"),
        peak: field("VmHWM:"),
    }
}

async fn server() -> (Child, String) {
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

/// The role of the server, until its input ends.
async fn serve() -> ExitCode {
    let server = Server::builder(Who::Server.secret())
        .allow([Who::Alice.public(), Who::Bob.public()])
        .session(settings())
        .add_service(LoadServer::new(Mover))
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    println!("{}", server.local_addr().unwrap());
    tokio::spawn(server.serve());
    tokio::io::stdin().read_to_end(&mut Vec::new()).await.ok();
    ExitCode::SUCCESS
}

/// The role of the client: prints the 99th percentile in seconds, what memory the bulk took, and how many small calls
/// were made.
async fn client(address: &str, bulk: Bulk, same: bool) -> ExitCode {
    let connect = |who: Who| {
        Client::builder(who.secret(), Who::Server.public())
            .session(settings())
            .reconnect(ReconnectConfig::default())
            .connect(address.to_owned())
    };
    let small = connect(Who::Alice).await.unwrap();
    let other = connect(Who::Bob).await.unwrap();
    for client in [&small, &other] {
        LoadClient::new(client.channel())
            .unary(block(1))
            .await
            .unwrap();
    }
    let before = resident(std::process::id());
    let channel = if same { &small } else { &other }.channel();
    let (done, stop) = tokio::sync::watch::channel(false);
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (client, stop) = (LoadClient::new(small.channel()), stop.clone());
        callers.spawn(async move {
            sleep(WARM_UP).await;
            let mut took = Vec::new();
            while !*stop.borrow() {
                let began = Instant::now();
                client.unary(block(32)).await.unwrap();
                took.push(began.elapsed().as_secs_f64());
                sleep(PAUSE).await;
            }
            took
        });
    }
    let began = Instant::now();
    let moving = async {
        // On loopback it is over soon: some rounds make more small calls.
        while began.elapsed() < Duration::from_secs(5) {
            bulk.run(channel.clone()).await.unwrap();
        }
    };
    timeout(LONGEST, moving).await.ok();
    done.send_replace(true);
    let mut took: Vec<f64> = callers.join_all().await.into_iter().flatten().collect();
    took.sort_by(f64::total_cmp);
    let p99 = took[(took.len() * 99 / 100).min(took.len() - 1)];
    let memory = resident(std::process::id()).peak - before.now;
    println!("{p99} {memory} {}", took.len());
    ExitCode::SUCCESS
}
