//! Sessions in memory, one for each key that calls.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};

use crate::{
    call::Channel,
    config::{Resolved, SessionConfig},
    identity::PublicKey,
    service::{Router, RouterBuilder, Service},
    session::{End, Session, connect, lock},
    session_end::SessionEnd,
    version::ProtocolVersion,
};

/// Idle sessions are not looked for before there are this many.
const FEW: usize = 64;

/// The sessions that a service is called on.
pub(super) struct Sessions {
    services: Arc<Router>,
    /// What callers offer when they are called back.
    nothing: Arc<Router>,
    config: SessionConfig,
    /// That the service goes by.
    key: PublicKey,
    links: Mutex<Links>,
}

struct Links {
    of: HashMap<PublicKey, Arc<Link>>,
    /// So many make it worth to look for idle ones.
    many: usize,
}

/// Both ends of a session. Whoever calls holds it as long as the call lasts.
pub(super) struct Link {
    caller: Session,
    callee: Session,
}

impl Link {
    pub(super) fn channel(&self) -> Channel {
        Channel::of_session(self.caller.clone())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.caller.end(SessionEnd::Closed);
        self.callee.end(SessionEnd::Closed);
    }
}

impl Sessions {
    pub(super) fn new(service: Arc<dyn Service>, config: SessionConfig, key: PublicKey) -> Self {
        let mut services = RouterBuilder::default();
        services.add(service);
        Self {
            services: Arc::new(build(services)),
            nothing: Arc::new(build(RouterBuilder::default())),
            config,
            key,
            links: Mutex::new(Links {
                of: HashMap::new(),
                many: FEW,
            }),
        }
    }

    /// The session of this caller, which is made if there is none.
    pub(super) fn link(&self, peer: PublicKey) -> Arc<Link> {
        let mut links = lock(&self.links);
        if let Some(link) = links.of.get(&peer) {
            // It also ends with the runtime that it was made in.
            if link.caller.ended().is_none() && link.callee.ended().is_none() {
                return link.clone();
            }
        }
        let idle = links.make_room();
        let link = Arc::new(self.connect(peer));
        let ended = links.of.insert(peer, link.clone());
        drop(links);
        drop((idle, ended));
        link
    }

    fn connect(&self, peer: PublicKey) -> Link {
        let callee = End {
            key: self.key,
            router: self.services.clone(),
            config: self.callee(),
        };
        let caller = End {
            key: peer,
            router: self.nothing.clone(),
            config: self.caller(&callee.config),
        };
        let (caller, callee) = connect(caller, callee, ProtocolVersion::V2);
        Link { caller, callee }
    }

    fn callee(&self) -> Resolved {
        self.config.resolve(false)
    }

    /// What the callee takes and sends, the caller sends and takes.
    fn caller(&self, callee: &Resolved) -> Resolved {
        let config = self.config.clone();
        config
            .max_send_message_size(callee.limits.max_recv_size)
            .max_recv_message_size(callee.limits.max_send_size)
            .resolve(true)
    }

    /// The largest request, in bytes.
    pub(super) fn max_request(&self) -> usize {
        self.callee().max_recv_size
    }
}

impl Links {
    /// Takes out what nobody uses once there are many, so that the number of sessions follows that of the keys which
    /// call at one time.
    fn make_room(&mut self) -> Vec<Arc<Link>> {
        if self.of.len() < self.many {
            return Vec::new();
        }
        let mut idle = Vec::new();
        self.of.retain(|_, link| {
            let is_used = Arc::strong_count(link) > 1;
            if !is_used {
                idle.push(link.clone());
            }
            is_used
        });
        self.many = FEW.max(self.of.len() * 2);
        idle
    }
}

/// One service cannot be ambiguous, nor none.
fn build(services: RouterBuilder) -> Router {
    services
        .build()
        .unwrap_or_else(|error| unreachable!("{error}"))
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("services", &self.services)
            .finish_non_exhaustive()
    }
}
