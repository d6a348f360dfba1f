//! Two sides in memory, for tests of services: no sockets, no TLS, no keys to make, and a clock that can be paused.
//!
//! ```
//! # use wsrpc::testing::{Services, pair};
//! # async fn example() {
//! let (client, server) = pair(
//!     Services::new(), // .add(GnipServer::new(MyGnip))
//!     Services::new(), // .add(PingServer::new(MyPing))
//! );
//! let to_server = client.channel(); // PingClient::new(client.channel())
//! let to_client = server.channel(); // GnipClient::new(server.channel())
//! # }
//! ```

use std::sync::Arc;

use crate::{
    call::Channel,
    config::SessionConfig,
    identity::{PublicKey, SecretKey},
    layer::{CallHead, CallService, Next},
    service::{RouterBuilder, Service},
    session::{End, Session, connect},
    session_end::SessionEnd,
    status::Status,
    version::{DEFAULT_MAX, ProtocolVersion},
};

/// What one side of a [`pair`] answers, and how it behaves.
#[derive(Default)]
#[must_use]
pub struct Services {
    router: RouterBuilder,
    config: SessionConfig,
    version: Option<ProtocolVersion>,
}

impl Services {
    /// No services, and the default settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service.
    #[expect(clippy::should_implement_trait, reason = "it adds no numbers")]
    pub fn add(mut self, service: impl Service) -> Self {
        self.router.add(Arc::new(service));
        self
    }

    /// Adds gRPC's reflection: peers can ask for all services of this side, those that are added later too. See
    /// [`reflection`](crate::reflection).
    #[cfg(feature = "reflection")]
    pub fn reflection(mut self) -> Self {
        self.router.reflection();
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
        self.router.layer(|next| Next::new(layer.layer(next)));
        self
    }

    /// Shows each call of any service to `interceptor` first, which may change the metadata, leave values for the
    /// handler, or refuse the call: then the handler is not started, and the caller learns that. It sees calls before
    /// the layers and interceptors that were added before it. See [`Intercepted`](crate::layer::Intercepted).
    pub fn intercept<F>(mut self, interceptor: F) -> Self
    where
        F: Fn(&mut CallHead) -> Result<(), Status> + Send + Sync + 'static,
    {
        self.router.intercept(Arc::new(interceptor));
        self
    }

    /// The latest version of the protocol that this side speaks. Default: version 2; the pair speaks the latest that
    /// both do.
    pub fn max_version(mut self, version: ProtocolVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// How the session behaves.
    pub fn session(mut self, config: SessionConfig) -> Self {
        self.config = config;
        self
    }

    fn into_end(self, is_client: bool) -> End {
        let router = self
            .router
            .build()
            .unwrap_or_else(|error| panic!("{error}"));
        End {
            key: SecretKey::generate().public_key(),
            router: Arc::new(router),
            config: self.config.resolve(is_client),
        }
    }
}

/// Connects a side that answers `client` with one that answers `server`, in memory, each with a new random key.
///
/// # Panics
///
/// When two services of one side have the same name, and outside of a tokio runtime.
#[track_caller]
pub fn pair(client: Services, server: Services) -> (Side, Side) {
    // Panics here, where it names the caller's line, and not where the sides are spawned.
    tokio::runtime::Handle::current();
    let versions = [&client, &server].map(|side| side.version.unwrap_or(DEFAULT_MAX));
    let ends = [client.into_end(true), server.into_end(false)];
    let keys = ends.each_ref().map(|end| end.key);
    let [client, server] = ends;
    let (client, server) = connect(client, server, versions[0].min(versions[1]));
    let side = |session, key| Side { session, key };
    (side(client, keys[0]), side(server, keys[1]))
}

/// One side of a [`pair`]. Dropping it closes the session.
#[derive(Debug)]
pub struct Side {
    session: Session,
    key: PublicKey,
}

impl Side {
    /// The channel to the other side.
    pub fn channel(&self) -> Channel {
        Channel::of_session(self.session.clone())
    }

    #[cfg(test)]
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// This side's key, which the other side's handlers see.
    pub fn public_key(&self) -> PublicKey {
        self.key
    }

    /// Waits until the session has ended, and tells why.
    pub async fn closed(&self) -> SessionEnd {
        self.session.closed().await
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        self.session.end(SessionEnd::Closed);
    }
}
