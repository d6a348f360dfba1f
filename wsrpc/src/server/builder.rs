//! How a server is set up.

use std::{fmt, io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, ToSocketAddrs},
    sync::{Semaphore, watch},
};

use super::{
    AllowList, Control, EndsSessions, Peers, Server,
    accept::Acceptor,
    registry::{Admit, Registry},
};
use crate::{
    config::SessionConfig,
    identity::{Identity, PublicKey},
    layer::{CallHead, CallService, Next},
    service::{RouterBuilder, Service, ServiceError},
    status::Status,
    tls,
    transport::SocketOptions,
    version::{self, InvalidVersions, ProtocolVersion, Versions},
};

/// Why a server cannot be made.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The services cannot be served together.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// There is no version of the protocol between `min_version` and `max_version`.
    #[error(transparent)]
    Versions(#[from] InvalidVersions),
    /// The identity's signer failed, or signs with another key than it says.
    #[error("{0}")]
    Identity(String),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}{}", advice(.error))]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        error: io::Error,
    },
    /// There is nothing to listen on.
    #[error("there is no listener: call `listener` before `build`, or `bind` instead")]
    NoListener,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; stop what listens there, or choose another port",
        io::ErrorKind::PermissionDenied => "; choose a port above 1023, or allow this program to",
        io::ErrorKind::AddrNotAvailable => "; choose an address of this machine",
        _ => "",
    }
}

/// Sets up a [`Server`].
#[must_use = "a server is made by `bind` or `build`"]
pub struct ServerBuilder {
    identity: Identity,
    registry: Arc<Registry>,
    ends_sessions: EndsSessions,
    admit: Option<Admit>,
    services: RouterBuilder,
    session: SessionConfig,
    min_version: ProtocolVersion,
    max_version: ProtocolVersion,
    listeners: Vec<TcpListener>,
    health_check: Option<String>,
    path: Option<String>,
    handshake_timeout: Duration,
    reconnect_spread: Option<Duration>,
    max_handshakes: usize,
}

impl ServerBuilder {
    pub(super) fn new(identity: Identity) -> Self {
        let registry = Arc::new(Registry::new());
        Self {
            identity,
            ends_sessions: EndsSessions(registry.clone()),
            registry,
            admit: None,
            services: RouterBuilder::default(),
            session: SessionConfig::default(),
            min_version: ProtocolVersion::V1,
            max_version: version::DEFAULT_MAX,
            listeners: Vec::new(),
            health_check: None,
            path: None,
            handshake_timeout: Duration::from_secs(10),
            reconnect_spread: None,
            max_handshakes: 4096,
        }
    }

    /// Allows these keys to connect, beside those allowed before. Nobody may who is not allowed.
    pub fn allow(self, keys: impl IntoIterator<Item = PublicKey>) -> Self {
        for key in keys {
            self.registry.allow(key);
        }
        self
    }

    /// Allows any key to connect. Handlers know the caller's key and can decide by it.
    pub fn allow_any(self) -> Self {
        AllowList::new(self.registry.clone()).allow_any();
        self
    }

    /// Asks `admit` about each key that connects and is not on the allow list: one that it admits is on the list from
    /// then on. For enrolment.
    ///
    /// It is called within the TLS handshake, after the peer has proven its key, and must answer at once. A key that was
    /// taken off the list is asked about again.
    pub fn admit(mut self, admit: impl Fn(&PublicKey) -> bool + Send + Sync + 'static) -> Self {
        self.admit = Some(Box::new(admit));
        self
    }

    /// The handle to the peers of the server that is to be, for services to hold.
    pub fn peers(&self) -> Peers {
        Peers::new(self.registry.clone())
    }

    /// Adds a service that peers can call. Several may be added.
    pub fn add_service(mut self, service: impl Service) -> Self {
        self.services.add(Arc::new(service));
        self
    }

    /// Adds gRPC's reflection: peers can ask for all services of this side, those that are added later too. See
    /// [`reflection`](crate::reflection).
    #[cfg(feature = "reflection")]
    pub fn reflection(mut self) -> Self {
        self.services.reflection();
        self
    }

    /// Puts a layer around all services, also those that are added later. It sees calls before the layers and
    /// interceptors that were added before it. See [`layer`](crate::layer).
    ///
    /// It is one for all services: a concurrency limit holds for all of them together. To put one around a single
    /// service, see [`Layered`](crate::layer::Layered).
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: tower_layer::Layer<Next, Service: CallService>,
    {
        self.services.layer(|next| Next::new(layer.layer(next)));
        self
    }

    /// Shows each call of any service to `interceptor` first, which may change the metadata, leave values for the
    /// handler, or refuse the call: then the handler is not started, and the caller learns that. It sees calls before
    /// the layers and interceptors that were added before it. See [`Intercepted`](crate::layer::Intercepted).
    pub fn intercept<F>(mut self, interceptor: F) -> Self
    where
        F: Fn(&mut CallHead) -> Result<(), Status> + Send + Sync + 'static,
    {
        self.services.intercept(Arc::new(interceptor));
        self
    }

