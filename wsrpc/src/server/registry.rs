//! Which session a key leads to, and which keys may have one.
//!
//! All of it is under one lock, so that nothing can come between a change of the allow list and the end of the sessions
//! that it ends, nor between a look at the list and the registration that relies on it. A session's own lock may be
//! taken within, never the other way round.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{
    PeerEvents, PeerState, Revocation, allow_list::Allowed, events::Subscribers,
    takeovers::Takeovers,
};
use crate::{
    identity::PublicKey,
    session::{Finished, Session, lock},
    session_end::SessionEnd,
};

/// Decides about keys that are not on the list.
pub(super) type Admit = Box<dyn Fn(&PublicKey) -> bool + Send + Sync>;

pub(super) struct Registry {
    table: Mutex<Table>,
    /// Nobody is taken in any more. Set under the lock, and asked for without it by each call.
    draining: AtomicBool,
}

struct Table {
    allowed: Allowed,
    entries: HashMap<PublicKey, Entry>,
    connected: usize,
    next_epoch: u64,
    subscribers: Subscribers,
    /// Those who wait for a key to connect.
    awaited: HashMap<PublicKey, Arc<Notify>>,
}

/// All of one key's sessions that have not ended.
///
/// ```text
///   register --> routed                                    (no other session of the key is routed)
///   register --> challenger --prove--> routed              (the one that was routed is replaced)
/// ```
struct Entry {
    sessions: Vec<Session>,
    routed: Option<Route>,
    takeovers: Takeovers,
}

#[derive(Clone, Copy)]
struct Route {
    session: u64,
    epoch: u64,
}

/// Why a connection is turned away before it becomes a session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TurnedAway {
    NotAllowed,
    ShuttingDown,
    TooManyTakeovers { retry_after: Duration },
}

impl Entry {
    fn route(&self) -> Option<(&Session, u64)> {
        let route = self.routed?;
        let session = self
            .sessions
            .iter()
            .find(|session| session.id() == route.session)?;
        // One that has ended is on its way out, and so is one whose peer goes away.
        session.takes_calls().then_some((session, route.epoch))
    }
}

// Sessions.
impl Registry {
    pub(super) fn new() -> Self {
        Self {
            table: Mutex::new(Table {
                allowed: Allowed::Listed(Default::default()),
                entries: HashMap::new(),
                connected: 0,
                next_epoch: 1,
                subscribers: Subscribers::default(),
                awaited: HashMap::new(),
            }),
            draining: AtomicBool::new(false),
        }
    }

    /// Whether a key may go on from its TLS handshake to a session.
    pub(super) fn check(&self, key: &PublicKey) -> Result<(), TurnedAway> {
        let now = Instant::now();
        let mut table = self.lock();
        if self.is_draining() {
            return Err(TurnedAway::ShuttingDown);
        }
        if !table.allowed.contains(key) {
            return Err(TurnedAway::NotAllowed);
        }
        match table.entries.get_mut(key) {
            Some(entry) if entry.route().is_some() => {
                let taken = entry.takeovers.take(now);
                taken.map_err(|retry_after| TurnedAway::TooManyTakeovers { retry_after })
            }
            _ => Ok(()),
        }
    }

    /// Takes in a session whose handshake is done, unless its key was removed since.
    pub(super) fn register(&self, session: &Session) -> Result<(), SessionEnd> {
        let key = session.peer();
        let mut table = self.lock();
        if self.is_draining() {
            return Err(SessionEnd::Shutdown);
        }
        if !table.allowed.contains(&key) {
            return Err(SessionEnd::Revoked);
        }
        let entry = table.entries.entry(key).or_insert_with(|| Entry {
            sessions: Vec::new(),
            routed: None,
            takeovers: Takeovers::new(Instant::now()),
        });
        let incumbent = entry.route().map(|(session, _)| session.id());
        // Of those that wait to prove themselves, only the newest may still take over.
        for challenger in &entry.sessions {
            if incumbent != Some(challenger.id()) {
                challenger.end(SessionEnd::Replaced);
            }
        }
        entry.sessions.push(session.clone());
        if incumbent.is_none() {
            table.set_route(session);
        } else {
            session.ping();
        }
        Ok(())
    }

