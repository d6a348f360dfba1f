//! The states of a client's connection.

use std::fmt;

use tokio::sync::watch;

use super::ConnectError;
use crate::session::Session;

/// The state of a client's connection, with gRPC's names.
///
/// ```text
///   Connecting --> Ready --> Idle --> Connecting
///       |  ^                  |
///       v  |                  | before a long pause
///   TransientFailure <--------+           close, from any of them --> Shutdown
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// A session was lost a moment ago, and a new one is about to be made. Calls wait.
    Idle,
    /// The connection is being made. Calls wait.
    Connecting,
    /// Connected.
    Ready,
    /// The last attempt failed, and the next is due after a pause. Calls fail at once, unless they wait for ready.
    TransientFailure,
    /// Closed for good.
    Shutdown,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Ready => "ready",
            Self::TransientFailure => "transient failure",
            Self::Shutdown => "shutdown",
        })
    }
}

/// A state, with what belongs to it.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    /// How the last session ended.
    Idle(ConnectError),
    /// How the attempt before failed, if there was one.
    Connecting(Option<ConnectError>),
    Ready(Session),
    /// How the last attempt failed.
    TransientFailure(ConnectError),
    Shutdown,
}

impl Progress {
    pub(super) fn state(&self) -> State {
        match self {
            Self::Idle(_) => State::Idle,
            Self::Connecting(_) => State::Connecting,
            Self::Ready(_) => State::Ready,
            Self::TransientFailure(_) => State::TransientFailure,
            Self::Shutdown => State::Shutdown,
        }
    }

    pub(super) fn error(&self) -> Option<&ConnectError> {
        match self {
            Self::Idle(error) | Self::TransientFailure(error) => Some(error),
            Self::Connecting(error) => error.as_ref(),
            Self::Ready(_) | Self::Shutdown => None,
        }
    }
}

/// Watches the state of a client. A state that lasted shorter than the watcher took to look may be skipped; the latest
/// never is.
///
/// ```no_run
/// # async fn example(client: wsrpc::Client) {
/// let mut states = client.watch_state();
/// while let Some(state) = states.changed().await {
///     println!("now {state}");
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct StateWatch {
    watch: watch::Receiver<Progress>,
}

impl StateWatch {
    pub(super) fn new(watch: watch::Receiver<Progress>) -> Self {
        Self { watch }
    }

    /// The state now.
    pub fn current(&self) -> State {
        self.watch.borrow().state()
    }

    /// Waits for the next change, and returns the state that it led to; `None` once the client is closed and that was
    /// told.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses no change.
    pub async fn changed(&mut self) -> Option<State> {
        // An error says that the client is gone, and perhaps that it was closed just now.
        let told = matches!(self.watch.has_changed(), Ok(false));
        if told && self.current() == State::Shutdown {
            return None;
        }
        self.watch.changed().await.ok()?;
        Some(self.watch.borrow_and_update().state())
    }

    /// Waits until the state is `state`; `None` when the client is closed and will never be.
    ///
    /// # Cancel safety
    ///
    /// Dropping it changes nothing.
    pub async fn wait_for(&mut self, state: State) -> Option<()> {
        let reached = self.watch.wait_for(|progress| {
            let now = progress.state();
            now == state || now == State::Shutdown
        });
        (reached.await.ok()?.state() == state).then_some(())
    }
}
