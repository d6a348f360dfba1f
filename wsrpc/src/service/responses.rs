//! Where a handler's stream of responses goes.

use std::{
    future::poll_fn,
    marker::PhantomData,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::{Handover, IncomingCall, Origin, Response};
use crate::{
    call::codec,
    compression::{Accepted, Compression, compress},
    metadata::Metadata,
    proto::{self, Answer, Answered, Refusal, SendError, Slot},
    session::Session,
    status::Status,
};

/// How a handler that streams its responses has ended.
#[derive(Debug)]
pub struct Finished(Answered);

impl Finished {
    pub(super) fn into_answered(self) -> Answered {
        self.0
    }
}

/// Where a handler's responses go.
pub struct Responses<R> {
    sink: Sink,
    outbound: Outbound,
    response: PhantomData<fn(R)>,
}

impl<R: prost::Message> Responses<R> {
    pub(super) fn new(call: &IncomingCall) -> Self {
        Self {
            sink: Sink::of(&call.origin, call.handover.clone()),
            outbound: Outbound::new(call),
            response: PhantomData,
        }
    }

    /// Sends what the stream of a handler yields, as far as the caller has room for it.
    pub async fn send_all<S>(self, result: Result<Response<S>, Status>) -> Finished
    where
        S: Stream<Item = Result<R, Status>>,
    {
        Finished(match result {
            Ok(response) => self.send_stream(response).await,
            Err(status) => Err(Refusal::ByHandler(status)),
        })
    }

    async fn send_stream<S>(self, response: Response<S>) -> Answered
    where
        S: Stream<Item = Result<R, Status>>,
    {
        let Self { sink, outbound, .. } = self;
        let compression = outbound.of(&response);
        let (stream, metadata, trailers) = response.into_parts();
        sink.send_head(metadata)?;
        let mut stream = pin!(stream);
        loop {
            poll_fn(|cx| sink.poll_room(cx)).await?;
            match poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                Some(Ok(message)) => sink.send(compress(codec::encode(&message), compression))?,
                Some(Err(mut status)) => {
                    if let Some(trailers) = trailers {
                        status.metadata_mut().merge(trailers.take());
                    }
                    return Err(Refusal::ByHandler(status));
                }
                None => {
                    return Ok(Answer {
                        message: None,
                        metadata: trailers.map(|trailers| trailers.take()).unwrap_or_default(),
                    });
                }
            }
        }
    }
}

impl<R> std::fmt::Debug for Responses<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Responses")
    }
}

/// How the responses to a call are compressed.
#[derive(Clone, Copy)]
pub(super) struct Outbound {
    /// Of the service.
    default: Compression,
    accepted: Accepted,
}

impl Outbound {
    pub(super) fn new(call: &IncomingCall) -> Self {
        Self {
            default: call.compression,
            accepted: call.origin.session.accepted(),
        }
    }

    pub(super) fn of<T>(self, response: &Response<T>) -> Compression {
        let wanted = response.compression().unwrap_or(self.default);
        self.accepted.or_off(wanted)
    }
}

/// What takes encoded responses.
pub(super) enum Sink {
    Session(Session, Slot),
    /// The layers around the handler.
    Layers(Arc<Handover>),
}

impl Sink {
    pub(super) fn of(origin: &Origin, handover: Option<Arc<Handover>>) -> Self {
        match handover {
            Some(handover) => Self::Layers(handover),
            None => Self::Session(origin.session.clone(), origin.slot),
        }
    }

    pub(super) fn send_head(&self, metadata: Metadata) -> Result<(), Refusal> {
        match self {
            Self::Session(session, slot) => {
                session.send_head(*slot, metadata).map_err(Refusal::ByUs)
            }
            Self::Layers(handover) => {
                handover.give_head(metadata);
                Ok(())
            }
        }
    }

    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        match self {
            Self::Session(session, slot) => session.poll_room(*slot, cx).map_err(unwanted),
            Self::Layers(handover) if handover.is_empty() => Poll::Ready(Ok(())),
            Self::Layers(_) => Poll::Pending,
        }
    }

    pub(super) fn send(&self, message: proto::Message) -> Result<(), Refusal> {
        match self {
            Self::Session(session, slot) => session.send(*slot, message).map_err(unwanted),
            Self::Layers(handover) => {
                handover.give(message);
                Ok(())
            }
        }
    }
}

/// Why a response could not be sent.
fn unwanted(error: SendError) -> Refusal {
    Refusal::ByUs(match error {
        SendError::Rejected(status) => status,
        SendError::Stopped => Status::cancelled("nobody wants the responses any more"),
    })
}
