//! Runs handshakes.

use std::{
    cell::Cell,
    io,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use rustls::{
    ClientConfig, ServerConfig,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    select,
    sync::oneshot,
    task,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::identity::{Identity, PublicKey};

use super::{HandshakeError, certificate, verifier::REFUSAL};

/// Runs the handshake of the side that dialled, with the `identity` that `config` was made of, and gives the server's
/// key.
///
/// Success does not mean that the server accepts our key. It says so, if it does not, on the first read: see
/// [`refused_by_peer`](super::refused_by_peer).
///
/// # Cancel safety
///
/// Dropped before its end, it ends the connection, on the blocking pool too.
pub(crate) async fn connect<IO>(
    config: Arc<ClientConfig>,
    identity: &Identity,
    io: IO,
) -> Result<(PublicKey, client::TlsStream<IO>), HandshakeError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Rustls wants a name, but sends none.
    let nobody = ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let handshake = TlsConnector::from(config)
        .connect_with(nobody, io, |tls| tls.set_buffer_limit(Some(BUFFER)));
    run(identity, handshake, |stream| {
        stream.get_ref().1.peer_certificates()
    })
    .await
}

/// Runs the handshake of the side that accepted, with the `identity` that `config` was made of, and gives the client's
/// key.
///
/// # Cancel safety
///
/// Dropped before its end, it ends the connection, on the blocking pool too.
pub(crate) async fn accept<IO>(
    config: Arc<ServerConfig>,
    identity: &Identity,
    io: IO,
) -> Result<(PublicKey, server::TlsStream<IO>), HandshakeError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake =
        TlsAcceptor::from(config).accept_with(io, |tls| tls.set_buffer_limit(Some(BUFFER)));
    run(identity, handshake, |stream| {
        stream.get_ref().1.peer_certificates()
    })
    .await
}

/// Bytes that one write encrypts: a message of 64 KiB, and what waits beside it.
const BUFFER: usize = 80 * 1024;

/// Runs a handshake where the identity's signer may run, and gives the key in the peer's `chain`.
async fn run<S: Send + 'static>(
    identity: &Identity,
    handshake: impl Future<Output = io::Result<S>> + Send + 'static,
    chain: fn(&S) -> Option<&[CertificateDer<'static>]>,
) -> Result<(PublicKey, S), HandshakeError> {
    let own = identity.public_key();
    let handshake = REFUSAL.scope(Cell::new(None), async move {
        match handshake.await {
            Ok(stream) => {
                let key = certificate::public_key(chain(&stream).unwrap_or_default())?;
                Ok((key, stream))
            }
            Err(error) => Err(match REFUSAL.with(Cell::take) {
                Some(refusal) => refusal.into(),
                None => HandshakeError::new(error, own),
            }),
        }
    });
    if identity.may_block() {
        on_blocking_pool(handshake).await
    } else {
        handshake.await
    }
}

/// Runs a handshake on a thread that may be blocked, and stops it when this future is dropped.
async fn on_blocking_pool<T: Send + 'static>(
    handshake: impl Future<Output = Result<T, HandshakeError>> + Send + 'static,
) -> Result<T, HandshakeError> {
    let runtime = Handle::current();
    // A blocking task cannot be aborted, and a silent peer would hold its thread for ever: it ends when `alive` does.
    let (alive, dropped) = oneshot::channel::<()>();
    let outcome = task::spawn_blocking(move || {
        runtime.block_on(async {
            select! {
                biased;
                _ = dropped => Err(HandshakeError::Io(io::ErrorKind::Interrupted.into())),
                outcome = handshake => outcome,
            }
        })
    })
    .await;
    drop(alive);
    outcome.unwrap_or_else(|error| match error.try_into_panic() {
        // As a signer's panic in this task would.
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => Err(HandshakeError::Io(io::Error::other(error))),
    })
}
