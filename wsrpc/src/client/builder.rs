//! How a client is set up.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{
    Client, ConnectError, Handle, ReconnectConfig,
    backoff::Backoff,
    dial::Dialer,
    endpoint::Endpoint,
    reconnect::{Reconnect, Shared},
    state::Progress,
};
use crate::{
    call::{CallOptions, RetryBudget, RetryPolicy},
    config::SessionConfig,
    identity::{Identity, PublicKey},
    layer::{CallHead, CallService, Next},
    service::{RouterBuilder, Service},
    status::Status,
    tls,
    transport::SocketOptions,
    version::{self, ProtocolVersion, Versions},
};

/// Sets up a [`Client`].
#[must_use = "a client is made by `connect` or `connect_lazy`"]
pub struct ClientBuilder {
    identity: Identity,
    servers: Vec<PublicKey>,
    services: RouterBuilder,
    session: SessionConfig,
    min_version: ProtocolVersion,
    max_version: ProtocolVersion,
    reconnect: ReconnectConfig,
    connect_timeout: Duration,
    handshake_timeout: Duration,
    calls: CallOptions,
}

impl ClientBuilder {
    pub(super) fn new(identity: Identity, server: PublicKey) -> Self {
        Self {
            identity,
            servers: vec![server],
            services: RouterBuilder::default(),
            session: SessionConfig::default(),
            min_version: ProtocolVersion::V1,
            max_version: version::DEFAULT_MAX,
            reconnect: ReconnectConfig::default(),
            connect_timeout: Duration::from_secs(20),
            handshake_timeout: Duration::from_secs(20),
            calls: CallOptions::default(),
        }
    }

    /// Accepts a server of this key as well: for the time in which a server's key is exchanged.
    pub fn accept_server_key(mut self, key: PublicKey) -> Self {
        self.servers.push(key);
        self
    }

    /// Adds a service that the server can call. Several may be added.
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

    /// The least version of the protocol that a server must speak. Default: version 1. With version 2, neither a Go
    /// server nor one that was rolled back is taken, which ends each attempt in
    /// [`VersionTooOld`](ConnectError::VersionTooOld).
    ///
    /// One that is above [`max_version`](Self::max_version) is an error of `connect` and `connect_lazy`.
    pub fn min_version(mut self, version: ProtocolVersion) -> Self {
        self.min_version = version;
        self
    }

    /// The latest version of the protocol to speak, with a server that speaks it too. Default: version 2.
    pub fn max_version(mut self, version: ProtocolVersion) -> Self {
        self.max_version = version;
        self
    }

    /// How long to wait before dialling again.
    pub fn reconnect(mut self, config: ReconnectConfig) -> Self {
        self.reconnect = config;
        self
    }

    /// How long [`connect`](Self::connect) may take in all. Default: 20 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long one attempt may take: name look-up, TCP, TLS and upgrade together. Default: 20 seconds.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Whether calls wait for a session and are made again as long as nothing of them was sent, unless a channel or a
    /// call says otherwise. Default: false. What the Go library's `UniClientConn` does, except that it never sends a
    /// call twice.
    pub fn wait_for_ready(mut self, wait: bool) -> Self {
        self.calls.set_wait_for_ready(wait);
        self
    }

    /// Which calls that failed are made again, unless a channel or a call says otherwise; `None` are none. Default:
    /// `None`.
    pub fn retry(mut self, policy: impl Into<Option<RetryPolicy>>) -> Self {
        self.calls.set_retry(policy.into());
        self
    }

    /// Connects to `address` (`host:port`, or `wss://host:port/path`) and waits until the connection stands.
    ///
    /// An address that cannot be reached is tried until the [deadline](Self::connect_timeout), and so is a server that
    /// refuses for another reason than a key. From then on, the client reconnects by itself.
    ///
    /// # Errors
    ///
    /// - A setting is wrong: the address, the services, the versions, the identity.
    /// - [`KeyRefused`](ConnectError::KeyRefused), [`WrongServer`](ConnectError::WrongServer): at the first refusal.
    /// - [`Timeout`](ConnectError::Timeout): the deadline has passed.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops connecting.
    pub async fn connect(self, address: impl AsRef<str>) -> Result<Client, ConnectError> {
        let after = self.connect_timeout;
        let (identity, address) = (self.identity.clone(), address.as_ref().to_owned());
        let set_up = move || self.connect_lazy(address);
        let client = tls::where_it_may_block(&identity, set_up).await?;
        let mut watch = client.handle.shared.watch();
        let decided = watch.wait_for(|progress| match progress {
            Progress::Ready(_) | Progress::Shutdown => true,
            progress => progress.error().is_some_and(ConnectError::is_refusal),
        });
        let decided = timeout(after, decided).await;
        match decided {
            Ok(Ok(progress)) => match &*progress {
                Progress::Ready(_) => {}
                progress => return Err(progress.error().cloned().unwrap_or(ConnectError::Closed)),
            },
            Ok(Err(_)) => return Err(ConnectError::Closed),
            Err(_) => {
                let last = client.last_error().map(Box::new);
                return Err(ConnectError::Timeout { after, last });
            }
        }
        Ok(client)
    }

    /// Connects to `address` in the background, and keeps trying whatever happens: a key that is refused today may be
    /// on the server's list tomorrow.
    ///
    /// The identity signs its certificate in this call, on this thread, blocking or not; [`connect`](Self::connect) sees
    /// to that.
    ///
    /// # Errors
    ///
    /// A setting is wrong: the address, the services, the versions, the identity.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[track_caller]
    pub fn connect_lazy(self, address: impl AsRef<str>) -> Result<Client, ConnectError> {
        // Panics here, where it names the caller's line, and not where the task is spawned.
        tokio::runtime::Handle::current();
        let endpoint: Endpoint = address.as_ref().parse()?;
        let router = self.services.build()?;
        let versions = Versions::new(self.min_version, self.max_version)?;
        let servers = self.servers;
        let allowed = Arc::new(move |key: &PublicKey| servers.contains(key));
        let tls = tls::client_config(&self.identity, allowed)
            .map_err(|error| ConnectError::Identity(error.to_string()))?;
        let config = self.session.resolve(true);
        let shared = Arc::new(Shared::new(
            self.identity.public_key(),
            endpoint.to_string(),
        ));
        let dialer = Dialer {
            endpoint,
            identity: self.identity,
            tls,
            socket: SocketOptions::of(&config),
            config: config.clone(),
            versions,
            timeout: self.handshake_timeout,
        };
        let reconnect = Reconnect {
            shared: shared.clone(),
            dialer,
            router: Arc::new(router),
            config,
            backoff: Backoff::new(&self.reconnect),
        };
        reconnect.spawn();
        Ok(Client {
            handle: Arc::new(Handle {
                shared,
                calls: self.calls,
                retry_budget: RetryBudget::default(),
            }),
        })
    }
}
