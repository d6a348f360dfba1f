//! The handle that stubs call through.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use super::options::CallOptions;
use crate::{
    call_error::{CallError, Outcome},
    identity::PublicKey,
    session::Session,
};

/// The handle that stubs call through: to a client's server, to the peer of a key, or back to a caller. Cheap to clone.
///
/// It finds the session at each call, so that it outlives reconnects. A channel of a client keeps that client's
/// session open; the last of both that is dropped closes it.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn example(client: wsrpc::Client) {
/// let patient = client.channel().wait_for_ready(true).timeout(Duration::from_secs(30));
/// # }
/// ```
#[derive(Clone)]
pub struct Channel {
    connector: Arc<dyn Connector>,
    options: CallOptions,
}

/// Finds the session that a call goes out on.
pub(crate) trait Connector: Send + Sync {
    /// The session now, without waiting.
    fn lookup(&self, wait_for_ready: bool) -> Lookup;

    /// Waits for what [`lookup`](Self::lookup) said to wait for.
    fn wait(self: Arc<Self>, wait_for_ready: bool) -> WaitForSession;

    /// For `Debug`: where it leads.
    fn describe(&self) -> String;
}

/// Resolves to a session that was ready a moment ago, or to why there will be none.
pub(crate) type WaitForSession = Pin<Box<dyn Future<Output = Result<Session, CallError>> + Send>>;

/// What a connector finds.
pub(crate) enum Lookup {
    /// This session.
    Ready(Session),
    /// None yet: it is worth waiting.
    Wait,
    /// None, and none to wait for.
    Failed(CallError),
}

impl Channel {
    pub(crate) fn new(connector: Arc<dyn Connector>) -> Self {
        Self {
            connector,
            options: CallOptions::default(),
        }
    }

    /// A channel that is bound to one session.
    pub(crate) fn of_session(session: Session) -> Self {
        Self::new(Arc::new(SessionConnector(session)))
    }

    /// The same channel, on which calls that set no time-out have this one, in all: waiting for a session included.
    ///
    /// Default: none; towards a peer that speaks version 1 of the protocol, the session's
    /// [`default_timeout`](crate::SessionConfig::default_timeout), from when there is a session.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// The same channel, on which calls wait for a session, within their time-out, and are made again as long as
    /// nothing of them was sent. Default: false, they fail at once while there is no session and none is being made.
    pub fn wait_for_ready(mut self, wait: bool) -> Self {
        self.options.wait_for_ready = wait;
        self
    }

    pub(super) fn connector(&self) -> &Arc<dyn Connector> {
        &self.connector
    }

    pub(super) fn options(&self) -> CallOptions {
        self.options
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("to", &format_args!("{}", self.connector.describe()))
            .field("options", &self.options)
            .finish()
    }
}

/// Leads to one session and never to another.
struct SessionConnector(Session);

impl SessionConnector {
    fn session(&self) -> Result<Session, CallError> {
        match self.0.ended() {
            Some(end) => Err(end.call_error(Outcome::NotSent)),
            None => Ok(self.0.clone()),
        }
    }
}

impl Connector for SessionConnector {
    fn lookup(&self, _: bool) -> Lookup {
        match self.session() {
            Ok(session) => Lookup::Ready(session),
            Err(error) => Lookup::Failed(error),
        }
    }

    fn wait(self: Arc<Self>, _: bool) -> WaitForSession {
        Box::pin(std::future::ready(self.session()))
    }

    fn describe(&self) -> String {
        let peer: PublicKey = self.0.peer();
        format!("the session {} with {peer}", self.0.id())
    }
}
