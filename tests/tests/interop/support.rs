//! What the tests share: both sides in either role, and waits that end.

use std::{future::Future, time::Duration};

use integration::{behaviour::Obedient, go::Go, keys::Who, ping};
use tokio::{task::JoinHandle, time::timeout};
use wsrpc::{
    CallError, Channel, Client, ClientBuilder, PeerEvent, PeerEvents, PeerState, Peers,
    ReconnectConfig, Server, ServerBuilder, ServerHandle, SessionEnd,
};

/// Nothing that happens by itself takes this long, whatever else the machine does.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Waits for what is to happen by itself.
pub(crate) async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    match timeout(SOON, event).await {
        Ok(happened) => happened,
        Err(_) => panic!("this did not happen within {SOON:?}: {what}"),
    }
}

/// A server of ours at work, until it is dropped.
pub(crate) struct Serving {
    pub(crate) address: String,
    pub(crate) peers: Peers,
    pub(crate) handle: ServerHandle,
    task: JoinHandle<()>,
}

/// A server of ours that answers Ping.
pub(crate) fn server(allowed: &[Who]) -> ServerBuilder {
    Server::builder(Who::Server.secret())
        .allow(allowed.iter().map(|who| who.public()))
        .add_service(ping::ping_server::PingServer::new(Obedient))
}

/// Serves on a free port.
pub(crate) async fn serve(builder: ServerBuilder) -> Serving {
    serve_at(builder, "127.0.0.1:0").await
}

/// Serves on `address`.
pub(crate) async fn serve_at(builder: ServerBuilder, address: &str) -> Serving {
    let server = builder.bind(address).await.unwrap();
    Serving {
        address: server.local_addr().unwrap().to_string(),
        peers: server.peers(),
        handle: server.handle(),
        task: tokio::spawn(server.serve()),
    }
}

impl Serving {
    /// Stops it at once, and waits until its port is free.
    pub(crate) async fn kill(mut self) {
        self.task.abort();
        (&mut self.task).await.unwrap_err();
    }

    /// The channel to a Go client, once it is connected.
    pub(crate) async fn connected(&self, who: Who) -> Channel {
        soon("a peer connects", self.peers.connected(who.public())).await;
        self.peers.channel(who.public())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client of ours that answers Gnip, and is quick to dial again.
pub(crate) fn client(who: Who) -> ClientBuilder {
    Client::builder(who.secret(), Who::Server.public())
        .add_service(ping::gnip_server::GnipServer::new(Obedient))
        .reconnect(quick())
}

/// Pauses that a test has the time for.
pub(crate) fn quick() -> ReconnectConfig {
    ReconnectConfig::default()
        .base(Duration::from_millis(50))
        .cap(Duration::from_millis(500))
}

/// Alice, written in Go, at a server of ours: both sides know of each other.
pub(crate) async fn go_alice(serving: &Serving) -> (Go, Channel) {
    let go = Go::client(Who::Alice, &serving.address).await;
    let channel = serving.connected(Who::Alice).await;
    go.ready().await;
    (go, channel)
}

/// Alice, written in Rust, at a Go server: both sides know of each other.
pub(crate) async fn rust_alice() -> (Go, Client) {
    let (go, address) = Go::server(&[Who::Alice]).await;
    let client = client(Who::Alice).connect(&address).await.unwrap();
    go.wait_for_peers(1).await;
    (go, client)
}

/// Has the Go server call a client.
pub(crate) async fn gnip(go: &Go, who: Who, body: &str) -> Result<String, String> {
    go.tell(format!("gnip {} 20000 {body}", who.public())).await
}

/// A call under way.
pub(crate) type Pending = JoinHandle<Result<String, CallError>>;

/// Makes a call, by either of the functions of `behaviour`, and returns once it is under way.
pub(crate) async fn begin<F>(call: F) -> Pending
where
    F: Future<Output = Result<String, CallError>> + Send + 'static,
{
    let call = tokio::spawn(call);
    // The call's task has run up to its first wait once this one runs again, its session's driver a turn later.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    call
}

/// How a call that is under way fails, which it does soon.
pub(crate) async fn failure(call: Pending) -> CallError {
    soon("a pending call fails", call)
        .await
        .unwrap()
        .unwrap_err()
}

/// The next event.
pub(crate) async fn next(events: &mut PeerEvents) -> PeerEvent {
    soon("something happens to a peer", events.next())
        .await
        .unwrap()
}

/// Waits until another session of a peer took over, and returns the event of that.
pub(crate) async fn replaced(events: &mut PeerEvents) -> PeerEvent {
    loop {
        let event = next(events).await;
        match &event.state {
            PeerState::Connected => return event,
            // Mostly merged with the other's beginning, which is of the same instant.
            PeerState::Disconnected(end) => assert_eq!(*end, SessionEnd::Replaced),
        }
    }
}

/// Waits until a peer's session has ended, and returns why.
pub(crate) async fn end_of(events: &mut PeerEvents, who: Who) -> SessionEnd {
    loop {
        let event = next(events).await;
        if let PeerState::Disconnected(end) = event.state {
            assert_eq!(event.key, who.public());
            return end;
        }
    }
}
