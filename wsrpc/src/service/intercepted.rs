//! A service whose calls are shown to an interceptor first.

use std::{fmt, sync::Arc};

use super::{HandlerFuture, IncomingCall, Service, ServiceDescriptor};
use crate::{
    layer::{CallHead, Interceptor},
    status::Status,
};

/// A service each of whose calls is shown to an interceptor, before anything of it is decoded.
#[derive(Clone)]
pub struct Intercepted {
    service: Arc<dyn Service>,
    interceptor: Interceptor,
}

impl Intercepted {
    /// Shows `service`'s calls to `interceptor` first. It may change the metadata, leave values for the handler, bring
    /// the deadline forward, or refuse the call with a status: then the handler is not started, and the caller learns
    /// that. It must answer at once.
    ///
    /// ```
    /// # use wsrpc::{Server, ServerBuilder, Service, Status, layer::Intercepted};
    /// fn guard(service: impl Service) -> Intercepted {
    ///     Intercepted::new(service, |call| match call.metadata().get("authorization") {
    ///         Some("Bearer 7") => Ok(()),
    ///         _ => Err(Status::unauthenticated("a token, please")),
    ///     })
    /// }
    /// ```
    pub fn new<F>(service: impl Service, interceptor: F) -> Self
    where
        F: Fn(&mut CallHead) -> Result<(), Status> + Send + Sync + 'static,
    {
        Self::of(Arc::new(service), Arc::new(interceptor))
    }

    pub(super) fn of(service: Arc<dyn Service>, interceptor: Interceptor) -> Self {
        Self {
            service,
            interceptor,
        }
    }
}

impl Service for Intercepted {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        self.service.descriptor()
    }

    fn call(&self, method: usize, mut call: IncomingCall) -> HandlerFuture {
        let mut head = call.take_head();
        if let Err(status) = (self.interceptor)(&mut head) {
            return HandlerFuture::refused(status);
        }
        let handler = |call| self.service.call(method, call);
        call.put_head(head).run(handler)
    }

    fn runs_in_place(&self) -> bool {
        self.service.runs_in_place()
    }
}

impl fmt::Debug for Intercepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intercepted")
            .field("service", &self.descriptor().name())
            .finish_non_exhaustive()
    }
}
