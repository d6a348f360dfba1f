//! What the errors of layers mean to a caller.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tower::{load_shed::error::Overloaded, timeout::error::Elapsed};

use crate::{
    call_error::{Blame, CallError, Outcome},
    status::Status,
};

/// Any error, as tower's layers have it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The status that a call ends with if it ends with this error: see [`layer`](super#errors).
pub fn status_of(error: &(dyn Error + 'static)) -> Status {
    match Known::find(error) {
        Some(Known::Call(error)) => error.into(),
        Some(Known::Status(status) | Known::Tower(status)) => status,
        None => Status::unknown(error.to_string()),
    }
}

/// An error whose meaning is known.
enum Known {
    Call(CallError),
    Status(Status),
    Tower(Status),
}

impl Known {
    /// Looks at the error and its sources, for some layers wrap what they pass on.
    fn find(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<CallError>() {
                return Some(Self::Call(error.clone()));
            }
            if let Some(status) = error.downcast_ref::<Status>() {
                return Some(Self::Status(status.clone()));
            }
            if error.is::<Elapsed>() {
                let status = Status::deadline_exceeded("a time-out around the call has passed");
                return Some(Self::Tower(status));
            }
            if error.is::<Overloaded>() {
                let status = Status::resource_exhausted("the load is shed");
                return Some(Self::Tower(status));
            }
            next = error.source();
        }
        None
    }
}

/// Which side of a call the layers are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Caller,
    Callee,
    /// Of a service that answers in the place of a session: it speaks for the callee.
    Answer,
}

/// Turns the errors of the layers around one call into the call's own.
///
/// It counts the times that the call has passed all layers and may have run: there can be many where a layer makes a
/// call again, and one that is still under way where a layer does not wait for it. Their errors alone would not tell.
#[derive(Clone, Debug)]
pub(crate) struct Errors {
    side: Side,
    passed: Arc<AtomicUsize>,
}

impl Errors {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            passed: Arc::default(),
        }
    }

    /// The call is past the layers: from here on it may run.
    pub(crate) fn pass(&self) {
        self.passed.fetch_add(1, Ordering::SeqCst);
    }

    /// It did not, one of these times.
    pub(crate) fn did_not_run(&self) {
        self.passed.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether it may have run.
    pub(crate) fn may_have_run(&self) -> bool {
        self.passed.load(Ordering::SeqCst) > 0
    }

    /// What the call came to, one of these times.
    pub(crate) fn watch<T>(&self, answered: Result<T, CallError>) -> Result<T, CallError> {
        if matches!(&answered, Err(error) if error.outcome().is_safe_to_retry()) {
            self.did_not_run();
        }
        answered
    }

    /// What the call ends with.
    pub(crate) fn convert(&self, error: impl Into<BoxError>) -> CallError {
        let error = error.into();
        match self.side {
            Side::Caller => self.of_caller(&*error),
            Side::Callee => self.of_callee(&*error),
            Side::Answer => of_answer(error),
        }
    }

    fn of_caller(&self, error: &(dyn Error + 'static)) -> CallError {
        match Known::find(error) {
            Some(Known::Call(error)) if error.outcome().is_safe_to_retry() => {
                if !self.may_have_run() {
                    return error;
                }
                let blame = error.blame();
                CallError::new(error.into(), Outcome::Unknown, blame)
            }
            Some(Known::Call(error)) => error,
            _ => {
                let outcome = match self.may_have_run() {
                    true => Outcome::Unknown,
                    false => Outcome::NotSent,
                };
                CallError::new(status_of(error), outcome, Blame::Local)
            }
        }
    }

    /// To a layer of a callee, `Ran` is what the handler or another layer answers, and `Unknown` what this library does.
    fn of_callee(&self, error: &(dyn Error + 'static)) -> CallError {
        let outcome = match Known::find(error) {
            _ if !self.may_have_run() => Outcome::Refused,
            Some(Known::Call(error)) if is_by_us(&error) => Outcome::Unknown,
            Some(Known::Tower(_)) => Outcome::Unknown,
            _ => Outcome::Ran,
        };
        CallError::new(status_of(error), outcome, Blame::Local)
    }
}

/// What an error that comes in place of an answer, or of the rest of one, means: a status is the callee's own.
pub(crate) fn of_answer(error: impl Into<BoxError>) -> CallError {
    let error = error.into();
    match Known::find(&*error) {
        Some(Known::Call(error)) => error,
        Some(Known::Status(status)) => CallError::new(status, Outcome::Ran, Blame::Remote),
        _ => CallError::new(status_of(&*error), Outcome::Unknown, Blame::Local),
    }
}

/// Whether this is how [`Errors::of_callee`] writes an end that this library has made.
fn is_by_us(error: &CallError) -> bool {
    error.outcome() == Outcome::Unknown && error.blame() == Blame::Local
}
