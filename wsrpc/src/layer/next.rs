//! What a layer wraps.

use std::{
    any::Any,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{BoxError, CallRequest, CallResponse, Errors, Side};
use crate::call_error::CallError;

/// What a layer wraps: the next layer, or what is inside of all. It is a `tower::Service` of [`CallRequest`]s.
///
/// One type on both sides and around every service, so that no generics of layers reach a user's own types.
pub struct Next(Box<dyn Erased>);

impl Next {
    /// Erases a service.
    pub fn new(service: impl CallService) -> Self {
        let mut service = Some(service);
        // One that is erased already is not wrapped once more.
        match (&mut service as &mut dyn Any).downcast_mut::<Option<Self>>() {
            Some(next) => next.take(),
            None => service.map(|service| Self(Box::new(service))),
        }
        .expect("it was put there above")
    }

    /// Makes one call, as soon as there is room for it.
    ///
    /// # Errors
    ///
    /// What the call ends with. On a server, [`Outcome::Ran`](crate::Outcome::Ran) says that it is the handler's own,
    /// [`Outcome::Refused`](crate::Outcome::Refused) that no handler was started.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the call up.
    pub async fn run(mut self, mut request: CallRequest) -> Result<CallResponse, CallError> {
        let errors = request.head_mut().errors();
        let ready = poll_fn(|cx| self.poll_ready(cx)).await;
        ready.map_err(|error| errors.convert(error))?;
        self.call(request).await
    }
}

impl Service<CallRequest> for Next {
    type Response = CallResponse;
    type Error = CallError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.0.poll(cx)
    }

    fn call(&mut self, request: CallRequest) -> ResponseFuture {
        self.0.answer(request)
    }
}

impl Clone for Next {
    fn clone(&self) -> Self {
        Self(self.0.boxed())
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}

/// A `tower::Service` that calls can go through. It is implemented for all that take a [`CallRequest`] and answer with a
/// [`CallResponse`], and are `Clone`, `Send` and `Sync`, with a future that is `Send`, and an error that becomes a
/// [`BoxError`].
#[diagnostic::on_unimplemented(
    message = "calls cannot go through `{Self}`",
    note = "it is to be a `tower::Service<CallRequest, Response = CallResponse>` and `Clone + Send + Sync + 'static`, \
            with a future that is `Send` and an error that is `Into<Box<dyn Error + Send + Sync>>`",
    note = "`tower::buffer::BufferLayer`, outside of a layer, makes its service `Clone`"
)]
pub trait CallService: Erased + Clone {}

impl<S: Erased + Clone> CallService for S {}

/// Private, so that nobody else implements it.
pub trait Erased: Send + Sync + 'static {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>>;

    fn answer(&mut self, request: CallRequest) -> ResponseFuture;

    fn boxed(&self) -> Box<dyn Erased>;
}

impl<S, E, F> Erased for S
where
    S: Service<CallRequest, Response = CallResponse, Error = E, Future = F>,
    S: Clone + Send + Sync + 'static,
    E: Into<BoxError>,
    F: Future<Output = Result<CallResponse, E>> + Send + 'static,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        // It is not known of which call. Whoever calls looks at the outcome again, knowing it.
        Service::poll_ready(self, cx).map_err(|error| Errors::new(Side::Caller).convert(error))
    }

    fn answer(&mut self, mut request: CallRequest) -> ResponseFuture {
        let errors = request.head_mut().errors();
        let response = Service::call(self, request);
        ResponseFuture::new(async move { response.await.map_err(|error| errors.convert(error)) })
    }

    fn boxed(&self) -> Box<dyn Erased> {
        Box::new(self.clone())
    }
}

/// Resolves to the answer to a call.
#[must_use = "futures do nothing unless they are polled"]
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Result<CallResponse, CallError>> + Send>>);

impl ResponseFuture {
    /// Erases a future.
    pub fn new(
        future: impl Future<Output = Result<CallResponse, CallError>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(future))
    }
}

impl Future for ResponseFuture {
    type Output = Result<CallResponse, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
