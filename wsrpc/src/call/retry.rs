//! Which calls that failed are made again, and when.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use crate::{
    backoff::{Growth, Pauses},
    call_error::{CallError, Outcome},
    error_details::RetryInfo,
    service::{Idempotency, MethodDescriptor},
    status::Code,
};

/// Which calls that failed are made again, how often, and after which pause.
///
/// ```no_run
/// use std::time::Duration;
/// use wsrpc::RetryPolicy;
///
/// # fn example(client: wsrpc::Client) {
/// let policy = RetryPolicy::default().max_attempts(6).cap(Duration::from_secs(2));
/// let channel = client.channel().retry(policy);
/// # }
/// ```
///
/// Without a policy no call is made again, except one that [waits for ready](crate::Call::wait_for_ready), as long as
/// nothing of it was sent. With one, a call that failed is made again if all of this holds:
///
/// - Its code is [worth it](Self::codes).
/// - It is safe: the call was [`NotSent`](Outcome::NotSent) or [`Refused`](Outcome::Refused), or the .proto file says
///   `option idempotency_level` of its method, as `IDEMPOTENT` or `NO_SIDE_EFFECTS`. So a method that may not run twice
///   never does.
/// - One message opens the call: a stream of requests is not kept to be sent again. A stream of responses is made again
///   as long as none of it has come, its metadata included.
/// - An [attempt](Self::max_attempts) is left, and the pause before it ends before the call's deadline. Otherwise the
///   call fails with the last error at once.
/// - The budget is not used up. Each client, each channel that [`Peers::channel`](crate::Peers::channel) gives, and each
///   session has one, which all clones of a channel share: 100 retries, of which each takes one, and each call that ends
///   well brings back a tenth. When all calls fail, retries thus add little to what a struggling peer has to bear.
/// - There can be a session: the client was not closed, the server does not shut down.
///
/// The pause grows from `base` by `factor` with each attempt, up to `cap`, and is then drawn from the whole interval
/// between nothing and that. A callee that knows better says so with a [`RetryInfo`] in its status: then the pause is at
/// least that long.
///
/// A [time-out](crate::Call::timeout) is of all attempts together. A call that is dropped is not made again. Waiting for
/// a session is no attempt of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    max_attempts: u32,
    growth: Growth,
    /// `None` are the default ones.
    codes: Option<Arc<[Code]>>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 4,
            growth: Growth::new(Duration::from_millis(100), 2.0, Duration::from_secs(5)),
            codes: None,
        }
    }
}

impl RetryPolicy {
    /// How often a call is made at the most, the first time included. Default: 4; at least 1, which is no retry.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// The longest first pause. Default: 100 milliseconds; at least 1 millisecond.
    pub fn base(mut self, base: Duration) -> Self {
        self.growth.set_base(base);
        self
    }

    /// How much the longest pause grows with each attempt. Default: 2; at least 1.
    pub fn factor(mut self, factor: f64) -> Self {
        self.growth.set_factor(factor);
        self
    }

    /// The longest pause of all, unless the callee asks for a longer one. Default: 5 seconds.
    pub fn cap(mut self, cap: Duration) -> Self {
        self.growth.set_cap(cap);
        self
    }

    /// The codes that are worth another attempt, in place of the default ones: [`Code::UNAVAILABLE`], and
    /// [`Code::RESOURCE_EXHAUSTED`] where the callee refused the call, for it had too many.
    pub fn codes(mut self, codes: impl IntoIterator<Item = Code>) -> Self {
        self.codes = Some(codes.into_iter().collect());
        self
    }

    /// Whether a call of `method` that failed so may be made again, and is worth it.
    fn allows(&self, error: &CallError, method: &MethodDescriptor) -> bool {
        let (code, outcome) = (error.code(), error.outcome());
        let worth_it = match &self.codes {
            Some(codes) => codes.contains(&code),
            None => match outcome {
                Outcome::Refused if code == Code::RESOURCE_EXHAUSTED => true,
                _ => code == Code::UNAVAILABLE,
            },
        };
        worth_it && (outcome.is_safe_to_retry() || method.idempotency() != Idempotency::Unknown)
    }
}

/// The attempts of one call.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// Those before the current one.
    before: u32,
    /// One of those may have run, or did.
    may_have_run: bool,
    pauses: Option<Box<Pauses>>,
}

impl Attempts {
    /// How long to wait for another attempt, if there may be one after this `error`.
    pub(super) fn pause(
        &mut self,
        policy: &RetryPolicy,
        error: &CallError,
        method: &MethodDescriptor,
    ) -> Option<Duration> {
        let made = self.before.saturating_add(1);
        if made >= policy.max_attempts || !policy.allows(error, method) {
            return None;
        }
        let pauses = self
            .pauses
            .get_or_insert_with(|| Box::new(Pauses::new(&policy.growth)));
        let asked_for = error.status().detail::<RetryInfo>();
        let least = asked_for.and_then(|info| info.delay()).unwrap_or_default();
        Some(pauses.next().max(least))
    }

    /// There is another attempt after this `error`.
    pub(super) fn go_on(&mut self, error: &CallError) {
        self.before = self.before.saturating_add(1);
        self.may_have_run |= !error.outcome().is_safe_to_retry();
    }

    /// What the caller is told when there is none after this `error`.
    pub(super) fn conclude(&self, error: CallError) -> CallError {
        error.after_attempts(self.before.saturating_add(1), self.may_have_run)
    }
}

/// Keeps retries from multiplying what a peer in trouble has to bear: each takes a token, and each success brings back a
/// tenth of one. There are 100.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    /// In tenths.
    left: AtomicU32,
}

impl RetryBudget {
    const TOKEN: u32 = 10;
    const FULL: u32 = 100 * Self::TOKEN;

    /// Takes what a retry costs, if there is that much.
    pub(super) fn take(&self) -> bool {
        self.update(|left| left.checked_sub(Self::TOKEN))
    }

    /// A call ended well.
    pub(super) fn succeeded(&self) {
        self.update(|left| (left < Self::FULL).then_some(left + 1));
    }

    fn update(&self, change: impl FnMut(u32) -> Option<u32>) -> bool {
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.left.fetch_update(set, fetch, change).is_ok()
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self {
            left: AtomicU32::new(Self::FULL),
        }
    }
}

#[cfg(test)]
mod tests;
