//! The handle to a server's peers.

use std::sync::{Arc, PoisonError, RwLock};

use super::{AllowList, PeerEvents, registry::Registry};
use crate::{
    call::{Channel, Connector, Lookup, RetryBudget, WaitForSession},
    call_error::{Blame, CallError, Outcome},
    identity::PublicKey,
    session::{Session, WeakSession},
    session_end::SessionEnd,
    status::Status,
};

/// Who is connected to a server, how to call them, and who may connect. Cheap to clone.
///
/// [`ServerBuilder::peers`](super::ServerBuilder::peers) gives it before there is a server, so that services can hold
/// it.
#[derive(Clone, Debug)]
pub struct Peers {
    registry: Arc<Registry>,
}

impl Peers {
    pub(super) fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// The channel to the peer of `key`. It is always given, and finds the newest session of that key at each call;
    /// while there is none, calls fail with [`Code::UNAVAILABLE`](crate::Code::UNAVAILABLE) and
    /// [`Outcome::NotSent`], unless they wait for ready.
    pub fn channel(&self, key: PublicKey) -> Channel {
        Channel::new(Arc::new(PeerConnector {
            registry: self.registry.clone(),
            key,
            retry_budget: RetryBudget::default(),
            last: RwLock::default(),
        }))
    }

    /// The keys that are connected, in no particular order.
    pub fn list(&self) -> Vec<PublicKey> {
        self.registry
            .connected()
            .into_iter()
            .map(|(key, _)| key)
            .collect()
    }

    /// How many keys are connected.
    pub fn count(&self) -> usize {
        self.registry.connected_count()
    }

    /// Whether this key is connected.
    pub fn is_connected(&self, key: &PublicKey) -> bool {
        self.registry.route(key).is_some()
    }

    /// Waits until this key is connected. Returns whether it is: not when the server shuts down instead.
    ///
    /// # Cancel safety
    ///
    /// Dropping it changes nothing.
    pub async fn connected(&self, key: PublicKey) -> bool {
        self.registry.clone().arrival(key).await.is_some()
    }

    /// Who comes and goes from here on, beginning with those who are there.
    pub fn events(&self) -> PeerEvents {
        self.registry.subscribe()
    }

    /// Who may connect.
    pub fn allow_list(&self) -> AllowList {
        AllowList::new(self.registry.clone())
    }
}

struct PeerConnector {
    registry: Arc<Registry>,
    key: PublicKey,
    retry_budget: RetryBudget,
    /// The session that calls were made on last. As long as it is the one that the key leads to, calls need neither the
    /// registry's lock, which all of a server share, nor a look into its table.
    last: RwLock<WeakSession>,
}

impl PeerConnector {
    /// The session that the key leads to.
    fn route(&self) -> Option<Session> {
        if self.registry.is_draining() {
            return None;
        }
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        let session = last.upgrade();
        drop(last);
        if let Some(session) = session.filter(Session::takes_calls) {
            return Some(session);
        }
        let session = self.registry.route(&self.key);
        let next = session.as_ref().map(Session::downgrade);
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = next.unwrap_or_default();
        session
    }
}

impl Connector for PeerConnector {
    fn lookup(&self, wait_for_ready: bool) -> Lookup {
        match self.route() {
            Some(session) => Lookup::Ready(session),
            None if self.registry.is_draining() => Lookup::Failed(shut_down()),
            None if wait_for_ready => Lookup::Wait,
            None => Lookup::Failed(CallError::new(
                Status::unavailable(format!("the peer {} is not connected", self.key)),
                Outcome::NotSent,
                Blame::Transport,
            )),
        }
    }

    fn wait(self: Arc<Self>, _: bool) -> WaitForSession {
        Box::pin(async move {
            let arrived = self.registry.clone().arrival(self.key).await;
            arrived.ok_or_else(shut_down)
        })
    }

    fn is_over(&self) -> bool {
        self.registry.is_draining()
    }

    fn retry_budget(&self) -> &RetryBudget {
        &self.retry_budget
    }

    fn peer(&self) -> Option<PublicKey> {
        Some(self.key)
    }

    fn describe(&self) -> String {
        format!("the peer {}", self.key)
    }
}

fn shut_down() -> CallError {
    SessionEnd::Shutdown.call_error(Outcome::NotSent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        SecretKey,
        service::test_support::{Served, until},
    };

    #[tokio::test]
    async fn a_channel_remembers_a_session_and_does_not_keep_it() {
        let server = Served::start(|server| server.allow_any()).await;
        let client = server.client(&SecretKey::generate());
        let client = client.connect(&server.address).await.unwrap();
        let key = client.public_key();
        assert!(server.peers.connected(key).await);
        let connector = PeerConnector {
            registry: server.peers.registry.clone(),
            key,
            retry_budget: RetryBudget::default(),
            last: RwLock::default(),
        };
        let remembered = || connector.last.read().unwrap().upgrade();
        let session = connector.route().unwrap().id();
        assert_eq!(remembered().unwrap().id(), session);
        client.close().await;
        until("its session is gone", || remembered().is_none()).await;
        assert!(connector.route().is_none());
    }
}
