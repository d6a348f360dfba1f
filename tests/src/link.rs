//! A server and an agent with a session between them, each of which answers TestService.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use wsrpc::{
    Channel, Client, ClientBuilder, Peers, ReconnectConfig, Server, ServerBuilder, ServerHandle,
};

use crate::{
    grpc_testing::{
        Empty, test_service_client::TestServiceClient, test_service_server::TestServiceServer,
    },
    keys::Who,
    proxy::Proxy,
    scene::soon,
    test_service::TestService,
};

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callee {
    /// The server, which the agent has dialled.
    Server,
    /// The agent, by its key.
    Agent,
}

/// A server and an agent with a session between them.
#[derive(Debug)]
pub struct Link {
    /// The agent.
    pub client: Client,
    /// The server's peers: the agent alone.
    pub peers: Peers,
    services: [Arc<TestService>; 2],
    proxy: Option<Proxy>,
    handle: ServerHandle,
    serving: JoinHandle<()>,
}

/// The calls of one side to the other.
#[derive(Debug)]
pub struct Direction {
    /// The caller's channel.
    pub channel: Channel,
    /// The same, behind the stubs.
    pub stubs: TestServiceClient,
    /// What the callee answers with.
    pub callee: Arc<TestService>,
}

impl Link {
    /// With the default settings, except that the agent dials only once: a session that is lost is noticed.
    pub async fn new() -> Self {
        Self::with(|server| server, |client| client).await
    }

    /// The same, with a server and an agent that are set up further.
    pub async fn with(
        server: impl FnOnce(ServerBuilder) -> ServerBuilder,
        client: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Self {
        let never = Duration::from_secs(3600);
        let once = ReconnectConfig::default().base(never).cap(never);
        Self::build(server, |builder| client(builder.reconnect(once)), false).await
    }

    /// One that can be [cut](Self::cut), whose agent then dials again at once.
    pub async fn that_can_be_cut() -> Self {
        Self::build(|server| server, |client| client.reconnect(hasty()), true).await
    }

    async fn build(
        server: impl FnOnce(ServerBuilder) -> ServerBuilder,
        client: impl FnOnce(ClientBuilder) -> ClientBuilder,
        through_proxy: bool,
    ) -> Self {
        let services = [(); 2].map(|()| Arc::new(TestService::default()));
        let [on_server, on_agent] = services.clone().map(TestServiceServer::from_arc);
        let builder = Server::builder(Who::Server.secret())
            .allow([Who::Alice.public()])
            .add_service(on_server);
        let server = server(builder).bind("127.0.0.1:0").await.unwrap();
        let mut address = server.local_addr().unwrap().to_string();
        let (peers, handle) = (server.peers(), server.handle());
        let serving = tokio::spawn(server.serve());
        let mut proxy = None;
        if through_proxy {
            address = proxy.insert(Proxy::new(&address).await).address();
        }
        let builder =
            Client::builder(Who::Alice.secret(), Who::Server.public()).add_service(on_agent);
        let client = soon(client(builder).connect(address)).await.unwrap();
        assert!(soon(peers.connected(Who::Alice.public())).await);
        Self {
            client,
            peers,
            services,
            proxy,
            handle,
            serving,
        }
    }

    /// The calls that `callee` answers.
    pub fn calls_to(&self, callee: Callee) -> Direction {
        let [on_server, on_agent] = &self.services;
        let (channel, service) = match callee {
            Callee::Server => (self.client.channel(), on_server),
            Callee::Agent => (self.peers.channel(Who::Alice.public()), on_agent),
        };
        Direction {
            stubs: TestServiceClient::new(channel.clone()),
            channel,
            callee: service.clone(),
        }
    }

    /// Cuts the connection, as the network would.
    pub fn cut(&self) {
        let proxy = self.proxy.as_ref();
        proxy.expect("the link goes through a proxy").cut();
    }

    /// Bytes that went over a connection that can be cut, in both directions.
    pub fn carried(&self) -> u64 {
        let proxy = self.proxy.as_ref();
        proxy.expect("the link goes through a proxy").carried()
    }

    /// Nothing runs any more, calls still go through both ways, and the server can be shut down.
    pub async fn finish(self) {
        for callee in [Callee::Server, Callee::Agent] {
            let calls = self.calls_to(callee);
            calls.callee.running(0).await;
            soon(calls.stubs.empty_call(Empty {}).into_future())
                .await
                .unwrap();
        }
        soon(self.shut_down(Duration::ZERO)).await;
    }

    /// Shuts the server down, and keeps the agent until that is done.
    pub async fn shut_down(self, grace: Duration) {
        self.handle.shutdown(grace).await;
        self.serving.await.unwrap();
    }
}

/// Dials again within milliseconds.
pub fn hasty() -> ReconnectConfig {
    let short = Duration::from_millis(5);
    ReconnectConfig::default().base(short).cap(short)
}
