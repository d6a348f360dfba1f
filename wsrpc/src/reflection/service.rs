//! The service itself.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use prost::Message;

use super::{
    answer::Answers,
    index::Index,
    v1::{
        ServerReflectionRequest, ServerReflectionResponse,
        server_reflection_server::ServerReflection,
    },
};
use crate::{
    call::Streaming,
    service::{Request, Response},
    status::Status,
};

/// Bytes of the longest question: it comes back with its answer.
const MAX_REQUEST: usize = 4096;

/// Answers what a [`ReflectionBuilder`](super::ReflectionBuilder) was told of. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reflection {
    index: Arc<Index>,
}

impl Reflection {
    pub(super) fn new(index: Arc<Index>) -> Self {
        Self { index }
    }
}

impl ServerReflection for Reflection {
    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<impl Stream<Item = Result<ServerReflectionResponse, Status>> + Send>, Status>
    {
        Ok(Response::new(Conversation {
            index: &self.index,
            requests: request.into_inner(),
            answers: Answers::default(),
        }))
    }
}

/// One stream of questions, and of answers in their order.
struct Conversation<'a> {
    index: &'a Index,
    requests: Streaming<ServerReflectionRequest>,
    answers: Answers,
}

impl Stream for Conversation<'_> {
    type Item = Result<ServerReflectionResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let request = match ready!(Pin::new(&mut self.requests).poll_next(cx)) {
            Some(Ok(request)) => request,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => return Poll::Ready(None),
        };
        if request.encoded_len() > MAX_REQUEST {
            let text = format!("a question has at most {MAX_REQUEST} bytes");
            return Poll::Ready(Some(Err(Status::invalid_argument(text))));
        }
        let index = self.index;
        Poll::Ready(Some(Ok(self.answers.answer(index, request))))
    }
}
