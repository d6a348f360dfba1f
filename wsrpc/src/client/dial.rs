//! One attempt to connect: resolve, TCP, TLS, upgrade.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{client::TlsStream, rustls::ClientConfig};

use super::{ConnectError, endpoint::Endpoint};
use crate::{
    config::Resolved,
    identity::{Identity, PublicKey},
    session::{self, Agreed},
    tls::{self, HandshakeError},
    transport::{self, Role, SocketOptions, UpgradeError, WebSocket},
    version::Versions,
};

/// Everything that an attempt takes.
pub(super) struct Dialer {
    pub(super) endpoint: Endpoint,
    pub(super) identity: Identity,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) socket: SocketOptions,
    pub(super) config: Resolved,
    pub(super) versions: Versions,
    /// The limit of one attempt.
    pub(super) timeout: Duration,
}

/// What an attempt yields.
pub(super) type Connection = (PublicKey, Agreed, WebSocket<TlsStream<TcpStream>>);

impl Dialer {
    pub(super) async fn dial(&self) -> Result<Connection, ConnectError> {
        let dialled = timeout(self.timeout, self.attempt()).await;
        dialled.unwrap_or_else(|_| {
            Err(ConnectError::HandshakeTimeout {
                endpoint: self.endpoint.to_string(),
                after: self.timeout,
            })
        })
    }

    async fn attempt(&self) -> Result<Connection, ConnectError> {
        let stream = self
            .tcp()
            .await
            .map_err(|error| ConnectError::Unreachable {
                endpoint: self.endpoint.to_string(),
                error: Arc::new(error),
            })?;
        let handshake = tls::connect(self.tls.clone(), &self.identity, stream).await;
        let (server, mut stream) = handshake.map_err(|error| self.tls_error(error))?;
        let (host, path) = (self.endpoint.authority(), self.endpoint.path());
        let upgraded = transport::connect(&mut stream, &host, path, self.versions).await;
        let version = upgraded.map_err(|error| self.upgrade_error(error))?;
        let max_size = self.config.max_frame_size(version);
        let mut socket = WebSocket::new(stream, Role::Client, max_size);
        let agreed = session::agree(&mut socket, Role::Client, version, &self.config).await;
        let agreed = agreed.map_err(|error| ConnectError::Upgrade {
            endpoint: self.endpoint.to_string(),
            status: None,
            reason: error.to_string(),
        })?;
        Ok((server, agreed, socket))
    }

    /// Tries the host's addresses in turn.
    async fn tcp(&self) -> io::Result<TcpStream> {
        let mut failed = None;
        for address in lookup_host((self.endpoint.host(), self.endpoint.port())).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    self.socket.apply(&stream)?;
                    return Ok(stream);
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no address")))
    }

    fn tls_error(&self, error: HandshakeError) -> ConnectError {
        let endpoint = self.endpoint.to_string();
        match error {
            HandshakeError::NotAllowed { key } => ConnectError::WrongServer { key, endpoint },
            HandshakeError::RefusedByPeer { .. } => self.key_refused(),
            HandshakeError::Signer(error) => ConnectError::Identity(error.to_string()),
            error => ConnectError::Tls {
                endpoint,
                reason: error.to_string(),
            },
        }
    }

    fn upgrade_error(&self, error: UpgradeError) -> ConnectError {
        match &error {
            &UpgradeError::VersionTooOld { agreed, min } => ConnectError::VersionTooOld {
                agreed,
                min,
                endpoint: self.endpoint.to_string(),
            },
            // A server says that it refuses our key only once our side of the handshake is done.
            UpgradeError::Io(io) if tls::refused_by_peer(io) => self.key_refused(),
            error => ConnectError::Upgrade {
                endpoint: self.endpoint.to_string(),
                status: match error {
                    UpgradeError::Refused { status, .. } => Some(*status),
                    _ => None,
                },
                reason: error.to_string(),
            },
        }
    }

    fn key_refused(&self) -> ConnectError {
        ConnectError::KeyRefused {
            key: self.identity.public_key(),
            endpoint: self.endpoint.to_string(),
        }
    }
}
