//! From a TCP connection to a session.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, StatusCode};
use tokio::{
    net::TcpStream,
    select,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{rustls::ServerConfig, server::TlsStream};

use super::{
    Control,
    registry::{Registry, TurnedAway},
    seldom::Seldom,
};
use crate::{
    config::Resolved,
    identity::{Identity, PublicKey},
    service::Router,
    session::{self, Agreed, Finished, HelloError, Hooks, Session},
    session_end::SessionEnd,
    tls::{self, HandshakeError},
    transport::{self, Refusal, Role, SocketOptions, UpgradeError, WebSocket},
    version::Versions,
};

/// Everything that a connection takes.
pub(super) struct Acceptor {
    pub(super) registry: Arc<Registry>,
    pub(super) router: Arc<Router>,
    pub(super) identity: Identity,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) config: Resolved,
    pub(super) socket: SocketOptions,
    pub(super) path: Option<String>,
    pub(super) versions: Versions,
    pub(super) handshake_timeout: Duration,
    pub(super) reconnect_spread: Option<Duration>,
    /// Bounds the handshakes that are under way.
    pub(super) handshakes: Arc<Semaphore>,
    pub(super) control: Arc<Control>,
}

/// What a handshake yields.
type Connection = (PublicKey, Agreed, WebSocket<TlsStream<TcpStream>>);

/// Why a connection did not become a session.
#[derive(Debug, thiserror::Error)]
enum AcceptError {
    #[error("the socket: {0}")]
    Socket(#[from] std::io::Error),
    #[error(transparent)]
    Tls(#[from] HandshakeError),
    #[error(transparent)]
    Upgrade(#[from] UpgradeError),
    #[error(transparent)]
    Hello(#[from] HelloError),
}

impl Acceptor {
    /// Sees to a connection in a task of its own, so that none can hold up another, unless too many are under way:
    /// then it is one of those `turned_away`.
    pub(super) fn spawn(
        self: Arc<Self>,
        connections: &mut JoinSet<()>,
        turned_away: &mut Seldom,
        stream: TcpStream,
        address: SocketAddr,
    ) {
        match self.handshakes.clone().try_acquire_owned() {
            Ok(permit) => {
                connections.spawn(self.connection(stream, address, permit));
            }
            Err(_) => {
                if let Some(connections) = turned_away.happened() {
                    tracing::warn!(
                        %address,
                        connections,
                        "turned away: as many handshakes are under way as max_handshakes allows"
                    );
                }
            }
        }
    }

    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) {
        // In a box, since it takes more memory than all that comes after it.
        let Some((peer, agreed, socket)) = Box::pin(self.establish(stream, address)).await else {
            return;
        };
        drop(permit);
        let (proven, ended) = (self.registry.clone(), self.registry.clone());
        let hooks = Hooks {
            proven: Some(Box::new(move |session| proven.prove(session))),
            ended: Some(Box::new(move |session, end| ended.unroute(session, end))),
        };
        let router = self.router.clone();
        let (session, driver) = Session::new(socket, peer, agreed, router, &self.config, hooks);
        match self.registry.register(&session) {
            Ok(()) => tracing::info!(%address, %peer, version = %session.version(), "connected"),
            Err(reason) => session.end(reason),
        }
        let mut entered = Entered {
            registry: self.registry.clone(),
            session: session.clone(),
            finished: Finished {
                end: SessionEnd::Closed,
                acknowledged: false,
            },
        };
        entered.finished = driver.run().await;
        tracing::info!(%address, %peer, end = %entered.finished.end, "disconnected");
        drop(entered);
        session.wait_for_tasks(self.config.close_timeout).await;
    }

    /// What the handshake yields, if it does so in time.
    async fn establish(&self, stream: TcpStream, address: SocketAddr) -> Option<Connection> {
        let mut stop = self.control.stop.subscribe();
        let handshake = select! {
            handshake = timeout(self.handshake_timeout, self.handshake(stream)) => handshake,
            // What is not a session yet would only hold the shutdown up.
            _ = stop.wait_for(Option::is_some) => return None,
        };
        match handshake {
            Ok(Ok(connection)) => Some(connection),
            Ok(Err(error)) => {
                tracing::info!(%address, %error, "a connection was not established");
                None
            }
            Err(_) => {
                let after = self.handshake_timeout;
                tracing::info!(%address, ?after, "a connection was not established in time");
                None
            }
        }
    }

    async fn handshake(&self, stream: TcpStream) -> Result<Connection, AcceptError> {
        self.socket.apply(&stream)?;
        let (peer, mut stream) = tls::accept(self.tls.clone(), &self.identity, stream).await?;
        let check = |request: &Request<()>| self.check(request, &peer);
        let version = transport::accept(&mut stream, self.versions, check).await?;
        let max_size = self.config.max_frame_size(version);
        let mut socket = WebSocket::new(stream, Role::Server, max_size);
        let agreed = session::agree(&mut socket, Role::Server, version, &self.config).await?;
        Ok((peer, agreed, socket))
    }

    fn check(&self, request: &Request<()>, peer: &PublicKey) -> Result<(), Refusal> {
        let path = request.uri().path();
        if let Some(expected) = self.path.as_deref().filter(|expected| *expected != path) {
            return Err(Refusal {
                status: StatusCode::NOT_FOUND,
                text: format!("there is nothing at {path}; this server is at {expected}"),
            });
        }
        self.registry.check(peer).map_err(|turned_away| match turned_away {
            TurnedAway::NotAllowed => Refusal {
                status: StatusCode::FORBIDDEN,
                text: format!("the key {peer} is not on the allow list"),
            },
            TurnedAway::ShuttingDown => Refusal {
                status: StatusCode::SERVICE_UNAVAILABLE,
                text: "the server is shutting down".into(),
            },
            TurnedAway::TooManyTakeovers { retry_after } => Refusal {
                status: StatusCode::TOO_MANY_REQUESTS,
                text: format!(
                    "the key {peer} is connected, and has taken over its own session too often; \
                     try again in {} s, and give each process a key of its own",
                    retry_after.as_secs() + 1
                ),
            },
        })
    }
}

/// A session in the registry, until this is dropped: by its task's end, whether that ran through, was aborted or
/// panicked.
struct Entered {
    registry: Arc<Registry>,
    session: Session,
    finished: Finished,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.registry.remove(&self.session, &self.finished);
    }
}
