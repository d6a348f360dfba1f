//! How calls are made.

use std::time::Duration;

/// How calls are made where they do not say it themselves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallOptions {
    /// `None` is no time-out of its own.
    pub(super) timeout: Option<Duration>,
    pub(super) wait_for_ready: bool,
}
