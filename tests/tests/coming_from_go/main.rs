//! What a user of the Go library is used to, row by row as in the migration guide: all of it can be done here.

#![allow(clippy::unwrap_used)]

mod calls;
mod clients;
mod logs;
mod peers;
mod servers;
mod states;

use std::time::Duration;

use integration::{
    behaviour::Obedient,
    keys::Who,
    ping::{gnip_server::GnipServer, ping_server::PingServer},
    scene::settings,
};
use wsrpc::{Client, ClientBuilder, ReconnectConfig, Server, ServerBuilder};

/// A client of a server with the server's key.
fn client(who: Who) -> ClientBuilder {
    Client::builder(who.secret(), Who::Server.public())
        .session(settings())
        .reconnect(ReconnectConfig::default().base(Duration::from_millis(20)))
        .add_service(GnipServer::new(Obedient))
}

/// A server that allows Alice and Bob.
fn server() -> ServerBuilder {
    Server::builder(Who::Server.secret())
        .session(settings())
        .allow([Who::Alice.public(), Who::Bob.public()])
        .add_service(PingServer::new(Obedient))
}

/// Bob, whom a scene's server allows.
fn bob() -> ClientBuilder {
    client(Who::Bob)
}
