//! Who may connect.

use std::{
    collections::HashSet,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use super::registry::Registry;
use crate::{identity::PublicKey, session::Session};

/// Who may connect: a list of keys, or any. It can be changed while the server serves, and what is taken off it is cut
/// off at once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AllowList {
    registry: Arc<Registry>,
}

impl AllowList {
    pub(super) fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// Allows a key. Returns whether it was not allowed before.
    pub fn insert(&self, key: PublicKey) -> bool {
        self.registry.allow(key)
    }

    /// Takes a key off the list. See [`Revocation`] for what has happened when this returns, and what can be awaited.
    ///
    /// While [any](Self::allow_any) key is allowed this changes nothing but that the key's session is cut off.
    pub fn remove(&self, key: &PublicKey) -> Revocation {
        self.registry.disallow(key)
    }

    /// Allows these keys and no others.
    pub fn replace(&self, keys: impl IntoIterator<Item = PublicKey>) -> Revocation {
        let keys = keys.into_iter().collect();
        self.registry.set_allowed(Allowed::Listed(keys))
    }

    /// Allows any key.
    pub fn allow_any(&self) {
        // Nobody is cut off, so there is nothing to wait for.
        drop(self.registry.set_allowed(Allowed::Any));
    }

    /// Whether a key may connect now.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.registry.is_allowed(key)
    }

    /// The keys on the list, in no particular order; `None` when any key is allowed.
    pub fn keys(&self) -> Option<Vec<PublicKey>> {
        self.registry.allowed_keys()
    }
}

/// The list itself.
#[derive(Clone, Debug)]
pub(super) enum Allowed {
    Any,
    Listed(HashSet<PublicKey>),
}

impl Allowed {
    pub(super) fn contains(&self, key: &PublicKey) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(keys) => keys.contains(key),
        }
    }
}

/// Sessions that are being cut off.
///
/// It has happened already: no call that is received from now on starts, no answer is sent that was not on its way, pending
/// calls have failed. What can
/// be awaited is the end of their tasks, for at most a second: a handler that blocks its thread cannot be stopped.
/// Awaiting yields how many sessions still had tasks then; each is logged. In a handler of a session that is being cut
/// off, that session is not waited for.
#[derive(Debug)]
pub struct Revocation {
    pub(super) sessions: Vec<Session>,
}

/// How long the tasks of a session are waited for.
const PATIENCE: Duration = Duration::from_secs(1);

impl IntoFuture for Revocation {
    type Output = usize;
    type IntoFuture = Pin<Box<dyn Future<Output = usize> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let deadline = tokio::time::Instant::now() + PATIENCE;
            let mut unfinished = 0;
            for session in self.sessions {
                let left = deadline.saturating_duration_since(tokio::time::Instant::now());
                if !session.finished(left).await {
                    unfinished += 1;
                    tracing::warn!(
                        peer = %session.peer(),
                        "tasks of a session that was cut off still run: a handler blocks its thread"
                    );
                }
            }
            unfinished
        })
    }
}
