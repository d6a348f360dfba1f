//! What is measured: a number of calls of one kind, both sides in this process and on one thread.

use std::{hint::black_box, time::Duration};

use bytes::Bytes;
use clap::ValueEnum;
use futures_util::{TryStreamExt, future::join_all, stream};
use tokio::{
    runtime::{self, Runtime},
    task::JoinHandle,
};
use wsrpc::{
    Channel, Client, ProtocolVersion, Request, Response, SecretKey, Server, SessionConfig, Status,
    Stream, Streaming,
    testing::{Services, Side, pair},
};

use crate::{
    Failure,
    proto::{
        Body, Wanted,
        bench_client::BenchClient,
        bench_server::{Bench, BenchServer},
    },
};

/// A kind of call. Except for [`Tls`](Self::Tls), the sides are connected in memory: everything but TLS and the socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Scenario {
    /// Unary, 32 B, one after the other.
    #[value(name = "unary-32-one")]
    Unary32One,
    /// Unary, 32 B, 256 in flight.
    #[value(name = "unary-32-256")]
    Unary32,
    /// Unary, 1 KiB, 256 in flight.
    #[value(name = "unary-1k-256")]
    Unary1K,
    /// Unary, 64 KiB, 16 in flight.
    #[value(name = "unary-64k-16")]
    Unary64K,
    /// A stream of 1 KiB messages from the server.
    #[value(name = "download-1k")]
    Download,
    /// A stream of 1 KiB messages from the client, whose frames are masked.
    #[value(name = "upload-1k")]
    Upload,
    /// Version 1, unary, 32 B, 64 in flight.
    #[value(name = "v1-unary-32-64")]
    V1,
    /// Unary, 32 B, 256 in flight, over TLS and loopback.
    #[value(name = "tls-unary-32-256")]
    Tls,
    /// Unary, 32 B, one in flight on each of 2,000 sessions.
    #[value(name = "unary-32-2000-sessions")]
    Sessions,
}

/// How often a session looks on before it sleeps, and how often its timers go off meanwhile, depends on how fast the machine
/// is, and would be counted.
fn settings() -> SessionConfig {
    const NEVER: Duration = Duration::from_secs(24 * 60 * 60);
    SessionConfig::default()
        .busy_poll(Duration::ZERO)
        .pong_interval(NEVER)
        .keepalive_interval(NEVER)
        .keepalive_timeout(NEVER)
}

