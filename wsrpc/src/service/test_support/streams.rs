//! A service with all four kinds of methods, as generated code would have it, whose handlers are closures.

#![expect(unreachable_pub, reason = "what is generated is public")]

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::mpsc;

use super::Text;
use crate::codegen::v1 as rt;
use crate::{Call, Channel, Request, Response, Status, Stream, Streaming};

pub(crate) static STREAMS: rt::ServiceDescriptor = rt::ServiceDescriptor::new(
    "test.Streams",
    &[
        rt::MethodDescriptor::unary("test.Streams", "One"),
        rt::MethodDescriptor::server_streaming("test.Streams", "List"),
        rt::MethodDescriptor::client_streaming("test.Streams", "Put"),
        rt::MethodDescriptor::bidi_streaming("test.Streams", "Chat"),
    ],
);

pub(crate) trait Streams: rt::Send + rt::Sync + 'static {
    fn one(
        &self,
        request: Request<Text>,
    ) -> impl Future<Output = Result<Response<Text>, Status>> + Send;

    fn list(
        &self,
        request: Request<Text>,
    ) -> impl Future<
        Output = Result<Response<impl Stream<Item = Result<Text, Status>> + Send>, Status>,
    > + Send;

    fn put(
        &self,
        request: Request<Streaming<Text>>,
    ) -> impl Future<Output = Result<Response<Text>, Status>> + Send;

    fn chat(
        &self,
        request: Request<Streaming<Text>>,
    ) -> impl Future<
        Output = Result<Response<impl Stream<Item = Result<Text, Status>> + Send>, Status>,
    > + Send;
}

rt::server!(
    StreamsServer, Streams, STREAMS,
    [unary one, server_streaming list, client_streaming put, bidi_streaming chat]
);

type Answer<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;
type Handler<Q, R> = Arc<dyn Fn(Request<Q>) -> Answer<R> + Send + Sync>;

/// What a handler streams.
pub(crate) type Many = Pin<Box<dyn Stream<Item = Result<Text, Status>> + Send>>;

/// The service `test.Streams`: each method is what the test says, and otherwise there is none.
#[derive(Clone)]
pub(crate) struct Scripted {
    one: Handler<Text, Text>,
    list: Handler<Text, Many>,
    put: Handler<Streaming<Text>, Text>,
    chat: Handler<Streaming<Text>, Many>,
}