    /// Whether two services may not have a method of the same bare name, which is all that version 1 of the wire
    /// carries. Default: false, they may, with a warning, and such a method cannot be called over version 1.
    pub fn strict_method_names(mut self, strict: bool) -> Self {
        self.services.strict(strict);
        self
    }

    /// How sessions behave.
    pub fn session(mut self, config: SessionConfig) -> Self {
        self.session = config;
        self
    }

    /// The least version of the protocol that a client must speak. Default: version 1. With version 2, Go clients and
    /// those that were rolled back are refused, with HTTP 426.
    ///
    /// One that is above [`max_version`](Self::max_version) is an error of `bind` and `build`.
    pub fn min_version(mut self, version: ProtocolVersion) -> Self {
        self.min_version = version;
        self
    }

    /// The latest version of the protocol to speak, with clients that speak it too. Default: version 2.
    pub fn max_version(mut self, version: ProtocolVersion) -> Self {
        self.max_version = version;
        self
    }

    /// Answers `GET /healthz` with 200 over plain HTTP on this address. Default: there is no health check.
    pub fn health_check(mut self, address: impl Into<String>) -> Self {
        self.health_check = Some(address.into());
        self
    }

    /// Accepts upgrades at this path only. Default: at any; Go clients and ours dial `/`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Over how long clients are asked to spread their coming back when this server shuts down: each waits for a
    /// random part of it. Default: a millisecond for each client that is connected. Version 1 of the protocol cannot
    /// ask.
    pub fn reconnect_spread(mut self, spread: Duration) -> Self {
        self.reconnect_spread = Some(spread);
        self
    }

    /// How long a connection may take until it is a session: TLS and upgrade together. Default: 10 seconds.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How many handshakes may be under way at once. Default: 4,096. A connection over the limit is closed at once.
    pub fn max_handshakes(mut self, handshakes: usize) -> Self {
        self.max_handshakes = handshakes.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Listens on a socket that is already bound. Several may be given, and [`bind`](Self::bind) adds one more.
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Binds to `address`, beside the listeners given before, and makes the server, which takes connections once it is told
    /// to [serve](Server::serve): until then clients that dial it wait. Port 0 is any free one; the server knows which.
    ///
    /// # Errors
    ///
    /// An address is in use or cannot be listened on; the services, the versions or the identity are wrong.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future frees the addresses.
    pub async fn bind(self, address: impl ToSocketAddrs + fmt::Debug) -> Result<Server, BindError> {
        let listener = listen(format!("{address:?}"), &address).await?;
        self.listener(listener).build().await
    }

    /// Makes the server, with the listeners given before.
    ///
    /// # Errors
    ///
    /// The health check's address is in use; the services, the versions or the identity are wrong; there is no listener.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future frees the addresses.
    pub async fn build(self) -> Result<Server, BindError> {
        if self.listeners.is_empty() {
            return Err(BindError::NoListener);
        }
        let router = self.services.build()?;
        let versions = Versions::new(self.min_version, self.max_version)?;
        let registry = self.registry;
        let admits = registry.clone();
        let admit = self.admit;
        let identity = self.identity.clone();
        let set_up = move || {
            tls::server_config(
                &identity,
                Arc::new(move |key| admits.admits(key, admit.as_ref())),
            )
        };
        let tls = tls::where_it_may_block(&self.identity, set_up).await;
        let tls = tls.map_err(|error| BindError::Identity(error.to_string()))?;
        let health = match &self.health_check {
            Some(address) => Some(listen(address.clone(), address).await?),
            None => None,
        };
        let config = self.session.resolve(false);
        let (alive, receiver) = watch::channel(());
        let control = Arc::new(Control {
            stop: watch::Sender::new(None),
            alive,
        });
        let acceptor = Acceptor {
            registry,
            router: Arc::new(router),
            identity: self.identity,
            tls,
            socket: SocketOptions::of(&config),
            config,
            path: self.path,
            versions,
            handshake_timeout: self.handshake_timeout,
            reconnect_spread: self.reconnect_spread,
            handshakes: Arc::new(Semaphore::new(self.max_handshakes)),
            control: control.clone(),
        };
        Ok(Server {
            acceptor: Arc::new(acceptor),
            listeners: self.listeners,
            ends_sessions: self.ends_sessions,
            health,
            control,
            alive: receiver,
        })
    }
}

async fn listen(name: String, address: impl ToSocketAddrs) -> Result<TcpListener, BindError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| BindError::Listen {
        address: name.trim_matches('"').to_owned(),
        error,
    })
}

debug_as_display!(BindError);
