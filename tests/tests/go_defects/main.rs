//! What the Go library gets wrong, one test or more for each: none of them would pass with its behaviour.

#![allow(clippy::unwrap_used)]

mod calls;
mod reconnects;
mod revocation;

use std::time::Duration;

use bytes::Bytes;
use integration::{keys::Who, ping::PingRequest, scene::settings};
use prost::Message as _;
use wsrpc::{Client, ClientBuilder, ReconnectConfig};

/// A client of the server in the scene.
fn bob() -> ClientBuilder {
    Client::builder(Who::Bob.secret(), Who::Server.public())
        .session(settings())
        .reconnect(ReconnectConfig::default().base(Duration::from_millis(20)))
}

/// A request or a response: both have one text, under the same number.
fn message(body: &str) -> Bytes {
    let body = body.into();
    PingRequest { body }.encode_to_vec().into()
}
