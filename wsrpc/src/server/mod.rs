//! The side that accepts: listeners, handshakes, and who is connected.

mod accept;
mod accept_errors;
mod allow_list;
mod builder;
mod events;
mod health;
mod peers;
mod registry;
mod seldom;
mod takeovers;

use std::{fmt, future::poll_fn, io, net::SocketAddr, sync::Arc, task::Poll, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    select,
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use self::{accept::Acceptor, accept_errors::AcceptErrors, registry::Registry, seldom::Seldom};
pub use self::{
    allow_list::{AllowList, Revocation},
    builder::{BindError, ServerBuilder},
    events::{PeerEvent, PeerEvents, PeerState},
    peers::Peers,
};
use crate::{
    identity::{Identity, PublicKey},
    session_end::SessionEnd,
};

/// A server that is bound to its addresses and not serving yet.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use wsrpc::{PublicKey, SecretKey, Server};
///
/// let secret_key = SecretKey::read_file("server.key")?;
/// let alice: PublicKey = "0f17c3bf72de8beef6e2d17a14c0a972f5d7e0e66e70722373f12b88382d40f9".parse()?;
/// let server = Server::builder(secret_key).allow([alice]).bind("0.0.0.0:1338").await?;
/// println!("listening on {}", server.local_addr()?);
/// server.serve().await;
/// # Ok(())
/// # }
/// ```
#[must_use = "a server does nothing until it serves"]
pub struct Server {
    acceptor: Arc<Acceptor>,
    listeners: Vec<TcpListener>,
    health: Option<TcpListener>,
    control: Arc<Control>,
    ends_sessions: EndsSessions,
    /// Goes away with the server, however it ends.
    alive: watch::Receiver<()>,
}

/// What a server and its handles share.
#[derive(Debug)]
struct Control {
    /// When the grace of a shutdown ends, once there is one.
    stop: watch::Sender<Option<Instant>>,
    alive: watch::Sender<()>,
}

impl Server {
    /// Begins to build a server that proves to be `identity`: a [`SecretKey`](crate::SecretKey), or an [`Identity`]
    /// whose signer holds the key elsewhere.
    pub fn builder(identity: impl Into<Identity>) -> ServerBuilder {
        ServerBuilder::new(identity.into())
    }

    /// The key that this server proves to have: what its clients are given.
    pub fn public_key(&self) -> PublicKey {
        self.acceptor.identity.public_key()
    }

    /// The address of the first listener: with its port, where port 0 was asked for.
    ///
    /// # Errors
    ///
    /// What the system says of the socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.listeners.first() {
            Some(listener) => listener.local_addr(),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The addresses of all listeners, in the order in which they were given.
    ///
    /// # Errors
    ///
    /// What the system says of the sockets.
    pub fn local_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// The address of the health check, if there is one.
    pub fn health_addr(&self) -> Option<SocketAddr> {
        self.health.as_ref()?.local_addr().ok()
    }

    /// Who is connected, and who may be.
    pub fn peers(&self) -> Peers {
        Peers::new(self.acceptor.registry.clone())
    }

    /// A handle that shuts the server down.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle {
            control: self.control.clone(),
        }
    }

    /// Serves until `signal` resolves, then [shuts down](ServerHandle::shutdown) with this grace.
    ///
    /// ```no_run
    /// # async fn example(server: wsrpc::Server) {
    /// # async fn ctrl_c() {}
    /// server.serve_until(ctrl_c(), std::time::Duration::from_secs(10)).await;
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As of [`serve`](Self::serve).
    pub async fn serve_until(self, signal: impl Future<Output = ()>, grace: Duration) {
        let handle = self.handle();
        let serving = self.serve();
        tokio::pin!(serving);
        select! {
            () = &mut serving => return,
            () = signal => {}
        }
        tokio::join!(serving, handle.shutdown(grace));
    }

    /// Serves until [`ServerHandle::shutdown`] is done.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops at once: connections close, pending calls fail, handlers stop.
    pub async fn serve(self) {
        let Self {
            acceptor,
            listeners,
            health,
            control,
            ends_sessions: _ends_sessions,
            alive,
        } = self;
        let registry = acceptor.registry.clone();
        let mut stop = control.stop.subscribe();
        let mut connections = JoinSet::new();
        let mut health_checks = JoinSet::new();
        if let Some(listener) = health {
            health_checks.spawn(health::serve(listener));
        }
        let mut turn = 0;
        let mut errors = AcceptErrors::new("a connection");
        let mut turned_away = Seldom::default();
        while stop.borrow_and_update().is_none() {
            // Each listener is the first to be asked in its turn, or a busy one would starve the others.
            turn = (turn + 1) % listeners.len();
            select! {
                accepted = accept_any(&listeners, turn) => match accepted {
                    Ok((stream, address)) => {
                        let acceptor = acceptor.clone();
                        acceptor.spawn(&mut connections, &mut turned_away, stream, address);
                    }
                    Err(error) => errors.wait(&error).await,
                },
                Some(_) = connections.join_next() => {}
                _ = stop.changed() => {}
            }
        }
        drop(listeners);
        registry.drain(acceptor.reconnect_spread);
        loop {
            let deadline = stop.borrow_and_update().unwrap_or_else(Instant::now);
            select! {
                joined = connections.join_next() => if joined.is_none() { break },
                () = sleep_until(deadline) => break,
                // A later shutdown may be less patient.
                _ = stop.changed() => {}
            }
        }
        registry.end_all(&SessionEnd::Shutdown);
        while connections.join_next().await.is_some() {}
        health_checks.shutdown().await;
        drop(alive);
    }
}

/// Takes the next connection of any of the listeners.
async fn accept_any(
    listeners: &[TcpListener],
    first: usize,
) -> io::Result<(TcpStream, SocketAddr)> {
    poll_fn(|cx| {
        let (later, sooner) = listeners.split_at(first);
        for listener in sooner.iter().chain(later) {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

/// Ends what is left when a server, or what was to become one, is dropped.
struct EndsSessions(Arc<Registry>);

impl Drop for EndsSessions {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("public_key", &self.acceptor.identity.public_key())
            .field("listeners", &self.listeners)
            .finish_non_exhaustive()
    }
}

/// Shuts a server down. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    control: Arc<Control>,
}

impl ServerHandle {
    /// Stops accepting, refuses new calls, lets running ones end for at most `grace`, and resolves once every session
    /// has ended. With a grace of zero it stops at once.
    ///
    /// Called again, the shorter grace counts. A server that does not serve is waited for until it does, or is dropped.
    ///
    /// # Cancel safety
    ///
    /// The shutdown goes on when the future is dropped.
    pub async fn shutdown(&self, grace: Duration) {
        let deadline = Instant::now().checked_add(grace);
        // A grace beyond the clock's range is a month.
        let month = Duration::from_secs(30 * 24 * 60 * 60);
        let deadline = deadline.unwrap_or_else(|| Instant::now() + month);
        self.control.stop.send_modify(|stop| {
            *stop = Some(stop.map_or(deadline, |earlier| earlier.min(deadline)));
        });
        self.control.alive.closed().await;
    }
}

#[cfg(test)]
mod tests;
