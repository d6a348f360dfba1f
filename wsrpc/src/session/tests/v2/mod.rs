//! What only version 2 has.

mod cancelling;
mod deadlines;
mod draining;
mod early_ends;
mod flow;
mod kinds;
mod limits;
mod metadata;
mod panics;
mod raw;
mod statuses;
mod stress;
mod version_1;

use crate::{
    Service,
    testing::{Services, Side, pair},
};

/// A side without services, and one that serves `service`.
fn serving(service: impl Service) -> (Side, Side) {
    pair(Services::new(), Services::new().add(service))
}
