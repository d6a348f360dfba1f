//! Runs handshakes.

use std::{
    cell::Cell,
    io,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    select,
    sync::oneshot,
    task,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::identity::{Identity, PublicKey};

use super::{HandshakeError, verifier::VERDICT};

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
    run(identity, handshake).await
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
    run(identity, handshake).await
}

/// Bytes that one write encrypts: a message of 64 KiB, and what waits beside it.
const BUFFER: usize = 80 * 1024;

/// Runs a handshake where the identity's signer may run, and gives the key that the peer proved to hold.
async fn run<S: Send + 'static>(
    identity: &Identity,
    handshake: impl Future<Output = io::Result<S>> + Send + 'static,
) -> Result<(PublicKey, S), HandshakeError> {
    let own = identity.public_key();
    let handshake = VERDICT.scope(Cell::new(None), async move {
        let outcome = handshake.await;
        match (outcome, VERDICT.with(Cell::take)) {
            (_, Some(Err(refusal))) => Err(refusal.into()),
            (Ok(stream), Some(Ok(key))) => Ok((key, stream)),
            // A handshake in which nobody asked the verifier proves nothing, whatever else it did.
            (Ok(_), None) => Err(HandshakeError::Unverified),
            (Err(error), _) => Err(HandshakeError::new(error, own)),
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

#[cfg(test)]
mod tests {
    use super::run;
    use crate::{
        identity::{Identity, SecretKey},
        tls::HandshakeError,
    };

    #[tokio::test]
    async fn a_handshake_that_asks_nobody_proves_nothing() {
        let identity = Identity::from(SecretKey::generate());
        let error = run(&identity, async { Ok(()) }).await.unwrap_err();
        assert!(matches!(error, HandshakeError::Unverified), "{error}");
    }
}
