//! The health check: plain HTTP on an address of its own, for load balancers and orchestrators.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

use super::accept_errors::AcceptErrors;
use crate::transport::{self, Refusal, UpgradeError};

/// A check that takes longer is cut off.
const LIMIT: Duration = Duration::from_secs(5);

/// Checks at once.
const MAX_CHECKS: usize = 64;

/// Answers `GET /healthz` with 200 for as long as it is polled.
pub(super) async fn serve(listener: TcpListener) {
    let permits = Arc::new(Semaphore::new(MAX_CHECKS));
    let mut checks = JoinSet::new();
    let mut errors = AcceptErrors::new("a health check");
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
            Err(error) => errors.wait(&error).await,
        }
    }
}

async fn answer(stream: TcpStream) {
    let mut stream = transport::buffered(stream);
    let (status, text) = match transport::read_raw_head(&mut stream).await {
        Ok(head) => match parse(&head) {
            Some(("GET" | "HEAD", "/healthz")) => (StatusCode::OK, "ok"),
            Some((_, "/healthz")) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET and HEAD are answered",
            ),
            Some(_) => (StatusCode::NOT_FOUND, "the health check is at /healthz"),
            None => (StatusCode::BAD_REQUEST, "not an HTTP/1.1 request"),
        },
        Err(UpgradeError::NotHttp(_)) => (StatusCode::BAD_REQUEST, "not an HTTP/1.1 request"),
        Err(_) => return,
    };
    let text = text.into();
    let answered = transport::reply(&mut stream, &Refusal { status, text }).await;
    // One that hangs up before it has its answer did not want it.
    answered.ok();
}

/// The method and the path of a request. The parser of upgrades would not do: it takes nothing but GET.
fn parse(head: &[u8]) -> Option<(&str, &str)> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let path = target.split('?').next()?;
    (version.starts_with("HTTP/1.") && words.next().is_none()).then_some((method, path))
}
