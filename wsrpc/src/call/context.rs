//! What a call inside a call takes over from it.

use std::future::Future;

use tokio::time::Instant;

use crate::session::{Scope, current_scope, in_scope};

/// What calls that a handler makes take over from the one that it answers: the deadline.
///
/// It is there in the handler itself, in what the handler awaits, and in the streams of requests that it sends. A task
/// that the handler spawns is on its own, unless it is given the context:
///
/// ```no_run
/// # async fn example(work: impl Future<Output = ()> + Send + 'static) {
/// let context = wsrpc::Context::current();
/// tokio::spawn(context.scope(work));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Context(Scope);

impl Context {
    /// The context of the calling code; an empty one outside of handlers.
    pub fn current() -> Self {
        Self(current_scope().inherited())
    }

    /// When the call that is being answered is to be done, if its caller said so.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// The same context with this deadline, unless its own is sooner.
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.0.deadline = Some(match self.0.deadline {
            Some(own) => own.min(deadline),
            None => deadline,
        });
        self
    }

    /// Runs `future` in this context.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        in_scope(self.0, future)
    }
}
