//! The task that keeps a client connected.

use std::{sync::Arc, time::Duration};

use tokio::{
    select,
    sync::watch,
    task::{JoinError, JoinSet},
    time::{Instant, sleep},
};

use super::{
    ConnectError, State,
    backoff::Backoff,
    dial::{Connection, Dialer},
    state::Progress,
};
use crate::{
    config::Resolved,
    identity::PublicKey,
    service::Router,
    session::{Hooks, Session},
    session_end::{SessionEnd, close_code},
};

/// What a client and its task share.
pub(super) struct Shared {
    progress: watch::Sender<Progress>,
    closing: watch::Sender<bool>,
    /// Goes away with the task.
    task: watch::Sender<()>,
    public_key: PublicKey,
    endpoint: String,
}

impl Shared {
    pub(super) fn new(public_key: PublicKey, endpoint: String) -> Self {
        Self {
            progress: watch::Sender::new(Progress::Connecting(None)),
            closing: watch::Sender::new(false),
            task: watch::Sender::new(()),
            public_key,
            endpoint,
        }
    }

    /// How far it has come. To be let go of at once, for the task waits for it with what comes next.
    pub(super) fn progress(&self) -> watch::Ref<'_, Progress> {
        self.progress.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    pub(super) fn public_key(&self) -> PublicKey {
        self.public_key
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Calls are not made on this session any more.
    fn not_ready(&self, session: &Session, end: SessionEnd) {
        let closing = *self.closing.borrow();
        self.progress.send_if_modified(|progress| {
            // One that went away may end while a later one is ready.
            let was_ready =
                matches!(progress, Progress::Ready(ready) if ready.id() == session.id());
            if was_ready {
                *progress = match closing {
                    true => Progress::Shutdown,
                    false => Progress::Idle(ConnectError::SessionEnded(end)),
                };
            }
            was_ready
        });
    }

    fn set_shutdown(&self) {
        self.progress.send_if_modified(|progress| {
            let changed = progress.state() != State::Shutdown;
            *progress = Progress::Shutdown;
            changed
        });
    }

    /// Ends the task; what it holds is closed by it.
    pub(super) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until the task, and all that it started, has ended.
    pub(super) async fn finished(&self) {
        self.task.closed().await;
    }
}

/// Connects, runs the session, and connects again, until the client is closed.
pub(super) struct Reconnect {
    pub(super) shared: Arc<Shared>,
    pub(super) dialer: Dialer,
    pub(super) router: Arc<Router>,
    pub(super) config: Resolved,
    pub(super) backoff: Backoff,
}

impl Reconnect {
    pub(super) fn spawn(self) {
        let closing = self.shared.closing.subscribe();
        let alive = self.shared.task.subscribe();
        tokio::spawn(async move {
            let _alive = alive;
            self.run(closing).await;
        });
    }

    async fn run(mut self, mut closing: watch::Receiver<bool>) {
        let progress = self.shared.progress.clone();
        let mut replaced = 0;
        let mut last = None;
        let mut leaving = Leaving::default();
        while !*closing.borrow_and_update() {
            progress.send_if_modified(|progress| {
                let changed = progress.state() != State::Connecting;
                if changed {
                    *progress = Progress::Connecting(last.take());
                }
                changed
            });
            let dialled = select! {
                dialled = self.dialer.dial() => dialled,
                _ = closing.changed() => continue,
            };
            let mut pause = Duration::ZERO;
            let error = match dialled {
                Ok(connection) => {
                    let began = Instant::now();
                    let over = self.session(connection, &mut leaving, &mut closing).await;
                    let Over { end, spread } = over;
                    // Seen within the session, it would not be seen as a change below.
                    if *closing.borrow() {
                        break;
                    }
                    self.backoff.session_lasted(began.elapsed());
                    pause = spread.map_or(pause, |spread| self.backoff.within(spread));
                    if is_replaced(&end) {
                        pause = self.backoff.after_replaced(replaced);
                        replaced += 1;
                        tracing::error!(
                            key = %self.shared.public_key,
                            ?pause,
                            "another process connected with this key and took over: each needs a key of its own"
                        );
                    } else {
                        replaced = 0;
                    }
                    ConnectError::SessionEnded(end)
                }
                Err(error) => error,
            };
            last = Some(error.clone());
            pause = pause.max(self.backoff.next());
            let endpoint = &self.dialer.endpoint;
            tracing::info!(%endpoint, %error, ?pause, "not connected");
            // The end of a session was told when it came; calls do not wait through a long pause for the next one.
            if !matches!(error, ConnectError::SessionEnded(_)) || !self.backoff.is_short(pause) {
                progress.send_replace(Progress::TransientFailure(error));
            }
            select! {
                () = sleep(pause) => {}
                _ = closing.changed() => {}
            }
        }
        self.shared.set_shutdown();
        leaving.close().await;
    }

