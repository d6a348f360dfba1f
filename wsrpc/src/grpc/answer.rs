//! One call that a tonic server has taken, on its way to a handler and back.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use tonic::{metadata::MetadataMap, server::StreamingService};
use tower_service::Service;

use super::{
    metadata::to_headers,
    peers::Link,
    status::{from_tonic, to_tonic},
};
use crate::{
    call_error::CallError,
    layer::{Body, CallHead, CallRequest, Messages},
    proto,
};

/// Answers a call of any kind, which are all the same to HTTP.
pub(super) struct Answer {
    pub(super) head: CallHead,
    pub(super) link: Arc<Link>,
}

type Answered = Result<tonic::Response<Responses>, tonic::Status>;

impl StreamingService<Bytes> for Answer {
    type Response = Bytes;
    type ResponseStream = Responses;
    type Future = Pin<Box<dyn Future<Output = Answered> + Send>>;

    fn call(&mut self, request: tonic::Request<tonic::Streaming<Bytes>>) -> Self::Future {
        let requests = Body::of_messages(Requests(request.into_inner()), usize::MAX);
        let request = CallRequest::from_parts(self.head.clone(), requests);
        let link = self.link.clone();
        Box::pin(async move {
            let answered = link.channel().call(request).await;
            let (metadata, body) = answered.map_err(to_caller)?.into_parts();
            let headers = MetadataMap::from_headers(to_headers(&metadata));
            let responses = Responses {
                body,
                ended: false,
                _link: link,
            };
            Ok(tonic::Response::from_parts(
                headers,
                responses,
                http::Extensions::new(),
            ))
        })
    }
}

fn to_caller(error: CallError) -> tonic::Status {
    to_tonic(error.status())
}

/// The requests of a gRPC client.
struct Requests(tonic::Streaming<Bytes>);

impl Messages for Requests {
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<proto::Message, CallError>>> {
        let next = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(next.map(|message| {
            message
                .map(proto::Message::from)
                .map_err(|status| CallError::not_sent(from_tonic(&status)))
        }))
    }
}

/// The responses to a gRPC client. Dropping them gives the call up.
pub(super) struct Responses {
    body: Body,
    ended: bool,
    _link: Arc<Link>,
}

impl Stream for Responses {
    type Item = Result<Bytes, tonic::Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = match ready!(Pin::new(&mut self.body).poll_next(cx)) {
            Some(Ok(message)) => return Poll::Ready(Some(Ok(message))),
            Some(Err(error)) => Some(Err(to_caller(error))),
            // The only way to have tonic send trailers beside those of its own.
            None => self.body.trailers().and_then(|trailers| {
                let trailers = MetadataMap::from_headers(to_headers(&trailers));
                let status = tonic::Status::with_metadata(tonic::Code::Ok, "", trailers);
                (!status.metadata().is_empty()).then_some(Err(status))
            }),
        };
        self.ended = true;
        Poll::Ready(next)
    }
}