    /// A session's peer is alive: if it is not routed yet, it now takes the place of the one that is.
    pub(super) fn prove(&self, session: &Session) {
        let mut table = self.lock();
        let draining = self.is_draining();
        let Some(entry) = table.entries.get(&session.peer()) else {
            return;
        };
        let is_routed = entry
            .routed
            .is_some_and(|route| route.session == session.id());
        let is_known = entry
            .sessions
            .iter()
            .any(|known| known.id() == session.id());
        if draining || is_routed || !is_known || session.ended().is_some() {
            return;
        }
        let incumbent = entry.route().map(|(incumbent, _)| incumbent.clone());
        if let Some(incumbent) = incumbent {
            incumbent.end(SessionEnd::Replaced);
        }
        table.clear_route(session.peer(), &SessionEnd::Replaced);
        table.set_route(session);
    }

    /// A session has ended. One that waited to prove itself has nobody left to prove it against.
    pub(super) fn unroute(&self, session: &Session, end: &SessionEnd) {
        let key = session.peer();
        let mut table = self.lock();
        let Some(entry) = table.entries.get(&key) else {
            return;
        };
        if entry
            .routed
            .is_some_and(|route| route.session == session.id())
        {
            table.clear_route(key, end);
            table.route_newest(key);
        }
    }

    /// A session's socket is closed.
    pub(super) fn remove(&self, session: &Session, finished: &Finished) {
        // A driver that was dropped has not said that the session ended.
        self.unroute(session, &finished.end);
        let key = session.peer();
        let mut table = self.lock();
        let Some(entry) = table.entries.get_mut(&key) else {
            return;
        };
        entry.sessions.retain(|known| known.id() != session.id());
        let current = entry.routed;
        if entry.sessions.is_empty() {
            table.entries.remove(&key);
        }
        let cloned = finished.end == SessionEnd::Replaced && finished.acknowledged;
        if let Some(route) = current.filter(|_| cloned) {
            table
                .subscribers
                .tell_cloned(key, route.epoch, &PeerState::Connected);
        }
        // Whoever takes the log may want to know of peers.
        drop(table);
        if cloned {
            tracing::warn!(
                %key,
                "two processes hold this key: one was alive when the other took over its session"
            );
        }
    }

    /// The newest proven session of a key. It stays that for as long as it takes calls and the server does not
    /// [drain](Self::is_draining).
    pub(super) fn route(&self, key: &PublicKey) -> Option<Session> {
        let table = self.lock();
        let (session, _) = table.entries.get(key)?.route()?;
        Some(session.clone())
    }

    /// Waits for a session of a key; `None` when there will be none because the server shuts down.
    pub(super) async fn arrival(self: Arc<Self>, key: PublicKey) -> Option<Session> {
        let notify = self.lock().awaited.entry(key).or_default().clone();
        let awaited = Awaited {
            notify,
            registry: self,
            key,
        };
        loop {
            let arrived = awaited.notify.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if let Some(session) = awaited.registry.route(&key) {
                return Some(session);
            }
            if awaited.registry.is_draining() {
                return None;
            }
            arrived.await;
        }
    }

    /// The connected keys, and the epochs of their sessions.
    pub(super) fn connected(&self) -> Vec<(PublicKey, u64)> {
        self.lock().connected()
    }

    pub(super) fn connected_count(&self) -> usize {
        self.lock().connected
    }

    pub(super) fn subscribe(&self) -> PeerEvents {
        let mut table = self.lock();
        let connected = table.connected();
        table.subscribers.subscribe(connected.into_iter())
    }

    /// Unroutes every session and lets it finish what it has begun. Nothing new is taken in from here on. Peers are
    /// asked to spread their coming back over `spread`, or else over a millisecond for each.
    pub(super) fn drain(&self, spread: Option<Duration>) {
        let mut table = self.lock();
        self.turn_away(&table);
        let sessions: Vec<_> = table.sessions().into_iter().collect();
        let by_number = u64::try_from(sessions.len()).unwrap_or(u64::MAX);
        let spread = spread.unwrap_or(Duration::from_millis(by_number));
        for session in sessions {
            table.clear_route(session.peer(), &SessionEnd::Shutdown);
            session.drain(spread);
        }
    }

    /// Ends every session.
    pub(super) fn end_all(&self, reason: &SessionEnd) {
        let mut table = self.lock();
        self.turn_away(&table);
        for session in table.sessions() {
            table.clear_route(session.peer(), reason);
            session.end(reason.clone());
        }
    }

    /// The server is gone: ends what is left, and the events.
    pub(super) fn close(&self) {
        self.end_all(&SessionEnd::Closed);
        self.lock().subscribers.close();
    }

    fn turn_away(&self, table: &Table) {
        self.draining.store(true, Ordering::Release);
        for awaited in table.awaited.values() {
            awaited.notify_waiters();
        }
    }