    /// Runs one session until it has ended, or its server goes away: it then takes no more calls, and ends those that
    /// run beside the session that comes after it.
    async fn session(
        &self,
        (server, agreed, socket): Connection,
        leaving: &mut Leaving,
        closing: &mut watch::Receiver<bool>,
    ) -> Over {
        let router = self.router.clone();
        let shared = self.shared.clone();
        let hooks = Hooks {
            ended: Some(Box::new(move |session, end| {
                shared.not_ready(session, end.clone());
            })),
            ..Hooks::default()
        };
        let (session, driver) = Session::new(socket, server, agreed, router, &self.config, hooks);
        tracing::info!(endpoint = %self.dialer.endpoint, version = %session.version(), "connected");
        self.shared
            .progress
            .send_replace(Progress::Ready(session.clone()));
        // A task of its own, so that what else is waited for here is not looked at each time that there is something to
        // read. It is stopped with the one that waits for it.
        let mut running = JoinSet::new();
        running.spawn(driver.run());
        select! {
            ended = running.join_next() => {
                // A runtime that shuts down cancels it.
                let failed = ended.and_then(Result::err).filter(JoinError::is_panic);
                if let Some(error) = failed {
                    tracing::error!(%error, "a session's driver panicked: please report it");
                }
            }
            spread = session.going_away() => {
                let end = SessionEnd::PeerClosed {
                    code: close_code::GOING_AWAY,
                    reason: "shutting down".into(),
                };
                self.shared.not_ready(&session, end.clone());
                let close_timeout = self.config.close_timeout;
                leaving.add(session.clone());
                leaving.drivers.spawn(async move {
                    running.join_next().await;
                    session.wait_for_tasks(close_timeout).await;
                });
                return Over { end, spread: Some(spread) };
            }
            _ = closing.changed() => {
                session.end(SessionEnd::Closed);
                running.join_next().await;
            }
        }
        session.wait_for_tasks(self.config.close_timeout).await;
        Over {
            // A driver that is gone has ended its session.
            end: session.ended().unwrap_or(SessionEnd::Closed),
            // A server may go away and be gone in one breath.
            spread: session.spread(),
        }
    }
}

/// How a session was over for its client.
struct Over {
    end: SessionEnd,
    /// Over how long the server asked its clients to spread their coming back.
    spread: Option<Duration>,
}

/// Sessions whose servers went away, and that still end what runs.
#[derive(Default)]
struct Leaving {
    sessions: Vec<Session>,
    drivers: JoinSet<()>,
}

/// Sessions that may be left to end. A server that goes away again and again, and is never gone, gets no more.
const MAX_LEAVING: usize = 8;

impl Leaving {
    fn add(&mut self, session: Session) {
        while self.drivers.try_join_next().is_some() {}
        self.sessions.retain(|session| session.ended().is_none());
        if self.sessions.len() >= MAX_LEAVING {
            self.sessions.remove(0).end(SessionEnd::Closed);
        }
        self.sessions.push(session);
    }

    /// Ends what is left.
    async fn close(mut self) {
        for session in &self.sessions {
            session.end(SessionEnd::Closed);
        }
        while self.drivers.join_next().await.is_some() {}
    }
}

fn is_replaced(end: &SessionEnd) -> bool {
    matches!(end, SessionEnd::PeerClosed { code, .. } if *code == close_code::REPLACED)
}

impl Drop for Reconnect {
    fn drop(&mut self) {
        // However the task ends, nobody is to wait for a session that will not come.
        self.shared.set_shutdown();
    }
}
