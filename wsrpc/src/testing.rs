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
    config::{Resolved, SessionConfig},
    identity::{PublicKey, SecretKey},
    layer::{CallHead, CallService, Next},
    proto::{Parity, PeerLimits},
    service::{Router, RouterBuilder, Service},
    session::{Agreed, Hooks, Session},
    session_end::SessionEnd,
    status::Status,
    transport::{Role, WebSocket},
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

    fn resolve(&self, role: Role) -> Resolved {
        self.config.resolve(role == Role::Client)
    }

    /// How the session behaves.
    pub fn session(mut self, config: SessionConfig) -> Self {
        self.config = config;
        self
    }
}

/// Bytes on their way, in each direction.
const IN_FLIGHT: usize = 64 * 1024;

/// Connects a side that answers `client` with one that answers `server`, in memory, each with a new random key.
///
/// # Panics
///
/// When two services of one side have the same name, and outside of a tokio runtime.
pub fn pair(client: Services, server: Services) -> (Side, Side) {
    let (client_io, server_io) = tokio::io::duplex(IN_FLIGHT);
    let keys = [(); 2].map(|()| SecretKey::generate().public_key());
    let versions = [&client, &server].map(|side| side.version.unwrap_or(DEFAULT_MAX));
    let version = versions[0].min(versions[1]);
    // Each is given what the other would say.
    let agreed = |parity, of: &Resolved| match version {
        ProtocolVersion::V1 => Agreed::V1,
        ProtocolVersion::V2 => Agreed::V2 {
            parity,
            peer: PeerLimits::from(&of.hello()),
        },
    };
    let (client_config, server_config) =
        (client.resolve(Role::Client), server.resolve(Role::Server));
    let client_agreed = agreed(Parity::Odd, &server_config);
    let server_agreed = agreed(Parity::Even, &client_config);
    let client_side = Side::new(client_io, Role::Client, client, keys, client_agreed);
    let keys = [keys[1], keys[0]];
    let server_side = Side::new(server_io, Role::Server, server, keys, server_agreed);
    (client_side, server_side)
}

/// One side of a [`pair`]. Dropping it closes the session.
#[derive(Debug)]
pub struct Side {
    session: Session,
    key: PublicKey,
}

impl Side {
    fn new(
        io: tokio::io::DuplexStream,
        role: Role,
        services: Services,
        [key, peer]: [PublicKey; 2],
        agreed: Agreed,
    ) -> Self {
        let config = services.resolve(role);
        let router: Router = services
            .router
            .build()
            .unwrap_or_else(|error| panic!("{error}"));
        let max_size = config.max_frame_size(agreed.version());
        let socket = WebSocket::new(io, role, Vec::new(), max_size);
        let router = Arc::new(router);
        let (session, driver) =
            Session::new(socket, peer, agreed, router, &config, Hooks::default());
        tokio::spawn(driver.run());
        Self { session, key }
    }

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
