//! The side that dials: connects, and connects again.

mod backoff;
mod builder;
mod dial;
mod endpoint;
mod error;
mod reconnect;
mod state;

use std::{fmt, sync::Arc};

pub use self::{
    backoff::ReconnectConfig,
    builder::ClientBuilder,
    endpoint::InvalidEndpoint,
    error::ConnectError,
    state::{State, StateWatch},
};
use self::{reconnect::Shared, state::Progress};
use crate::{
    call::{CallOptions, Channel, Connector, Lookup, RetryBudget, WaitForSession},
    call_error::{Blame, CallError, Outcome},
    identity::{Identity, PublicKey},
    session_end::SessionEnd,
    status::Status,
    version::ProtocolVersion,
};

/// A client: one connection to a server, which is made again whenever it is lost. Cheap to clone.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use wsrpc::{Client, PublicKey, SecretKey};
///
/// let secret_key = SecretKey::read_file("agent.key")?;
/// let server_key: PublicKey = "3b0f149627adb7b6fafe1497a9dfc357f22295a5440786c3bc566dfdb0176808".parse()?;
/// let client = Client::builder(secret_key, server_key).connect("example.com:1338").await?;
/// # Ok(())
/// # }
/// ```
///
/// The connection is closed when the last clone, the last [`Channel`] made from one and the last call or
/// [`Streaming`](crate::Streaming) of such a channel are dropped. An agent that only answers calls waits for
/// [`closed`](Self::closed).
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

impl Client {
    /// Begins to build a client that proves to be `identity` and connects to the server of the key `server`.
    pub fn builder(identity: impl Into<Identity>, server: PublicKey) -> ClientBuilder {
        ClientBuilder::new(identity.into(), server)
    }

    /// The channel that stubs call the server through.
    pub fn channel(&self) -> Channel {
        Channel::with_options(self.handle.clone(), self.handle.calls.clone())
    }

    /// The key that this client proves to have.
    pub fn public_key(&self) -> PublicKey {
        self.handle.shared.public_key()
    }

    /// The state now.
    pub fn state(&self) -> State {
        self.handle.shared.progress().state()
    }

    /// The version of the protocol that this client and its server speak now; `None` while there is no session.
    pub fn protocol_version(&self) -> Option<ProtocolVersion> {
        match &*self.handle.shared.progress() {
            Progress::Ready(session) => Some(session.version()),
            _ => None,
        }
    }

    /// Watches the state from here on.
    pub fn watch_state(&self) -> StateWatch {
        StateWatch::new(self.handle.shared.watch())
    }

    /// Why there is no session now: how the last attempt to connect failed, or how the last session ended.
    pub fn last_error(&self) -> Option<ConnectError> {
        self.handle.shared.progress().error().cloned()
    }

    /// Waits until the client is connected.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Closed`] when the client was closed instead.
    ///
    /// # Cancel safety
    ///
    /// Dropping it changes nothing.
    pub async fn ready(&self) -> Result<(), ConnectError> {
        let mut watch = self.handle.shared.watch();
        let progress = watch
            .wait_for(|progress| matches!(progress.state(), State::Ready | State::Shutdown))
            .await;
        match progress.map(|progress| progress.state()) {
            Ok(State::Ready) => Ok(()),
            _ => Err(ConnectError::Closed),
        }
    }

    /// Closes the connection for good, and waits until all of this client's tasks have ended; for those of handlers that
    /// block their thread no longer than the [close time-out](crate::SessionConfig::close_timeout). Pending calls fail.
    ///
    /// # Cancel safety
    ///
    /// The close goes on when the future is dropped.
    pub async fn close(&self) {
        self.handle.shared.close();
        self.closed().await;
    }

    /// Waits until the client is closed: by [`close`](Self::close), and by nothing else as long as this clone exists.
    ///
    /// # Cancel safety
    ///
    /// Dropping it changes nothing.
    pub async fn closed(&self) {
        self.handle.shared.finished().await;
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("public_key", &self.public_key())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// What clients and their channels share, and the connection's task does not: when it is dropped, the task ends.
struct Handle {
    shared: Arc<Shared>,
    /// How calls are made unless their channel says otherwise.
    calls: CallOptions,
    retry_budget: RetryBudget,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Handle {
    fn find(progress: &Progress, wait_for_ready: bool) -> Lookup {
        match progress {
            Progress::Ready(session) if session.takes_calls() => Lookup::Ready(session.clone()),
            // A session that has ended, or whose server goes away, is about to make way.
            Progress::Ready(_) | Progress::Idle(_) | Progress::Connecting(_) => Lookup::Wait,
            Progress::TransientFailure(_) if wait_for_ready => Lookup::Wait,
            Progress::TransientFailure(error) => Lookup::Failed(CallError::new(
                Status::unavailable(format!("not connected: {error}")),
                Outcome::NotSent,
                Blame::Transport,
            )),
            Progress::Shutdown => Lookup::Failed(SessionEnd::Closed.call_error(Outcome::NotSent)),
        }
    }
}

impl Connector for Handle {
    fn lookup(&self, wait_for_ready: bool) -> Lookup {
        Self::find(&self.shared.progress(), wait_for_ready)
    }

    fn wait(self: Arc<Self>, wait_for_ready: bool) -> WaitForSession {
        let mut watch = self.shared.watch();
        Box::pin(async move {
            // Keeps the client connecting for as long as the call waits.
            let _handle = self;
            loop {
                match Self::find(&watch.borrow_and_update(), wait_for_ready) {
                    Lookup::Ready(session) => return Ok(session),
                    Lookup::Failed(error) => return Err(error),
                    Lookup::Wait => {}
                }
                if watch.changed().await.is_err() {
                    return Err(SessionEnd::Closed.call_error(Outcome::NotSent));
                }
            }
        })
    }

    fn is_over(&self) -> bool {
        matches!(*self.shared.progress(), Progress::Shutdown)
    }

    fn retry_budget(&self) -> &RetryBudget {
        &self.retry_budget
    }

    fn describe(&self) -> String {
        format!("the server at {}", self.shared.endpoint())
    }
}

#[cfg(test)]
mod tests;
