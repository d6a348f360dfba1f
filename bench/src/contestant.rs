//! What every contestant can do: serve, connect, and carry a load.

use std::{error::Error, future::Future, net::SocketAddr, pin::Pin, sync::Arc};

use crate::{meter::Meter, order::Load};

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

/// A server that serves in the background for as long as the process lives.
pub struct Serving<C> {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Where it is the server that calls: its callers, once all clients have come.
    pub callers: Option<Pin<Box<dyn Future<Output = Result<C, Failure>>>>>,
}

/// An RPC library, or one of the limits that none of them can pass.
pub trait Contestant {
    /// What makes the calls: on the client, or on the server of a contestant whose server calls.
    type Caller: Caller;

    /// Listens on a free port of loopback. Where it is the server that calls, this many clients will come.
    fn serve(connections: usize) -> impl Future<Output = Result<Serving<Self::Caller>, Failure>>;

    /// Makes all connections. Where it is the server that calls, they then only answer.
    fn connect(server: Endpoint, connections: usize) -> impl Future<Output = Result<Self::Caller, Failure>>;
}

/// The connections of a client.
pub trait Caller {
    /// Carries a load for ever: calls [`Meter::call`] for each call that was answered and [`Meter::message`] for each
    /// message of a stream that arrived. It is dropped when the time is over.
    fn run(&self, load: Load, meter: Arc<Meter>) -> impl Future<Output = Result<(), Failure>>;
}
