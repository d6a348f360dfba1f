//! What every contestant can do: serve, connect, and carry a load.

use std::{
    error::Error,
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use futures_util::{StreamExt, TryStreamExt, stream};

mod bare_tls;
mod framed;
pub mod go;
mod jsonrpsee;
mod limit;
mod raw_tcp;
mod raw_tls;
mod tarpc;
mod tonic;
mod websocket;
pub mod wsrpc;

use crate::{
    meter::Meter,
    order::{Burst, Kind, Load},
    peer::{self, Role},
};

/// More than any message of the benchmark has, in bytes.
const LARGEST: usize = 32 * 1024 * 1024;

/// Whatever went wrong, in a sentence.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Where a server listens.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Of loopback.
    pub address: SocketAddr,
    /// The server's public key as 64 hex digits, where the contestant's clients need it.
    pub key: Option<String>,
}

impl Endpoint {
    /// Connections from one address to another run out of ports, so that each block of connections goes to another
    /// address of loopback. A server listens on all of them.
    pub fn address_of(&self, connection: usize) -> SocketAddr {
        const EACH: usize = 16_384;
        let block = u8::try_from(connection / EACH).unwrap_or(u8::MAX - 1);
        let ip = Ipv4Addr::new(127, 0, 0, 1 + block);
        SocketAddr::new(IpAddr::V4(ip), self.address.port())
    }
}

/// What will be there, or what went wrong.
pub type Promised<T> = Pin<Box<dyn Future<Output = Result<T, Failure>>>>;

/// A server that serves in the background for as long as the process lives.
pub struct Serving<C> {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Where it is the server that calls: its callers, once all clients have come.
    pub callers: Option<Promised<C>>,
}

impl<C> Serving<C> {
    /// A server that is called.
    pub fn without_callers(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            callers: None,
        }
    }
}

/// Which side makes the calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The side that dials.
    Client,
    /// The side that listens.
    Server,
}

/// What a contestant's processes run.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// This program.
    Itself(fn(Role) -> Promised<()>),
    /// That of `bench/go`.
    Go,
}

/// A contestant, as the conductor knows it.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// How it is called in arguments and results.
    pub name: &'static str,
    /// What its processes run.
    pub program: Program,
    /// Which side makes the calls.
    pub caller: Side,
    /// The loads that it carries.
    loads: Loads,
}

/// Which loads a contestant carries.
#[derive(Clone, Copy, Debug)]
enum Loads {
    All,
    /// It has no streams.
    Calls,
    /// It only shows what becomes of a rate with the number of connections.
    ManyConnections,
    /// It has a part in scenes only.
    None,
}

/// All contestants, in the order in which they are shown.
pub const NAMES: &[Name] = &[
    Name::of::<raw_tcp::RawTcp>("raw-tcp", Side::Client, Loads::ManyConnections),
    Name::of::<raw_tls::RawTls>("raw-tls", Side::Client, Loads::All),
    Name::of::<bare_tls::BareTls>("bare-tls", Side::Client, Loads::None),
    Name::of::<websocket::WebSocket>("websocket", Side::Client, Loads::All),
    Name::of::<wsrpc::ClientCalls<2>>("wsrpc-v2", Side::Client, Loads::All),
    Name::of::<wsrpc::ServerCalls<2>>("wsrpc-v2-calls-client", Side::Server, Loads::All),
    Name::of::<wsrpc::ClientCalls<1>>("wsrpc-v1", Side::Client, Loads::Calls),
    Name::of::<wsrpc::ServerCalls<1>>("wsrpc-v1-calls-client", Side::Server, Loads::Calls),
    Name::of::<tonic::Tonic>("tonic", Side::Client, Loads::All),
    Name::of::<tarpc::Tarpc>("tarpc", Side::Client, Loads::Calls),
    Name::of::<jsonrpsee::Jsonrpsee>("jsonrpsee", Side::Client, Loads::Calls),
    Name::of_go("go-wsrpc", Loads::Calls),
    Name::of_go("go-grpc", Loads::All),
];

impl Name {
    /// Whether it takes part in this load.
    pub fn carries(&self, load: &Load) -> bool {
        match self.loads {
            Loads::All => true,
            Loads::Calls => load.kind == Kind::Unary,
            Loads::ManyConnections => load.kind == Kind::Unary && load.connections > 1,
            Loads::None => false,
        }
    }

    const fn of<C: Contestant + 'static>(name: &'static str, caller: Side, loads: Loads) -> Self {
        let program = Program::Itself(|role| Box::pin(peer::play::<C>(role)));
        Self {
            name,
            program,
            caller,
            loads,
        }
    }

    const fn of_go(name: &'static str, loads: Loads) -> Self {
        Self {
            name,
            program: Program::Go,
            caller: Side::Client,
            loads,
        }
    }
}

/// An RPC library, or one of the limits that none of them can pass.
pub trait Contestant {
    /// What makes the calls: on the client, or on the server of a contestant whose server calls.
    type Caller: Caller;

    /// Listens on a free port of loopback. Where it is the server that calls, this many clients will come.
    fn serve(connections: usize) -> impl Future<Output = Result<Serving<Self::Caller>, Failure>>;

    /// Makes all connections. Where it is the server that calls, they then only answer.
    fn connect(
        server: Endpoint,
        connections: usize,
    ) -> impl Future<Output = Result<Self::Caller, Failure>>;
}

/// The connections of a client.
pub trait Caller {
    /// Carries a load for ever: calls [`Meter::call`] for each call that was answered and [`Meter::message`] for each
    /// message of a stream that arrived. It is dropped when the time is over.
    fn run(&self, load: Load, meter: Arc<Meter>) -> impl Future<Output = Result<(), Failure>>;

    /// Is busy once on each connection.
    fn burst(&self, burst: Burst) -> impl Future<Output = Result<(), Failure>>;
}

/// Makes this many connections, many at a time. `connect` is told which.
pub async fn connect_all<T, F>(
    connections: usize,
    connect: impl Fn(usize) -> F,
) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    const AT_ONCE: usize = 64;
    stream::iter((0..connections).map(connect))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}
