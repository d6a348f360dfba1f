//! A service with a method of each kind.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use tokio::sync::mpsc;

use crate::{
    Metadata, MethodDescriptor, Request, Response, Service, ServiceDescriptor, Status, Streaming,
    call::{Call, Channel},
    service::{
        HandlerFuture, IncomingCall,
        test_support::{DropGuard, Text},
    },
};

pub(super) static KINDS: ServiceDescriptor = ServiceDescriptor::new(
    "test.Kinds",
    &[
        MethodDescriptor::unary("test.Kinds", "One"),
        MethodDescriptor::server_streaming("test.Kinds", "Many"),
        MethodDescriptor::client_streaming("test.Kinds", "Join"),
        MethodDescriptor::bidi_streaming("test.Kinds", "Chat"),
    ],
);

/// Answers each request with it and `!`.
#[derive(Clone)]
pub(super) struct Kinds {
    /// Told when a stream of responses is dropped.
    pub(super) dropped: mpsc::UnboundedSender<()>,
}

impl Kinds {
    pub(super) fn new() -> Self {
        Self {
            dropped: mpsc::unbounded_channel().0,
        }
    }
}

/// What an iterator has, at once.
pub(super) struct Of<I>(pub(super) I);

impl<I: Iterator + Unpin> Stream for Of<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

pub(super) fn texts<const N: usize>(texts: [&str; N]) -> Of<std::array::IntoIter<Text, N>> {
    Of(texts.map(Text::new).into_iter())
}

struct Echoes(
    Streaming<Text>,
    #[expect(dead_code, reason = "for its drop")] DropGuard,
);

impl Stream for Echoes {
    type Item = Result<Text, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(next.map(|text| match text?.body.as_str() {
            "fail" => Err(Status::aborted("failed")),
            body => Ok(Text::new(format!("{body}!"))),
        }))
    }
}

fn with_head<T>(message: T) -> Response<T> {
    Response::new(message).with_metadata(Metadata::try_from([("from", "handler")]).unwrap())
}

impl Service for Kinds {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &KINDS
    }

    fn call(&self, method: usize, call: IncomingCall) -> HandlerFuture {
        let guard = DropGuard(self.dropped.clone());
        match method {
            0 => call.unary(|request: Request<Text>| async move {
                Ok(with_head(Text::new(format!("{}!", request.body))))
            }),
            1 => call.server_streaming(|request: Request<Text>, responses| async move {
                let answer = match request.body.as_str() {
                    "refuse" => Err(Status::invalid_argument("refused")),
                    body => {
                        let texts: Vec<_> =
                            body.split(' ').map(|word| Ok(Text::new(word))).collect();
                        Ok(with_head(Of(texts.into_iter())))
                    }
                };
                responses.send_all(answer).await
            }),
            2 => call.client_streaming(|request: Request<Streaming<Text>>| async move {
                let mut requests = request.into_inner();
                let mut words = Vec::new();
                while let Some(text) = requests.message().await? {
                    words.push(text.into_body());
                }
                Ok(with_head(Text::new(words.join(" "))))
            }),
            _ => call.bidi_streaming(|request: Request<Streaming<Text>>, responses| async move {
                let echoes = Echoes(request.into_inner(), guard);
                responses.send_all(Ok(with_head(echoes))).await
            }),
        }
    }
}

impl Text {
    fn into_body(self) -> String {
        self.body
    }
}

pub(super) fn one(channel: &Channel, body: &str) -> Call<Text> {
    Call::unary(channel, &KINDS.methods()[0], &Text::new(body))
}

pub(super) fn many(channel: &Channel, body: &str) -> Call<Streaming<Text>> {
    Call::server_streaming(channel, &KINDS.methods()[1], &Text::new(body))
}

pub(super) fn join(
    channel: &Channel,
    requests: impl Stream<Item = Text> + Send + 'static,
) -> Call<Text> {
    Call::client_streaming(channel, &KINDS.methods()[2], requests)
}

pub(super) fn chat(
    channel: &Channel,
    requests: impl Stream<Item = Text> + Send + 'static,
) -> Call<Streaming<Text>> {
    Call::bidi_streaming(channel, &KINDS.methods()[3], requests)
}

/// All that comes, and how it ends.
pub(super) async fn collect(
    mut stream: Streaming<Text>,
) -> (Vec<String>, Result<(), crate::CallError>) {
    let mut all = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(text)) => all.push(text.body),
            Ok(None) => return (all, Ok(())),
            Err(error) => return (all, Err(error)),
        }
    }
}
