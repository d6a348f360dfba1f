//! What only version 2 has.

mod limits;
mod statuses;

use crate::{
    Service,
    testing::{Services, Side, pair},
};

/// A side without services, and one that serves `service`.
fn serving(service: impl Service) -> (Side, Side) {
    pair(Services::new(), Services::new().add(service))
}
