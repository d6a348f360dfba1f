//! A service with layers around it.

use std::{
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use tower_layer::Layer;

use super::{
    HandlerFuture, IncomingCall, Service, ServiceDescriptor,
    handover::{Handling, to_layers},
    responses::Sink,
};
use crate::{
    call_error::{CallError, Outcome},
    layer::{Body, CallRequest, CallResponse, CallService, Callee, Errors, Next, ResponseFuture},
    proto::{self, Answer, Answered, Refusal},
    status::Status,
};

/// A service with a layer around it.
#[derive(Clone)]
pub struct Layered {
    service: Arc<dyn Service>,
    layers: Next,
}

impl Layered {
    /// Puts `layer` around `service`. Calls go through it before anything of them is decoded.
    ///
    /// A layer that answers or fails without calling on has not started the handler, and the caller learns that.
    /// Readiness is honoured: a call waits, within its deadline, until the layer's service is ready for it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use wsrpc::{Service, layer::Layered};
    /// # use tower::limit::ConcurrencyLimitLayer;
    /// fn at_most_ten_at_once(service: impl Service) -> Layered {
    ///     Layered::new(service, ConcurrencyLimitLayer::new(10))
    /// }
    /// ```
    pub fn new<L>(service: impl Service, layer: L) -> Self
    where
        L: Layer<Next, Service: CallService>,
    {
        let layers = Next::new(layer.layer(handlers()));
        Self::of(Arc::new(service), layers)
    }

    pub(super) fn of(service: Arc<dyn Service>, layers: Next) -> Self {
        Self { service, layers }
    }
}

impl Service for Layered {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        self.service.descriptor()
    }

    fn call(&self, method: usize, mut call: IncomingCall) -> HandlerFuture {
        let mut head = call.take_head();
        let sink = Sink::of(&call.origin, call.handover.take());
        head.callee = Some(Callee {
            origin: call.origin.clone(),
            service: self.service.clone(),
            index: method,
            compression: call.compression,
        });
        let errors = head.errors();
        let streams = call.method.kind().streams_responses();
        let is_compressed = |first: &proto::Message| first.inflated.is_some();
        let compressed = call.first.as_ref().is_some_and(is_compressed);
        let request = CallRequest::from_parts(head, call.into_body());
        let layers = self.layers.clone();
        HandlerFuture::new(async move {
            if compressed {
                // A layer may inflate it, and that takes a while: not where all calls are read.
                tokio::task::yield_now().await;
            }
            let answered = layers.run(request).await;
            let response = answered.map_err(|error| from_layers(error, &errors))?;
            deliver(response, streams, &sink, &errors).await
        })
    }

    fn runs_in_place(&self) -> bool {
        self.service.runs_in_place()
    }
}

impl fmt::Debug for Layered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layered")
            .field("service", &self.descriptor().name())
            .finish_non_exhaustive()
    }
}

/// What is inside of all layers: it runs the handler that a request is on its way to, of whichever service.
pub(super) fn handlers() -> Next {
    Next::new(Handlers)
}

#[derive(Clone)]
struct Handlers;

impl tower_service::Service<CallRequest> for Handlers {
    type Response = CallResponse;
    type Error = CallError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: CallRequest) -> ResponseFuture {
        let errors = request.head_mut().errors();
        // Nothing is run before it is polled, for a layer may call from a task that is not the handler's.
        ResponseFuture::new(async move {
            errors.pass();
            errors.watch(run(request).await.map_err(to_layers))
        })
    }
}

async fn run(request: CallRequest) -> Result<CallResponse, Refusal> {
    let streams = request.method().kind().streams_responses();
    let (mut head, body) = request.into_parts();
    let Some(callee) = head.callee.take() else {
        let status =
            Status::internal("a layer has put a request of its own in place of its caller's");
        return Err(Refusal::NotStarted(status));
    };
    let handover = streams.then(Arc::default);
    let call = IncomingCall::of_layers(head.method(), &callee, handover.clone(), body);
    let handler = |call| callee.service.call(callee.index, call);
    let handler = call.put_head(head).run(handler);
    let Some(handover) = handover else {
        let Answer { message, metadata } = handler.0.await?;
        let body = message.map_or_else(Body::empty, Body::of_message);
        return Ok(CallResponse::from_parts(metadata, body));
    };
    let mut handling = Handling::new(handler, handover);
    let metadata = poll_fn(|cx| handling.poll_head(cx)).await?;
    let body = Body::of_messages(handling, usize::MAX);
    Ok(CallResponse::from_parts(metadata, body))
}

/// Sends what the layers answer with.
async fn deliver(response: CallResponse, streams: bool, sink: &Sink, errors: &Errors) -> Answered {
    let (metadata, mut body) = response.into_parts();
    if !streams {
        let message = body.only_message("response").await;
        return Ok(Answer {
            message: Some(message.map_err(|error| from_layers(error, errors))?),
            metadata,
        });
    }
    // What was begun is not refused, whoever answers.
    errors.pass();
    sink.send_head(metadata)?;
    loop {
        poll_fn(|cx| sink.poll_room(cx)).await?;
        match poll_fn(|cx| body.poll_message(cx)).await {
            Some(Ok(message)) => sink.send(message)?,
            Some(Err(error)) => return Err(from_layers(error, errors)),
            None => {
                return Ok(Answer {
                    message: None,
                    metadata: body.trailers().unwrap_or_default(),
                });
            }
        }
    }
}

fn from_layers(error: CallError, errors: &Errors) -> Refusal {
    let error = errors.convert(error);
    match error.outcome() {
        Outcome::Refused | Outcome::NotSent => Refusal::NotStarted(error.into()),
        Outcome::Unknown => Refusal::ByUs(error.into()),
        Outcome::Ran => Refusal::ByHandler(error.into()),
    }
}
