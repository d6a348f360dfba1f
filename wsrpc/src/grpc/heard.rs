//! Whether a status is the server's: tonic makes up others, which look the same.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tonic::client::GrpcService;

use super::Transport;

/// What was heard of the server in one call.
#[derive(Clone, Default)]
pub(super) struct Heard(Arc<AtomicBool>);

impl Heard {
    /// Whether the server has said how the call ended.
    pub(super) fn status(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn hear(&self, headers: &HeaderMap) {
        if headers.contains_key("grpc-status") {
            self.0.store(true, Ordering::Release);
        }
    }
}

/// A transport for one call, which listens for its status.
pub(super) struct Hearing<T> {
    inner: T,
    heard: Heard,
}

impl<T> Hearing<T> {
    pub(super) fn new(inner: T, heard: &Heard) -> Self {
        let heard = heard.clone();
        Self { inner, heard }
    }
}

type Answered<T> = Result<
    http::Response<HearingBody<<T as GrpcService<tonic::body::Body>>::ResponseBody>>,
    <T as GrpcService<tonic::body::Body>>::Error,
>;

impl<T: Transport> GrpcService<tonic::body::Body> for Hearing<T> {
    type ResponseBody = HearingBody<T::ResponseBody>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Answered<T>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let heard = self.heard.clone();
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await?;
            heard.hear(response.headers());
            Ok(response.map(|body| HearingBody {
                inner: Box::pin(body),
                heard,
            }))
        })
    }
}

pub(super) struct HearingBody<B> {
    inner: Pin<Box<B>>,
    heard: Heard,
}

impl<B: Body> Body for HearingBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(self.inner.as_mut().poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            if let Some(trailers) = frame.trailers_ref() {
                self.heard.hear(trailers);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
