//! What a full mutual handshake costs a server: by TLS alone, and with the upgrade to a WebSocket.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use integration::raw::UPGRADE;
use rustls::ClientConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinSet,
    time::sleep,
};
use tokio_rustls::client::TlsStream;

use crate::{
    contestant::{Endpoint, Failure, Name, Side},
    peer::{self, Role},
    process::Process,
    results::{Handshakes, Runtime},
    tls,
};

pub const CONTESTANTS: &[&str] = &["bare-tls", "websocket", "wsrpc-v2"];

/// Handshakes at the same time.
const AT_ONCE: usize = 16;
/// So many that none comes back before its last session has ended: a key has one session.
const KEYS: usize = 512;
const WARM_UP: Duration = Duration::from_millis(500);

/// How long one round with this contestant takes.
pub fn expected(name: &Name, quick: bool) -> Duration {
    let start = Duration::from_millis(200);
    (start + WARM_UP + measured(quick)) * upgrades(name.name).len() as u32
}

/// How long to count.
fn measured(quick: bool) -> Duration {
    Duration::from_secs(if quick { 2 } else { 4 })
}

/// Measures a server on one core: with TLS alone, and with the upgrade where it has one.
pub async fn measure(name: &Name, round: usize, quick: bool) -> Result<Vec<Handshakes>, Failure> {
    let mut done = Vec::new();
    for upgrade in upgrades(name.name) {
        let counted = count(name, upgrade, measured(quick)).await?;
        done.push(Handshakes { round, ..counted });
    }
    Ok(done)
}

/// What clients do after TLS: nothing, or this.
fn upgrades(contestant: &str) -> Vec<Option<String>> {
    match contestant {
        "bare-tls" => vec![None],
        "websocket" => vec![Some(UPGRADE.to_owned())],
        _ => {
            let head = UPGRADE.trim_end();
            vec![None, Some(format!("{head}\r\nWsrpc-Version: 2\r\n\r\n"))]
        }
    }
}

async fn count(
    name: &Name,
    upgrade: Option<String>,
    measured: Duration,
) -> Result<Handshakes, Failure> {
    let contestant = match upgrade {
        Some(_) => format!("{} with upgrade", name.name),
        None => name.name.to_owned(),
    };
    let mut server = Process::start(name, &Role::Server { connections: 0 }, Runtime::Pinned)?;
    let endpoint = server.listening().await?;
    let made = Arc::new(Made::default());
    let (ended, mut end) = oneshot::channel();
    // A thread, since only that can be kept off the server's core.
    let clients = {
        let made = made.clone();
        move || ended.send(clients(endpoint, upgrade, &made))
    };
    let thread = thread::spawn(clients);
    let counting = async {
        sleep(WARM_UP).await;
        let (began, before, cpu) = (
            Instant::now(),
            made.count.load(Relaxed),
            server.cpu_seconds()?,
        );
        sleep(measured).await;
        Ok::<_, Failure>(Handshakes {
            contestant,
            round: 0,
            handshakes: made.count.load(Relaxed) - before,
            server_cpu_seconds: server.cpu_seconds()? - cpu,
            seconds: began.elapsed().as_secs_f64(),
        })
    };
    let counted = tokio::select! {
        counted = counting => counted?,
        early = &mut end => {
            early??;
            return Err("the clients ended before their time".into());
        }
    };
    made.enough.store(true, Relaxed);
    end.await??;
    drop(thread);
    Ok(counted)
}

/// What the clients have done, and whether it is enough.
#[derive(Default)]
struct Made {
    count: AtomicU64,
    enough: AtomicBool,
}

fn clients(server: Endpoint, upgrade: Option<String>, made: &Arc<Made>) -> Result<(), Failure> {
    peer::pin(Side::Client)?;
    let configs = (0..KEYS).map(|_| tls::client_config(&[]));
    let configs: Arc<[_]> = configs.collect::<Result<_, _>>()?;
    peer::build(Runtime::Pinned)?.block_on(async {
        let mut tasks = JoinSet::new();
        for first in 0..AT_ONCE {
            let (server, upgrade) = (server.clone(), upgrade.clone());
            let (configs, made) = (configs.clone(), made.clone());
            tasks.spawn(async move {
                for index in (first..).step_by(AT_ONCE) {
                    if made.enough.load(Relaxed) {
                        break;
                    }
                    let config = &configs[index % KEYS];
                    handshake(config, &server, index, upgrade.as_deref()).await?;
                    made.count.fetch_add(1, Relaxed);
                }
                Ok::<_, Failure>(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    })
}

async fn handshake(
    config: &Arc<ClientConfig>,
    server: &Endpoint,
    index: usize,
    upgrade: Option<&str>,
) -> Result<(), Failure> {
    let mut stream = tls::dial(config, server, index).await?;
    if let Some(request) = upgrade {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        upgraded(&mut stream).await?;
    }
    // A server learns who its client is after the client thinks that all is done, and closes only then.
    stream.shutdown().await?;
    match stream.read_to_end(&mut Vec::new()).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn upgraded(stream: &mut TlsStream<TcpStream>) -> Result<(), Failure> {
    let mut answer = Vec::new();
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err("the server closed the connection instead of upgrading it".into());
        }
    }
    if answer.starts_with(b"HTTP/1.1 101 ") {
        return Ok(());
    }
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next().unwrap_or_default();
    Err(format!("the server answered {line:?} to an upgrade, and not 101").into())
}
