//! A server, and a well-behaved session on it that must not notice what others do.

use std::{
    future::Future,
    net::SocketAddr,
    panic::Location,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use wsrpc::{
    Client, PeerEvents, PeerState, Peers, PublicKey, ReconnectConfig, Server, ServerBuilder,
    ServerHandle, SessionConfig, SessionEnd,
};

use crate::{
    behaviour::{Obedient, gnip, ping},
    keys::Who,
    ping::{gnip_server::GnipServer, ping_server::PingServer},
};

/// Everything that is waited for comes within this time, on a slow machine too.
const SOON: Duration = Duration::from_secs(10);

/// Waits for what should happen soon.
#[track_caller]
pub fn soon<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = Location::caller();
    async move {
        let happened = timeout(SOON, future).await;
        happened.unwrap_or_else(|_| panic!("{caller}: it did not happen within {SOON:?}"))
    }
}

/// Looks again and again, until `condition` holds: for what cannot be awaited.
#[track_caller]
pub fn until(condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let mut condition = condition;
    soon(async move {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    })
}

/// Waits until a session of `key` has ended, and tells why.
#[track_caller]
pub fn end_of(events: &mut PeerEvents, key: PublicKey) -> impl Future<Output = SessionEnd> {
    soon(async move {
        loop {
            let event = events.next().await.expect("the server is there");
            match event.state {
                PeerState::Disconnected(end) if event.key == key => return end,
                _ => {}
            }
        }
    })
}

/// The default settings, but for a peer that takes no part in a close, which is not waited for.
pub fn settings() -> SessionConfig {
    SessionConfig::default().close_timeout(Duration::from_millis(100))
}

/// A server that answers Ping, with a bystander. Unless told otherwise it allows any key.
#[derive(Debug)]
pub struct Scene {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who is connected.
    pub peers: Peers,
    /// What shuts it down.
    pub handle: ServerHandle,
    serving: JoinHandle<()>,
    bystander: Bystander,
}

impl Scene {
    /// A server with the default settings.
    pub async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// A server that is set up by `set_up`.
    pub async fn with(set_up: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let builder = Server::builder(Who::Server.secret())
            .allow_any()
            .session(settings())
            .add_service(PingServer::new(Obedient));
        let server = set_up(builder).bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let (peers, handle) = (server.peers(), server.handle());
        let serving = tokio::spawn(server.serve());
        let bystander = Bystander::new(address, &peers).await;
        Self {
            address,
            peers,
            handle,
            serving,
            bystander,
        }
    }

    /// The bystander noticed nothing, and the server can be shut down.
    pub async fn finish(self) {
        self.bystander.noticed_nothing().await;
        soon(self.handle.shutdown(Duration::ZERO)).await;
        soon(self.serving).await.unwrap();
    }
}

/// Alice, who calls the server and is called by it, all the time.
#[derive(Debug)]
struct Bystander {
    _client: Client,
    to_server: watch::Receiver<u64>,
    to_client: watch::Receiver<u64>,
    /// What she noticed.
    noticed: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

/// A pause between her calls, so that the machine has time for others.
const PACE: Duration = Duration::from_millis(5);

/// None of her calls may take longer.
const PATIENCE: Duration = Duration::from_secs(5);

impl Bystander {
    async fn new(address: SocketAddr, peers: &Peers) -> Self {
        let client = Client::builder(Who::Alice.secret(), Who::Server.public())
            .add_service(GnipServer::new(Obedient))
            .reconnect(ReconnectConfig::default().base(Duration::from_millis(50)))
            .connect(address.to_string())
            .await
            .unwrap();
        soon(peers.connected(Who::Alice.public())).await;
        let noticed = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let mut states = client.watch_state();
        let notes = noticed.clone();
        tasks.spawn(async move {
            while let Some(state) = states.changed().await {
                notes.lock().unwrap().push(format!("state {state}"));
            }
        });
        let (channel, notes) = (client.channel().timeout(PATIENCE), noticed.clone());
        let (calls, to_server) = watch::channel(0);
        tasks.spawn(keep_calling(calls, notes, move || {
            let channel = channel.clone();
            async move { ping(&channel, "still there?").await }
        }));
        let channel = peers.channel(Who::Alice.public()).timeout(PATIENCE);
        let (calls, to_client) = watch::channel(0);
        tasks.spawn(keep_calling(calls, noticed.clone(), move || {
            let channel = channel.clone();
            async move { gnip(&channel, "still there?").await }
        }));
        Self {
            _client: client,
            to_server,
            to_client,
            noticed,
            _tasks: tasks,
        }
    }

    /// After all that happened she makes and answers a call once more.
    async fn noticed_nothing(mut self) {
        for calls in [&mut self.to_server, &mut self.to_client] {
            let begun_before = *calls.borrow() + 1;
            let more = calls.wait_for(|calls| *calls > begun_before);
            soon(more).await.unwrap();
        }
        let noticed = self.noticed.lock().unwrap().clone();
        assert!(noticed.is_empty(), "the bystander noticed {noticed:?}");
    }
}

/// Calls again and again, one at a time, and counts.
async fn keep_calling<F: Future<Output = Result<String, wsrpc::CallError>>>(
    calls: watch::Sender<u64>,
    notes: Arc<Mutex<Vec<String>>>,
    call: impl Fn() -> F,
) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        if let Err(error) = call().await {
            notes.lock().unwrap().push(error.to_string());
        }
        calls.send_modify(|calls| *calls += 1);
    }
}
