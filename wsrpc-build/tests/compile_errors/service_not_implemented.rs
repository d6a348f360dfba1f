//! A service is added, and nobody implements it.

#[path = "../golden/ping/ping.rs"]
mod ping;

use ping::ping_server::PingServer;
use wsrpc::testing::Services;

struct MyPing;

fn main() {
    let _ = Services::new().add(PingServer::new(MyPing));
}
