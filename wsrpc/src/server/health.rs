//! The health check: plain HTTP on an address of its own, for load balancers and orchestrators.

use std::{sync::Arc, time::Duration};

use http::{Method, Request, StatusCode};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::ACCEPT_PAUSE;
use crate::transport::{self, Refusal};

/// A check that takes longer is cut off.
const LIMIT: Duration = Duration::from_secs(5);

/// Checks at once.
const MAX_CHECKS: usize = 64;

/// Answers `GET /healthz` with 200 for as long as it is polled.
pub(super) async fn serve(listener: TcpListener) {
    let permits = Arc::new(Semaphore::new(MAX_CHECKS));
    let mut checks = JoinSet::new();
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else {
            return;
        };
        while checks.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                checks.spawn(async move {
                    // One that hangs up or dawdles harms nobody but itself.
                    timeout(LIMIT, answer(stream)).await.ok();
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::error!(%error, "a health check could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream) {
    let (status, text) = match transport::read_head::<Request<()>>(&mut stream).await {
        Ok((request, _)) if request.uri().path() != "/healthz" => {
            (StatusCode::NOT_FOUND, "the health check is at /healthz")
        }
        Ok((request, _)) if !matches!(*request.method(), Method::GET | Method::HEAD) => (
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are answered",
        ),
        Ok(_) => (StatusCode::OK, "ok"),
        Err(_) => (StatusCode::BAD_REQUEST, "not an HTTP/1.1 request"),
    };
    let text = text.into();
    transport::reply(&mut stream, &Refusal { status, text })
        .await
        .ok();
}
