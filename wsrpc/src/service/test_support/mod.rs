//! A service for this crate's own tests, as generated code would have it.

mod raw;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod served;
pub(crate) mod streams;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::sync::mpsc;

pub(crate) use self::raw::{End, Raw, against_raw, start, start_on, start_with};
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub(crate) use self::served::{Served, hasty};
use super::{
    HandlerFuture, IncomingCall, MethodDescriptor, Request, Response, Service, ServiceDescriptor,
};
use crate::{
    call::{Call, Channel},
    call_error::CallError,
    status::Status,
    testing::{Services, Side, pair},
    version::ProtocolVersion,
};

/// A message with one field of text.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Text {
    #[prost(string, tag = "1")]
    pub(crate) body: String,
}

impl Text {
    pub(crate) fn new(body: impl Into<String>) -> Self {
        Self { body: body.into() }
    }
}

pub(crate) static ECHO: ServiceDescriptor =
    ServiceDescriptor::new("test.Echo", &[MethodDescriptor::unary("test.Echo", "Echo")]);

pub(crate) static MISSING: MethodDescriptor = MethodDescriptor::unary("test.Echo", "Missing");

/// A service with a method of the same bare name.
pub(crate) static OTHER: ServiceDescriptor = ServiceDescriptor::new(
    "test.Other",
    &[MethodDescriptor::unary("test.Other", "Echo")],
);

type Answer = Pin<Box<dyn Future<Output = Result<Response<Text>, Status>> + Send>>;

/// The service `test.Echo`, whose one method is a closure.
#[derive(Clone)]
pub(crate) struct Echo {
    handler: Arc<dyn Fn(Request<Text>) -> Answer + Send + Sync>,
    descriptor: &'static ServiceDescriptor,
}

impl Echo {
    pub(crate) fn new<F>(handler: impl Fn(Request<Text>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Response<Text>, Status>> + Send + 'static,
    {
        Self {
            handler: Arc::new(move |request| Box::pin(handler(request))),
            descriptor: &ECHO,
        }
    }

    /// The same under the full name `test.Other`.
    pub(crate) fn other(mut self) -> Self {
        self.descriptor = &OTHER;
        self
    }

    /// Answers with what it was asked.
    pub(crate) fn plain() -> Self {
        Self::new(|request| async move { Ok(Response::new(request.into_inner())) })
    }

    /// Never answers.
    pub(crate) fn silent() -> Self {
        Self::new(|_| std::future::pending())
    }

    /// Never answers, and tells when a handler has started and when it was dropped.
    pub(crate) fn watched() -> (Self, Watched) {
        let (started, starts) = mpsc::unbounded_channel();
        let (dropped, drops) = mpsc::unbounded_channel();
        let echo = Self::new(move |request| {
            let guard = DropGuard(dropped.clone());
            let started = started.clone();
            async move {
                let _guard = guard;
                started.send(request.into_inner().body).ok();
                std::future::pending().await
            }
        });
        (echo, Watched { starts, drops })
    }
}

impl Service for Echo {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        self.descriptor
    }

    fn call(&self, _: usize, call: IncomingCall) -> HandlerFuture {
        let handler = self.handler.clone();
        call.unary(move |request| handler(request))
    }
}

/// Calls `test.Echo/Echo`.
pub(crate) fn echo(channel: &Channel, body: impl Into<String>) -> Call<Text> {
    Call::unary(channel, &ECHO.methods()[0], &Text::new(body))
}

/// Calls `test.Echo/Echo` from a task of its own.
pub(crate) fn spawn_echo(
    channel: &Channel,
    body: impl Into<String>,
) -> tokio::task::JoinHandle<Result<Response<Text>, CallError>> {
    tokio::spawn(std::future::IntoFuture::into_future(echo(channel, body)))
}

/// What handlers of [`Echo::watched`] tell.
pub(crate) struct Watched {
    pub(crate) starts: mpsc::UnboundedReceiver<String>,
    pub(crate) drops: mpsc::UnboundedReceiver<()>,
}

/// Tells when it is dropped.
pub(crate) struct DropGuard(pub(crate) mpsc::UnboundedSender<()>);

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.send(()).ok();
    }
}

/// Both versions of the protocol, for tests of what they have in common.
pub(crate) const BOTH: [ProtocolVersion; 2] = [ProtocolVersion::V1, ProtocolVersion::V2];

/// Two sides in memory that speak this version.
pub(crate) fn pair_on(
    version: ProtocolVersion,
    client: Services,
    server: Services,
) -> (Side, Side) {
    pair(client.max_version(version), server)
}

/// Lets all other tasks do what they can do now, on a runtime of one thread and without sockets.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Tasks of this runtime.
pub(crate) fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

/// Waits until `condition` holds, and panics if it never does.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), holds).await;
    assert!(waited.is_ok(), "it never came to be that {what}");
}