    /// Whether nobody is taken in any more.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }
}

// Who may connect.
impl Registry {
    /// Whether a key may connect; one that the admission hook takes is on the list from here on.
    pub(super) fn admits(&self, key: &PublicKey, admit: Option<&Admit>) -> bool {
        if self.is_allowed(key) {
            return true;
        }
        // The hook is the user's: it is called with no lock held.
        let admitted = admit.is_some_and(|admit| admit(key));
        if admitted {
            self.allow(*key);
        }
        admitted
    }

    pub(super) fn is_allowed(&self, key: &PublicKey) -> bool {
        self.lock().allowed.contains(key)
    }

    pub(super) fn allowed_keys(&self) -> Option<Vec<PublicKey>> {
        match &self.lock().allowed {
            Allowed::Any => None,
            Allowed::Listed(keys) => Some(keys.iter().copied().collect()),
        }
    }

    pub(super) fn allow(&self, key: PublicKey) -> bool {
        match &mut self.lock().allowed {
            Allowed::Any => false,
            Allowed::Listed(keys) => keys.insert(key),
        }
    }

    pub(super) fn disallow(&self, key: &PublicKey) -> Revocation {
        let mut table = self.lock();
        if let Allowed::Listed(keys) = &mut table.allowed {
            keys.remove(key);
        }
        table.revoke(|revoked| revoked == key)
    }

    pub(super) fn set_allowed(&self, allowed: Allowed) -> Revocation {
        let mut table = self.lock();
        table.allowed = allowed.clone();
        table.revoke(|key| !allowed.contains(key))
    }
}

impl Table {
    fn set_route(&mut self, session: &Session) {
        let key = session.peer();
        let epoch = self.next_epoch;
        self.next_epoch += 1;
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        // A session that ended a moment ago may still be entered.
        let ended = entry.routed.replace(Route {
            session: session.id(),
            epoch,
        });
        if let Some(ended) = ended {
            let state = PeerState::Disconnected(SessionEnd::Replaced);
            self.subscribers.tell(key, ended.epoch, &state);
        } else {
            self.connected += 1;
        }
        self.subscribers.tell(key, epoch, &PeerState::Connected);
        if let Some(awaited) = self.awaited.get(&key) {
            awaited.notify_waiters();
        }
    }

    /// Routes the newest session of a key that has not ended, if there is one.
    fn route_newest(&mut self, key: PublicKey) {
        let entry = self.entries.get(&key);
        let sessions = entry.map(|entry| entry.sessions.iter().rev());
        let newest = sessions.and_then(|mut it| it.find(|session| session.ended().is_none()));
        if let Some(newest) = newest.cloned() {
            self.set_route(&newest);
        }
    }

    fn clear_route(&mut self, key: PublicKey, reason: &SessionEnd) {
        let entry = self.entries.get_mut(&key);
        if let Some(route) = entry.and_then(|entry| entry.routed.take()) {
            self.connected -= 1;
            let state = PeerState::Disconnected(reason.clone());
            self.subscribers.tell(key, route.epoch, &state);
        }
    }

    fn revoke(&mut self, revoked: impl Fn(&PublicKey) -> bool) -> Revocation {
        let sessions: Vec<Session> = self
            .sessions()
            .into_iter()
            .filter(|session| revoked(&session.peer()))
            .collect();
        // Ended before anyone is told: a call that is made then must find none of them.
        for session in &sessions {
            session.end(SessionEnd::Revoked);
        }
        for session in &sessions {
            self.clear_route(session.peer(), &SessionEnd::Revoked);
        }
        Revocation { sessions }
    }

    fn sessions(&self) -> Vec<Session> {
        self.entries
            .values()
            .flat_map(|entry| entry.sessions.iter().cloned())
            .collect()
    }

    fn connected(&self) -> Vec<(PublicKey, u64)> {
        let routes = self.entries.iter();
        routes
            .filter_map(|(key, entry)| Some((*key, entry.routed?.epoch)))
            .collect()
    }
}

/// Someone waits for a key; the last who does cleans up.
struct Awaited {
    registry: Arc<Registry>,
    key: PublicKey,
    notify: Arc<Notify>,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut table = self.registry.lock();
        // The table's and this one.
        if Arc::strong_count(&self.notify) <= 2 {
            table.awaited.remove(&self.key);
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.lock();
        f.debug_struct("Registry")
            .field("connected", &table.connected)
            .finish_non_exhaustive()
    }
}