fn handler<Q, R, F>(handler: impl Fn(Request<Q>) -> F + Send + Sync + 'static) -> Handler<Q, R>
where
    F: Future<Output = Result<Response<R>, Status>> + Send + 'static,
{
    Arc::new(move |request| Box::pin(handler(request)))
}

fn missing<Q: Send + 'static, R: Send + 'static>() -> Handler<Q, R> {
    handler(|_| async { Err(Status::unimplemented("the test has no such method")) })
}

impl Scripted {
    pub(crate) fn new() -> Self {
        Self {
            one: missing(),
            list: missing(),
            put: missing(),
            chat: missing(),
        }
    }

    pub(crate) fn one<F>(
        mut self,
        does: impl Fn(Request<Text>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Response<Text>, Status>> + Send + 'static,
    {
        self.one = handler(does);
        self
    }

    pub(crate) fn list<F>(
        mut self,
        does: impl Fn(Request<Text>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Response<Many>, Status>> + Send + 'static,
    {
        self.list = handler(does);
        self
    }

    pub(crate) fn put<F>(
        mut self,
        does: impl Fn(Request<Streaming<Text>>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Response<Text>, Status>> + Send + 'static,
    {
        self.put = handler(does);
        self
    }

    pub(crate) fn chat<F>(
        mut self,
        does: impl Fn(Request<Streaming<Text>>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Response<Many>, Status>> + Send + 'static,
    {
        self.chat = handler(does);
        self
    }

    /// `One` echoes; `List` counts up to the number it is given; `Put` joins what it is given; `Chat` echoes each.
    pub(crate) fn plain() -> Self {
        Self::new()
            .one(|request| async move { Ok(Response::new(request.into_inner())) })
            .list(|request| async move {
                let count: u32 = number(&request.body)?;
                Ok(many((0..count).map(|n| Ok(Text::new(n.to_string())))))
            })
            .put(|request| async move {
                let mut requests = request.into_inner();
                let mut all = Vec::new();
                while let Some(request) = requests.message().await? {
                    all.push(request.body);
                }
                Ok(Response::new(Text::new(all.join(" "))))
            })
            .chat(|request| async move { Ok(echoed(request)) })
    }

    pub(crate) fn serve(self) -> StreamsServer<Self> {
        StreamsServer::new(self)
    }
}

fn number(text: &str) -> Result<u32, Status> {
    text.parse()
        .map_err(|_| Status::invalid_argument("no number"))
}

/// Yields each request as a response.
pub(crate) fn echoed(request: Request<Streaming<Text>>) -> Response<Many> {
    let requests = request.into_inner();
    Response::new(Box::pin(Map(requests, |request: Result<Text, _>| {
        request.map_err(Status::from)
    })))
}

impl Streams for Scripted {
    async fn one(&self, request: Request<Text>) -> Result<Response<Text>, Status> {
        (self.one)(request).await
    }

    async fn list(
        &self,
        request: Request<Text>,
    ) -> Result<Response<impl Stream<Item = Result<Text, Status>> + Send>, Status> {
        (self.list)(request).await
    }

    async fn put(&self, request: Request<Streaming<Text>>) -> Result<Response<Text>, Status> {
        (self.put)(request).await
    }

    async fn chat(
        &self,
        request: Request<Streaming<Text>>,
    ) -> Result<Response<impl Stream<Item = Result<Text, Status>> + Send>, Status> {
        (self.chat)(request).await
    }
}

pub(crate) fn one(channel: &Channel, request: impl Into<String>) -> Call<Text> {
    Call::unary(channel, &STREAMS.methods()[0], &Text::new(request))
}

pub(crate) fn list(channel: &Channel, request: impl Into<String>) -> Call<Streaming<Text>> {
    Call::server_streaming(channel, &STREAMS.methods()[1], &Text::new(request))
}

pub(crate) fn put(
    channel: &Channel,
    requests: impl Stream<Item = Text> + Send + 'static,
) -> Call<Text> {
    Call::client_streaming(channel, &STREAMS.methods()[2], requests)
}

pub(crate) fn chat(
    channel: &Channel,
    requests: impl Stream<Item = Text> + Send + 'static,
) -> Call<Streaming<Text>> {
    Call::bidi_streaming(channel, &STREAMS.methods()[3], requests)
}

/// What is left of a stream, until its end or its failure.
pub(crate) async fn rest(stream: &mut Streaming<Text>) -> Result<Vec<String>, crate::CallError> {
    let mut all = Vec::new();
    while let Some(message) = stream.message().await? {
        all.push(message.body);
    }
    Ok(all)
}

/// Messages with these bodies.
pub(crate) fn texts<I>(bodies: I) -> impl Stream<Item = Text> + Send + 'static
where
    I: IntoIterator<Item: Into<String> + 'static, IntoIter: Send + 'static>,
{
    Of(bodies.into_iter().map(Text::new))
}

/// A response that streams what an iterator has.
pub(crate) fn many<I>(items: I) -> Response<Many>
where
    I: Iterator<Item = Result<Text, Status>> + Send + 'static,
{
    Response::new(Box::pin(Of(items)))
}

/// What an iterator has, at once.
struct Of<I>(I);

impl<I> Unpin for Of<I> {}

impl<I: Iterator> Stream for Of<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

struct Map<S, F>(S, F);

impl<S: Unpin, F> Unpin for Map<S, F> {}

impl<S: Stream + Unpin, T, F: Fn(S::Item) -> T> Stream for Map<S, F> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let next = std::task::ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(next.map(&self.1))
    }
}

/// A stream that the test feeds: it ends when its sender is dropped.
pub(crate) struct Fed<T>(mpsc::UnboundedReceiver<T>);

pub(crate) fn fed<T>() -> (mpsc::UnboundedSender<T>, Fed<T>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Fed(receiver))
}

impl<T> Stream for Fed<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(cx)
    }
}

/// A stream whose every step is a closure's.
pub(crate) struct Steps<F>(pub(crate) F);

/// A stream whose every step is `step`'s.
pub(crate) fn steps<T, F>(step: F) -> Steps<F>
where
    F: FnMut(&mut Context<'_>) -> Poll<Option<T>>,
{
    Steps(step)
}

impl<F> Unpin for Steps<F> {}

impl<T, F: FnMut(&mut Context<'_>) -> Poll<Option<T>>> Stream for Steps<F> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        (self.0)(cx)
    }
}
