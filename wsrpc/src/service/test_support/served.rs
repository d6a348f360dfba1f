//! A server over real sockets.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::{
    Client, ClientBuilder, Peers, PublicKey, ReconnectConfig, SecretKey, Server, ServerBuilder,
    ServerHandle,
};

/// A server that serves.
pub(crate) struct Served {
    pub(crate) key: PublicKey,
    pub(crate) address: String,
    pub(crate) peers: Peers,
    pub(crate) handle: ServerHandle,
    pub(crate) task: JoinHandle<()>,
}

impl Served {
    /// Serves on a free port, with a new key, what `set` adds.
    pub(crate) async fn start(set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        Self::start_at("127.0.0.1:0", &SecretKey::generate(), set).await
    }

    pub(crate) async fn start_at(
        address: &str,
        key: &SecretKey,
        set: impl FnOnce(ServerBuilder) -> ServerBuilder,
    ) -> Self {
        let server = set(Server::builder(key.clone()))
            .bind(address)
            .await
            .unwrap();
        Self::serve(key.public_key(), server)
    }

    pub(crate) fn serve(key: PublicKey, server: Server) -> Self {
        Self {
            key,
            address: server.local_addr().unwrap().to_string(),
            peers: server.peers(),
            handle: server.handle(),
            task: tokio::spawn(server.serve()),
        }
    }

    /// A client of `key` that dials again within milliseconds.
    pub(crate) fn client(&self, key: &SecretKey) -> ClientBuilder {
        Client::builder(key.clone(), self.key).reconnect(hasty())
    }

    /// Drops `serve()`, and waits until it is gone.
    pub(crate) async fn kill(self) {
        self.task.abort();
        self.task.await.ok();
    }

    pub(crate) async fn stop(self) {
        self.handle.shutdown(Duration::ZERO).await;
        self.task.await.unwrap();
    }
}

/// Dials again within milliseconds.
pub(crate) fn hasty() -> ReconnectConfig {
    let short = Duration::from_millis(5);
    ReconnectConfig::default().base(short).cap(short)
}
