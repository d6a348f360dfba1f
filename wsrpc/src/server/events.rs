//! What happens to peers, told to those who want to know.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, Weak},
};

use tokio::sync::Notify;

use crate::{identity::PublicKey, session::lock, session_end::SessionEnd};

/// A peer came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerEvent {
    /// Whose session it is.
    pub key: PublicKey,
    /// Counts the server's sessions: a later one of the same key has a higher epoch.
    pub epoch: u64,
    /// What the key's state is now.
    pub state: PeerState,
    /// How many earlier events of this key the subscriber was too slow to see.
    pub merged: u64,
    /// Since the last event of this key, two live processes were seen to hold it.
    pub cloned: bool,
}

/// Whether a peer can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// It has a session.
    Connected,
    /// Its session ended, for this reason.
    Disconnected(SessionEnd),
}

/// A stream of [`PeerEvent`]s: first one for each peer that is connected, then one for each change.
///
/// A slow subscriber always learns each key's latest state. What it missed is merged into one event a key, so that it
/// costs at most one event for each key. A takeover is two events of one key in the same instant, and so is seen as one
/// by most: connected, with a higher epoch and one event merged.
#[derive(Debug)]
pub struct PeerEvents {
    mailbox: Arc<Mailbox>,
}

#[derive(Debug, Default)]
struct Mailbox {
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// Keys in the order of their oldest event.
    order: VecDeque<PublicKey>,
    latest: HashMap<PublicKey, PeerEvent>,
    closed: bool,
}

impl PeerEvents {
    /// Waits for the next event; `None` once the server is gone and everything was told.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<PeerEvent> {
        loop {
            let filled = self.mailbox.filled.notified();
            {
                let mut queue = lock(&self.mailbox.queue);
                if let Some(key) = queue.order.pop_front() {
                    return queue.latest.remove(&key);
                }
                if queue.closed {
                    return None;
                }
            }
            filled.await;
        }
    }
}

/// Those who want to know.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    mailboxes: Vec<Weak<Mailbox>>,
    closed: bool,
}

impl Subscribers {
    /// Adds a subscriber, who is told of `connected` first.
    pub(super) fn subscribe(
        &mut self,
        connected: impl Iterator<Item = (PublicKey, u64)>,
    ) -> PeerEvents {
        let mailbox = Arc::new(Mailbox::default());
        lock(&mailbox.queue).closed = self.closed;
        for (key, epoch) in connected {
            mailbox.put(key, epoch, &PeerState::Connected, false);
        }
        self.mailboxes.retain(|mailbox| mailbox.strong_count() > 0);
        self.mailboxes.push(Arc::downgrade(&mailbox));
        PeerEvents { mailbox }
    }

    pub(super) fn tell(&mut self, key: PublicKey, epoch: u64, state: &PeerState) {
        self.each(|mailbox| mailbox.put(key, epoch, state, false));
    }

    /// Two live processes hold `key`, whose state is otherwise as it was.
    pub(super) fn tell_cloned(&mut self, key: PublicKey, epoch: u64, state: &PeerState) {
        self.each(|mailbox| {
            let mut queue = lock(&mailbox.queue);
            if let Some(event) = queue.latest.get_mut(&key) {
                event.cloned = true;
                return;
            }
            drop(queue);
            mailbox.put(key, epoch, state, true);
        });
    }

    /// There will be no more events.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.each(|mailbox| {
            lock(&mailbox.queue).closed = true;
            mailbox.filled.notify_one();
        });
    }

    fn each(&mut self, f: impl Fn(&Mailbox)) {
        for mailbox in self.mailboxes.iter().filter_map(Weak::upgrade) {
            f(&mailbox);
        }
    }
}

impl Mailbox {
    fn put(&self, key: PublicKey, epoch: u64, state: &PeerState, cloned: bool) {
        let mut queue = lock(&self.queue);
        let missed = queue.latest.get(&key);
        let event = PeerEvent {
            key,
            epoch,
            state: state.clone(),
            merged: missed.map_or(0, |missed| missed.merged + 1),
            cloned: cloned || missed.is_some_and(|missed| missed.cloned),
        };
        if queue.latest.insert(key, event).is_none() {
            queue.order.push_back(key);
        }
        drop(queue);
        self.filled.notify_one();
    }
}

impl Drop for Subscribers {
    fn drop(&mut self) {
        self.close();
    }
}
