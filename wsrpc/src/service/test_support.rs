//! A service for this crate's own tests, as generated code would have it.

use std::{future::Future, pin::Pin, sync::Arc};

use super::{
    HandlerFuture, IncomingCall, MethodDescriptor, Request, Response, Service, ServiceDescriptor,
};
use crate::{
    call::{Call, Channel},
    status::Status,
};

/// A message with one field of text, and one of bytes.
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

pub(crate) static ECHO: ServiceDescriptor = ServiceDescriptor {
    name: "test.Echo",
    methods: &[MethodDescriptor::unary("test.Echo", "Echo")],
};

pub(crate) static MISSING: MethodDescriptor = MethodDescriptor::unary("test.Echo", "Missing");

type Answer = Pin<Box<dyn Future<Output = Result<Response<Text>, Status>> + Send>>;

/// The service `test.Echo`, whose one method is a closure.
#[derive(Clone)]
pub(crate) struct Echo(Arc<dyn Fn(Request<Text>) -> Answer + Send + Sync>);

impl Echo {
    pub(crate) fn new<F>(handler: impl Fn(Request<Text>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Response<Text>, Status>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(handler(request))))
    }

    /// Answers with what it was asked.
    pub(crate) fn plain() -> Self {
        Self::new(|request| async move { Ok(Response::new(request.into_inner())) })
    }

    /// Never answers.
    pub(crate) fn silent() -> Self {
        Self::new(|_| std::future::pending())
    }
}

impl Service for Echo {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &ECHO
    }

    fn call(&self, _: usize, call: IncomingCall) -> HandlerFuture {
        let handler = self.0.clone();
        call.unary(move |request| handler(request))
    }
}

/// Calls `test.Echo/Echo`.
pub(crate) fn echo(channel: &Channel, body: impl Into<String>) -> Call<Text> {
    Call::unary(channel, &ECHO.methods[0], &Text::new(body))
}
