//! Layers that are one asynchronous function.

use std::{
    fmt,
    future::Future,
    mem,
    task::{Context, Poll},
};

use tower_layer::Layer;
use tower_service::Service;

use super::{BoxError, CallRequest, CallResponse, CallService, Next};

/// A layer of one function, which gets the call and what is to take it next. `?` takes any error, a
/// [`Status`](crate::Status) as well as what the call ended with.
///
/// ```
/// use std::time::Instant;
/// use wsrpc::{CallError, layer};
///
/// let timed = layer::from_fn(|request, next| async move {
///     let (method, began) = (request.method(), Instant::now());
///     let answer = next.run(request).await;
///     let code = answer.as_ref().err().map(CallError::code);
///     println!("{method}: {code:?} after {:?}", began.elapsed());
///     Ok(answer?)
/// });
/// # let _ = wsrpc::testing::Services::new().layer(timed);
/// ```
pub fn from_fn<F, Fut>(function: F) -> FromFn<F>
where
    F: Fn(CallRequest, Next) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<CallResponse, BoxError>> + Send + 'static,
{
    FromFn { function }
}

/// The layer that [`from_fn`] makes.
#[derive(Clone)]
pub struct FromFn<F> {
    function: F,
}

/// Around any layer, so that it has its place in a `tower::ServiceBuilder`.
impl<F: Clone, S: CallService> Layer<S> for FromFn<F> {
    type Service = FromFnService<F>;

    fn layer(&self, next: S) -> FromFnService<F> {
        FromFnService {
            function: self.function.clone(),
            next: Next::new(next),
        }
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFn")
    }
}

/// The service of a [`FromFn`].
#[derive(Clone)]
pub struct FromFnService<F> {
    function: F,
    next: Next,
}

impl<F, Fut> Service<CallRequest> for FromFnService<F>
where
    F: Fn(CallRequest, Next) -> Fut,
    Fut: Future<Output = Result<CallResponse, BoxError>>,
{
    type Response = CallResponse;
    type Error = BoxError;
    type Future = Fut;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.next.poll_ready(cx).map_err(BoxError::from)
    }

    fn call(&mut self, request: CallRequest) -> Fut {
        // The one that is ready makes the call.
        let fresh = self.next.clone();
        (self.function)(request, mem::replace(&mut self.next, fresh))
    }
}

impl<F> fmt::Debug for FromFnService<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFnService")
    }
}
