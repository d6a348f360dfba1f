//! What a caller gets when a call fails.

use std::fmt;

use crate::status::{Code, Status};

/// What is known of a failed call: may it be made again?
///
/// It never claims more than is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// No byte of the call was handed to the transport. Making it again is safe.
    NotSent,
    /// The callee did not start it. Making it again is safe.
    Refused,
    /// The callee answered, and this is its answer. On version 1 of the wire its refusals look the same: their text begins
    /// with a code, `resource_exhausted: …`.
    Ran,
    /// The call was sent and nothing more is known: the callee may or may not have run it.
    Unknown,
}

impl Outcome {
    /// Whether the same call can be made again without the callee ever running it twice.
    pub fn is_safe_to_retry(self) -> bool {
        matches!(self, Self::NotSent | Self::Refused)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent => "the call was not sent",
            Self::Refused => "the callee did not start the call",
            Self::Ran => "the callee answered so",
            Self::Unknown => "the callee may have run the call",
        })
    }
}

/// Who caused a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// This side: a deadline, a limit, a handle that was closed.
    Local,
    /// The peer: its answer, its refusal, its breach of the protocol.
    Remote,
    /// What lies between: the network, or a peer that is not there.
    Transport,
}

/// Why a call failed: a status, what is known of the call, and who is to blame.
///
/// In a handler, `?` turns it into a [`Status`], so that a call inside a call passes its failure on.
///
/// ```
/// # use wsrpc::{CallError, Code};
/// # fn log(_: &CallError) {}
/// fn should_try_again(error: &CallError) -> bool {
///     error.code() == Code::UNAVAILABLE && error.outcome().is_safe_to_retry()
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CallError(
    /// Boxed, for each step of a call has a `Result` with it, and most calls succeed.
    Box<Failed>,
);

#[derive(Clone, PartialEq, Eq)]
struct Failed {
    status: Status,
    outcome: Outcome,
    blame: Blame,
    attempts: u32,
}

impl CallError {
    pub(crate) fn new(status: Status, outcome: Outcome, blame: Blame) -> Self {
        Self(Box::new(Failed {
            status,
            outcome,
            blame,
            attempts: 1,
        }))
    }

    /// As the failure of a call of which this is the last of so many attempts, one of which may have run.
    pub(crate) fn after_attempts(mut self, attempts: u32, may_have_run: bool) -> Self {
        self.0.attempts = attempts;
        if may_have_run && self.0.outcome.is_safe_to_retry() {
            self.0.outcome = Outcome::Unknown;
        }
        self
    }

    /// A failure on this side before anything was sent.
    pub(crate) fn not_sent(status: Status) -> Self {
        Self::new(status, Outcome::NotSent, Blame::Local)
    }

    /// The status: the callee's own where [`outcome`](Self::outcome) is [`Outcome::Ran`], else one of this side's.
    pub fn status(&self) -> &Status {
        &self.0.status
    }

    /// The status's code.
    pub fn code(&self) -> Code {
        self.0.status.code()
    }

    /// The status's text.
    pub fn message(&self) -> &str {
        self.0.status.message()
    }

    /// What is known of the call.
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// Who caused the failure.
    pub fn blame(&self) -> Blame {
        self.0.blame
    }

    /// How often the call was made: 1, unless a [`RetryPolicy`](crate::RetryPolicy) had it made again. The status and the
    /// blame are those of the last attempt; the outcome is what is known of all of them.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.0.status, self.0.outcome)?;
        if self.0.attempts > 1 {
            write!(f, ", {} attempts were made", self.0.attempts)?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for CallError {}

impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        error.0.status
    }
}

debug_as_display!(CallError);
