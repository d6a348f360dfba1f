//! How calls are made.

use std::{sync::Arc, time::Duration};

use super::RetryPolicy;
use crate::compression::Compression;

/// How calls are made where they do not say it themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallOptions {
    /// `None` is no time-out of its own.
    pub(super) timeout: Option<Duration>,
    pub(super) wait_for_ready: bool,
    /// `None` is no retry.
    pub(super) retry: Option<Arc<RetryPolicy>>,
    pub(super) compression: Compression,
}

impl CallOptions {
    pub(crate) fn set_wait_for_ready(&mut self, wait: bool) {
        self.wait_for_ready = wait;
    }

    pub(crate) fn set_retry(&mut self, policy: Option<RetryPolicy>) {
        self.retry = policy.map(Arc::new);
    }
}
