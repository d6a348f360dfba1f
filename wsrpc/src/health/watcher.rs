//! What one caller of `Watch` is told.

use std::{future::Future, pin::Pin};

use tokio::{select, sync::watch};

use super::{
    ServingStatus,
    reporter::Statuses,
    v1::{HealthCheckRequest, HealthCheckResponse},
};
use crate::{service::Request, status::Status};

/// Follows one name.
pub(super) struct Watcher {
    statuses: watch::Receiver<Statuses>,
    service: String,
    told: Option<ServingStatus>,
    going_away: Pin<Box<dyn Future<Output = ()> + Send>>,
    ended: bool,
}

type Told = Result<HealthCheckResponse, Status>;

impl Watcher {
    pub(super) fn new(
        statuses: watch::Receiver<Statuses>,
        request: Request<HealthCheckRequest>,
    ) -> Self {
        Self {
            statuses,
            going_away: Box::pin(request.going_away()),
            service: request.into_inner().service,
            told: None,
            ended: false,
        }
    }

    /// What is to be told next. It is asked for when the caller has room, so that what changed before is merged.
    pub(super) async fn next(mut self) -> Option<(Told, Self)> {
        if self.ended {
            return None;
        }
        loop {
            let status = self.current();
            if self.told != Some(status) {
                return Some(self.tell(status));
            }
            select! {
                changed = self.statuses.changed() => changed.ok()?,
                () = &mut self.going_away => {
                    self.ended = true;
                    // Said before, it need not be said again.
                    let news = status != ServingStatus::NotServing;
                    return news.then(|| self.tell(ServingStatus::NotServing));
                }
            }
        }
    }

    fn current(&mut self) -> ServingStatus {
        let statuses = self.statuses.borrow_and_update();
        let status = statuses.get(&self.service).copied();
        status.unwrap_or(ServingStatus::ServiceUnknown)
    }

    fn tell(mut self, status: ServingStatus) -> (Told, Self) {
        self.told = Some(status);
        (Ok(status.into()), self)
    }
}
