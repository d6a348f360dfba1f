//! The row of the logger: `tracing`, and nothing else.

use std::{
    io,
    sync::{Arc, Mutex},
};

use integration::{
    keys::Who,
    raw::Key,
    scene::{Scene, soon, until},
};
use tracing::{Level, subscriber};
use tracing_subscriber::fmt;
use wsrpc::Client;

/// Where the log goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `WithLogger`.
#[tokio::test]
async fn logs_go_through_tracing() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = fmt()
        .with_max_level(Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // For the whole process: the other tests, which log here too, have other keys.
    subscriber::set_global_default(subscriber).unwrap();
    let scene = Scene::new().await;
    let key = Key::new();
    let dial = || {
        let client = Client::builder(key.secret(), Who::Server.public());
        soon(client.connect(scene.address.to_string()))
    };
    let client = dial().await.unwrap();
    soon(scene.peers.connected(key.public())).await;
    soon(client.close()).await;
    let list = scene.peers.allow_list();
    list.replace([Who::Alice.public()]).await;
    dial().await.unwrap_err();
    // Each with its source, and with the key, so that it can be copied from there to the allow list.
    for (source, words) in [
        ("wsrpc::server", "connected"),
        ("wsrpc::server", "disconnected"),
        ("wsrpc::server", "a connection was not established"),
        ("wsrpc::client", "have it added to the server's allow list"),
    ] {
        let public = key.public().to_string();
        let told = |line: &str| {
            [source, words, &public]
                .iter()
                .all(|word| line.contains(word))
        };
        until(|| log.text().lines().any(told)).await;
    }
    scene.finish().await;
    let text = log.text();
    // No secret is ever written.
    for who in [Who::Alice, Who::Bob, Who::Server] {
        assert!(!text.contains(&who.go_secret()[..64]));
    }
}
