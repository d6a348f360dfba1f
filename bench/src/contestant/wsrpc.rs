//! This library, in both versions of its wire and in both directions.

use std::{collections::HashMap, net::Ipv4Addr, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use wsrpc::{
    Client, PeerState, Peers, ProtocolVersion, Request, Response, SecretKey, Server, SessionConfig,
    Status, Streaming,
};

use super::{Contestant, Endpoint, Failure, LARGEST, Serving, connect_all};
use crate::{
    calls::{Callers, Calls, random_body},
    proto::{
        Body, Wanted,
        bench_client::BenchClient,
        bench_server::{Bench, BenchServer},
    },
};

/// Where tens of thousands connect at once, a busy machine makes the last ones wait.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(120);

/// The client calls, as with any other library.
pub struct ClientCalls<const VERSION: u8>;

/// The server calls its clients.
pub struct ServerCalls<const VERSION: u8>;

impl<const VERSION: u8> Contestant for ClientCalls<VERSION> {
    type Caller = Callers<BenchClient>;

    async fn serve(_: usize) -> Result<Serving<Self::Caller>, Failure> {
        let (endpoint, _) = serve(SecretKey::generate(), 0).await?;
        Ok(Serving::without_callers(endpoint))
    }

    async fn connect(server: Endpoint, connections: usize) -> Result<Self::Caller, Failure> {
        connect::<VERSION>(server, connections).await
    }
}

impl<const VERSION: u8> Contestant for ServerCalls<VERSION> {
    type Caller = Callers<BenchClient>;

    async fn serve(connections: usize) -> Result<Serving<Self::Caller>, Failure> {
        let (endpoint, peers) = serve(SecretKey::generate(), 0).await?;
        Ok(Serving {
            endpoint,
            callers: Some(Box::pin(callers_of(peers, connections))),
        })
    }

    /// The stubs are not called, but keep their sessions open.
    async fn connect(server: Endpoint, connections: usize) -> Result<Self::Caller, Failure> {
        connect::<VERSION>(server, connections).await
    }
}

/// Serves on a port of all loopback addresses.
pub async fn serve(key: SecretKey, port: u16) -> Result<(Endpoint, Peers), Failure> {
    let public = key.public_key();
    let server = Server::builder(key)
        .allow_any()
        .session(settings())
        .add_service(BenchServer::new(Echo))
        .bind((Ipv4Addr::UNSPECIFIED, port))
        .await?;
    let endpoint = Endpoint {
        address: (Ipv4Addr::LOCALHOST, server.local_addr()?.port()).into(),
        key: Some(public.to_string()),
    };
    let peers = server.peers();
    tokio::spawn(server.serve());
    Ok((endpoint, peers))
}

async fn connect<const VERSION: u8>(
    server: Endpoint,
    connections: usize,
) -> Result<Callers<BenchClient>, Failure> {
    let version = match VERSION {
        1 => ProtocolVersion::V1,
        _ => ProtocolVersion::V2,
    };
    let connect = async |index| {
        let client = client(&server, index, version).await?;
        Ok(BenchClient::new(client.channel()))
    };
    Ok(Callers(connect_all(connections, connect).await?))
}

/// The client of this index, with a key of its own, since a key has one session.
pub async fn client(
    server: &Endpoint,
    index: usize,
    version: ProtocolVersion,
) -> Result<Client, Failure> {
    let key = server.key.as_deref();
    let key = key.ok_or("a wsrpc client needs the server's public key: give --key")?;
    let client = Client::builder(SecretKey::generate(), key.parse()?)
        .max_version(version)
        .session(settings())
        .connect_timeout(CONNECT_TIMEOUT)
        .add_service(BenchServer::new(Echo));
    Ok(client.connect(server.address_of(index).to_string()).await?)
}

/// The stubs of the clients, once this many have come, in the order in which they came: that is about how their connections
/// lie in memory, and a client has those that it makes in that order too. With ten thousand, a random one is slower.
async fn callers_of(peers: Peers, connections: usize) -> Result<Callers<BenchClient>, Failure> {
    let mut events = peers.events();
    let mut epochs = HashMap::new();
    while epochs.len() < connections {
        let event = events.next().await.ok_or("the server has shut down")?;
        match event.state {
            PeerState::Connected => epochs.insert(event.key, event.epoch),
            _ => epochs.remove(&event.key),
        };
    }
    let mut sessions: Vec<_> = epochs.into_iter().collect();
    sessions.sort_unstable_by_key(|(_, epoch)| *epoch);
    let stub = |(key, _)| BenchClient::new(peers.channel(key));
    Ok(Callers(sessions.into_iter().map(stub).collect()))
}

/// As many calls at once, and as large ones, as the benchmark makes.
fn settings() -> SessionConfig {
    SessionConfig::default()
        .max_concurrent_handlers(16 * 1024)
        .max_recv_message_size(LARGEST)
        .max_send_message_size(LARGEST)
}

impl Calls for BenchClient {
    async fn unary(&mut self, body: Bytes) -> Result<Bytes, Failure> {
        Ok(self.echo(Body { body }).await?.into_inner().body)
    }

    async fn download(
        &mut self,
        messages: u64,
        size: u64,
    ) -> Result<impl Stream<Item = Result<Bytes, Failure>> + Send, Failure> {
        let answers = BenchClient::download(self, Wanted { messages, size }).await?;
        Ok(bodies(answers.into_inner()))
    }

    async fn echo_all(
        &mut self,
        requests: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<impl Stream<Item = Result<Bytes, Failure>> + Send, Failure> {
        let requests = requests.map(|body| Body { body });
        let answers = BenchClient::echo_all(self, requests).await?;
        Ok(bodies(answers.into_inner()))
    }
}

fn bodies(answers: Streaming<Body>) -> impl Stream<Item = Result<Bytes, Failure>> + Send {
    answers
        .map_ok(|message| message.body)
        .map_err(Failure::from)
}

/// Answers as `bench.proto` says.
struct Echo;

impl Bench for Echo {
    async fn echo(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn download(
        &self,
        request: Request<Wanted>,
    ) -> Result<Response<impl Stream<Item = Result<Body, Status>> + Send>, Status> {
        let Wanted { messages, size } = request.into_inner();
        let (Ok(messages), Ok(size)) = (usize::try_from(messages), usize::try_from(size)) else {
            return Err(Status::out_of_range("more than this machine can count"));
        };
        let body = random_body(size);
        let answers = stream::repeat_with(move || Ok(Body { body: body.clone() })).take(messages);
        Ok(Response::new(answers))
    }

    async fn echo_all(
        &self,
        request: Request<Streaming<Body>>,
    ) -> Result<Response<impl Stream<Item = Result<Body, Status>> + Send>, Status> {
        Ok(Response::new(request.into_inner().map_err(Status::from)))
    }
}