impl Scenario {
    /// As it is called on the command line.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value().expect("no scenario is hidden");
        value.get_name().to_owned()
    }

    /// Whether it is so much memory that calls go through that a cache does not hold it.
    pub(crate) fn is_out_of_cache(self) -> bool {
        self.sessions() > 1
    }

    fn sessions(self) -> usize {
        match self {
            Self::Sessions => 2_000,
            _ => 1,
        }
    }

    /// Numbers of calls, of which the second is to be the larger: both are multiples of what is in flight.
    pub(crate) fn calls(self) -> [usize; 2] {
        match self {
            Self::Unary64K => [80, 240],
            Self::Sessions => [4_000, 12_000],
            _ => [2_560, 7_680],
        }
    }

    fn size(self) -> usize {
        match self {
            Self::Unary32One | Self::Unary32 | Self::V1 | Self::Tls | Self::Sessions => 32,
            Self::Unary1K | Self::Download | Self::Upload => 1 << 10,
            Self::Unary64K => 64 << 10,
        }
    }

    fn in_flight(self) -> usize {
        match self {
            Self::Unary32One | Self::Download | Self::Upload => 1,
            Self::Sessions => self.sessions(),
            Self::Unary64K => 16,
            Self::V1 => 64,
            Self::Unary32 | Self::Unary1K | Self::Tls => 256,
        }
    }

    /// Connects two sides and makes the calls.
    pub(crate) fn run(self, calls: usize) -> Result<(), Failure> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let connect = async || {
            let mut sides = Vec::new();
            for _ in 0..self.sessions() {
                sides.push(self.connect().await?);
            }
            Ok::<_, Failure>(sides)
        };
        let sides = runtime.block_on(connect())?;
        let callers: Vec<_> = sides.iter().map(|sides| sides.caller(self)).collect();
        make_calls(&runtime, self, &callers, calls)
    }

    async fn connect(self) -> Result<Sides, Failure> {
        if self == Self::Tls {
            let server = Server::builder(SecretKey::generate())
                .allow_any()
                .session(settings())
                .add_service(BenchServer::new(Echo))
                .bind("127.0.0.1:0")
                .await?;
            let address = server.local_addr()?.to_string();
            let key = server.public_key();
            tokio::spawn(server.serve());
            let client = Client::builder(SecretKey::generate(), key).session(settings());
            return Ok(Sides::OverTls(client.connect(address).await?));
        }
        let services = || {
            Services::new()
                .add(BenchServer::new(Echo))
                .session(settings())
        };
        let version = match self {
            Self::V1 => ProtocolVersion::V1,
            _ => ProtocolVersion::V2,
        };
        let (client, server) = pair(services(), services().max_version(version));
        Ok(Sides::InMemory { client, server })
    }

    async fn call(self, callers: &[Channel], calls: usize) -> Result<(), Failure> {
        let mut stubs = callers
            .iter()
            .map(|caller| BenchClient::new(caller.clone()));
        if matches!(self, Self::Download | Self::Upload) {
            let stub = stubs.next().ok_or("nobody is connected")?;
            return self.read(stub, calls).await;
        }
        let stubs: Vec<_> = stubs.collect();
        let body = Bytes::from(vec![7; self.size()]);
        let each = calls / self.in_flight();
        let stubs = stubs.iter().cycle().take(self.in_flight());
        let tasks = stubs.map(|stub| tokio::spawn(echo(stub.clone(), body.clone(), each)));
        let tasks: Vec<JoinHandle<_>> = tasks.collect();
        for ended in join_all(tasks).await {
            ended??;
        }
        Ok(())
    }

    async fn read(self, stub: BenchClient, messages: usize) -> Result<(), Failure> {
        let wanted = Wanted {
            messages: messages as u64,
            size: self.size() as u64,
        };
        let mut stream = stub.download(wanted).await?.into_inner();
        let mut count = 0;
        while let Some(message) = stream.message().await? {
            black_box(message);
            count += 1;
        }
        if count != messages {
            return Err(format!("{count} messages came, and {messages} were asked for").into());
        }
        Ok(())
    }
}

/// Both sides, which must outlive the calls.
enum Sides {
    InMemory { client: Side, server: Side },
    OverTls(Client),
}

impl Sides {
    fn caller(&self, scenario: Scenario) -> Channel {
        match self {
            Self::InMemory { server, .. } if scenario == Scenario::Upload => server.channel(),
            Self::InMemory { client, .. } => client.channel(),
            Self::OverTls(client) => client.channel(),
        }
    }
}

/// The function that [`valgrind::profile`](crate::valgrind::profile) counts in.
#[inline(never)]
fn make_calls(
    runtime: &Runtime,
    scenario: Scenario,
    callers: &[Channel],
    calls: usize,
) -> Result<(), Failure> {
    runtime.block_on(scenario.call(callers, calls))
}

async fn echo(stub: BenchClient, body: Bytes, calls: usize) -> Result<(), Failure> {
    for _ in 0..calls {
        let answer = stub.echo(Body { body: body.clone() }).await?;
        if answer.body.len() != body.len() {
            let (got, sent) = (answer.body.len(), body.len());
            return Err(format!("{sent} bytes were sent, and {got} came back").into());
        }
    }
    Ok(())
}

struct Echo;

impl Bench for Echo {
    async fn echo(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn download(
        &self,
        request: Request<Wanted>,
    ) -> Result<Response<impl Stream<Item = Result<Body, Status>> + Send>, Status> {
        let body = Bytes::from(vec![7; request.size as usize]);
        let messages = (0..request.messages).map(move |_| Ok(Body { body: body.clone() }));
        Ok(Response::new(stream::iter(messages)))
    }

    async fn echo_all(
        &self,
        request: Request<Streaming<Body>>,
    ) -> Result<Response<impl Stream<Item = Result<Body, Status>> + Send>, Status> {
        Ok(Response::new(request.into_inner().map_err(Status::from)))
    }
}
