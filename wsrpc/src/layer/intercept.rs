//! Interceptors: what looks at a call before it goes on, and does not wait.

use std::sync::Arc;

use super::CallHead;
use crate::status::Status;

/// A user's interceptor.
pub(crate) type Interceptor = Arc<dyn Fn(&mut CallHead) -> Result<(), Status> + Send + Sync>;

/// Asks one after the other, until one refuses.
pub(crate) fn intercept_all(
    interceptors: &[Interceptor],
    head: &mut CallHead,
) -> Result<(), Status> {
    interceptors
        .iter()
        .try_for_each(|intercept| intercept(head))
}
