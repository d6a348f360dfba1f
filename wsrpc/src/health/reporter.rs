//! The handle that a program says its health with, which is also what answers for it.

use std::{collections::BTreeMap, fmt};

use futures_core::Stream;
use tokio::sync::watch;

use super::{
    ServingStatus,
    v1::{
        HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
        health_server::{Health, HealthServer},
    },
    watcher::Watcher,
};
use crate::{
    service::{NamedService, Request, Response},
    status::Status,
    unfold::unfold,
};

/// What `List` tells at most; the service's definition says so.
const MAX_LISTED: usize = 100;

/// Bytes of the longest name that can be watched: a watcher is held as long as its caller likes, and its name with it.
const MAX_WATCHED_NAME: usize = 1024;

/// The statuses by the services' names.
pub(super) type Statuses = BTreeMap<String, ServingStatus>;

/// Says how this side and its services are. Cheap to clone: all clones speak of the same services.
///
/// The empty name, `""`, is the side as a whole. It is serving from the start; nothing is known of any other name.
///
/// ```
/// use wsrpc::health::{HealthReporter, ServingStatus};
///
/// let reporter = HealthReporter::new();
/// reporter.set_not_serving("jobs.Runner");
/// assert_eq!(reporter.status("jobs.Runner"), Some(ServingStatus::NotServing));
/// assert_eq!(reporter.status(""), Some(ServingStatus::Serving));
/// ```
#[derive(Clone)]
pub struct HealthReporter {
    // One channel for all names: a watcher finds its own among them, so that one of a name that is never known leaves
    // nothing behind.
    statuses: watch::Sender<Statuses>,
}

impl HealthReporter {
    /// A reporter of a side that is serving.
    pub fn new() -> Self {
        let whole = (String::new(), ServingStatus::Serving);
        Self {
            statuses: watch::Sender::new(Statuses::from([whole])),
        }
    }

    /// The service that tells peers, for `add_service`. It may be added to several servers and clients.
    pub fn service(&self) -> HealthServer<Self> {
        HealthServer::new(self.clone())
    }

    /// The service of this full name, `ping.Ping`, does its work.
    pub fn set_serving(&self, service: impl Into<String>) {
        self.set(service.into(), ServingStatus::Serving);
    }

    /// The service of this full name cannot do its work now.
    pub fn set_not_serving(&self, service: impl Into<String>) {
        self.set(service.into(), ServingStatus::NotServing);
    }

    /// As [`set_serving`](Self::set_serving), of the service that a generated server has:
    /// `reporter.set_serving_for::<PingServer<MyPing>>()`.
    pub fn set_serving_for<S: NamedService>(&self) {
        self.set_serving(S::NAME);
    }

    /// As [`set_not_serving`](Self::set_not_serving), of the service that a generated server has.
    pub fn set_not_serving_for<S: NamedService>(&self) {
        self.set_not_serving(S::NAME);
    }

    /// Nothing is known any more of the service of this full name.
    pub fn clear(&self, service: &str) {
        self.statuses
            .send_if_modified(|statuses| statuses.remove(service).is_some());
    }

    /// What is said of the service of this full name, if anything is.
    pub fn status(&self, service: &str) -> Option<ServingStatus> {
        self.statuses.borrow().get(service).copied()
    }

    #[cfg(test)]
    pub(super) fn watchers(&self) -> usize {
        self.statuses.receiver_count()
    }

    fn set(&self, service: String, status: ServingStatus) {
        self.statuses
            .send_if_modified(|statuses| statuses.insert(service, status) != Some(status));
    }
}

impl Default for HealthReporter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HealthReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statuses = self.statuses.borrow();
        f.debug_map().entries(statuses.iter()).finish()
    }
}

impl From<ServingStatus> for HealthCheckResponse {
    fn from(status: ServingStatus) -> Self {
        Self {
            status: status.into(),
        }
    }
}

impl Health for HealthReporter {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match self.status(&request.service) {
            Some(status) => Ok(Response::new(status.into())),
            None => Err(Status::not_found("nothing is known of this service")),
        }
    }

    async fn list(
        &self,
        _: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        let statuses = self.statuses.borrow();
        if statuses.len() > MAX_LISTED {
            let text = format!("there are more than {MAX_LISTED} services: check them by name");
            return Err(Status::resource_exhausted(text));
        }
        let statuses = statuses.iter();
        Ok(Response::new(HealthListResponse {
            statuses: statuses
                .map(|(service, status)| (service.clone(), (*status).into()))
                .collect(),
        }))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<impl Stream<Item = Result<HealthCheckResponse, Status>> + Send>, Status>
    {
        if request.service.len() > MAX_WATCHED_NAME {
            let text = format!("no name of more than {MAX_WATCHED_NAME} bytes can be watched");
            return Err(Status::invalid_argument(text));
        }
        let watcher = Watcher::new(self.statuses.subscribe(), request);
        Ok(Response::new(unfold(watcher, Watcher::next)))
    }
}
