//! Generated code of methods that stream compiles, in a crate as strict as a user's may be, and so do handlers that are
//! written as the guide says.

#![deny(warnings, missing_docs)]
#![allow(
    unreachable_pub,
    reason = "everything that prost writes is public, in a test too"
)]

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use live::feed::r#type as feed;
use wsrpc::{
    Call, Channel, Idempotency, MethodKind, Request, Response, Service, Status, Streaming,
    testing::{Services, Side, pair},
};

include!("golden/streams/mod.rs");

type Answer<T> = Result<Response<T>, Status>;

/// What an iterator has, at once.
struct Of<I>(I);

impl<I: Iterator + Unpin> Stream for Of<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

fn of<T>(items: impl IntoIterator<Item = T>) -> Of<std::vec::IntoIter<T>> {
    Of(items.into_iter().collect::<Vec<T>>().into_iter())
}

fn entry(text: &str) -> feed::Entry {
    feed::Entry { text: text.into() }
}

fn query(text: &str) -> feed::Query {
    feed::Query { text: text.into() }
}

struct News {
    entries: Vec<feed::Entry>,
}

impl News {
    fn find(&self, query: &feed::Query) -> Result<feed::Entry, Status> {
        let mut found = self.entries.iter().filter(|entry| entry.text == query.text);
        found
            .next()
            .cloned()
            .ok_or_else(|| Status::not_found(&query.text))
    }
}

/// What borrows the service and owns the call's requests.
struct Found<'a> {
    news: &'a News,
    queries: Streaming<feed::Query>,
}

impl Stream for Found<'_> {
    type Item = Result<feed::Entry, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let query = ready!(Pin::new(&mut self.queries).poll_next(cx));
        Poll::Ready(query.map(|query| self.news.find(&query?)))
    }
}

impl feed::feed_server::Feed for News {
    async fn get(&self, request: Request<feed::Query>) -> Result<Response<feed::Entry>, Status> {
        self.find(&request).map(Response::new)
    }

    async fn list(
        &self,
        request: Request<feed::Query>,
    ) -> Result<Response<impl Stream<Item = Result<feed::Entry, Status>> + Send>, Status> {
        if request.text.is_empty() {
            return Err(Status::invalid_argument("no text"));
        }
        let entries = self.entries.iter();
        let found = entries.filter(move |entry| entry.text.contains(&request.text));
        Ok(Response::new(Of(found.cloned().map(Ok))))
    }

    async fn put(
        &self,
        request: Request<Streaming<feed::Entry>>,
    ) -> Result<Response<feed::Receipt>, Status> {
        let mut entries = request.into_inner();
        let mut count = 0;
        while entries.message().await?.is_some() {
            count += 1;
        }
        Ok(Response::new(feed::Receipt { count }))
    }

    async fn chat(
        &self,
        request: Request<Streaming<feed::Query>>,
    ) -> Result<Response<impl Stream<Item = Result<feed::Entry, Status>> + Send>, Status> {
        Ok(Response::new(Found {
            news: self,
            queries: request.into_inner(),
        }))
    }

    // Neither an `async fn` nor a stream whose type is unknown, which is the same to the trait.
    fn list_all(
        &self,
        _: Request<feed::Query>,
    ) -> impl Future<Output = Answer<impl Stream<Item = Result<feed::Entry, Status>> + Send>> + Send
    {
        let all: Pin<Box<dyn Stream<Item = Result<feed::Entry, Status>> + Send + '_>> =
            Box::pin(Of(self.entries.iter().cloned().map(Ok)));
        std::future::ready(Ok(Response::new(all)))
    }
}

/// Answers without much in it.
struct Odd;

impl feed::stream_server::Stream for Odd {
    async fn r#type(
        &self,
        _: Request<Streaming<feed::Streaming>>,
    ) -> Answer<impl Stream<Item = Result<feed::Responses, Status>> + Send> {
        Ok(Response::new(of([])))
    }

    #[expect(
        refining_impl_trait,
        reason = "the signature names the stream, which the trait does not ask for"
    )]
    async fn new_(&self, _: Request<feed::Call>) -> Answer<Of<Once>> {
        Ok(Response::new(Of(std::iter::once(Ok(feed::Call {})))))
    }

    async fn r#yield(&self, _: Request<Streaming<feed::outer::Send>>) -> Answer<feed::outer::Send> {
        Err(Status::aborted("yield"))
    }

    async fn server_streaming(
        &self,
        _: Request<Streaming<feed::Request>>,
    ) -> Answer<feed::Request> {
        Err(Status::aborted("server_streaming"))
    }

    async fn unary(
        &self,
        _: Request<feed::Request>,
    ) -> Answer<impl Stream<Item = Result<feed::Request, Status>> + Send> {
        Err::<Response<Of<std::iter::Empty<_>>>, _>(Status::aborted("unary"))
    }
}

type Once = std::iter::Once<Result<feed::Call, Status>>;

impl feed::elsewhere_server::Elsewhere for Odd {
    async fn kinds(
        &self,
        _: Request<Streaming<shop::common::Item>>,
    ) -> Answer<impl Stream<Item = Result<shop::common::item::Kind, Status>> + Send> {
        Ok(Response::new(of([])))
    }

    async fn spell(
        &self,
        _: Request<u32>,
    ) -> Answer<impl Stream<Item = Result<String, Status>> + Send> {
        Ok(Response::new(of([])))
    }

    async fn count(&self, _: Request<Streaming<String>>) -> Answer<i64> {
        Ok(Response::new(7))
    }
}

/// A channel to `service`, for as long as the sides are kept.
fn serve(service: impl Service) -> (Channel, [Side; 2]) {
    let (client, server) = pair(Services::new(), Services::new().add(service));
    (client.channel(), [client, server])
}

#[test]
fn kinds_and_idempotency_are_in_the_table() {
    let server = feed::feed_server::FeedServer::new(News { entries: vec![] });
    let methods = server.descriptor().methods().iter();
    let methods: Vec<_> = methods
        .map(|method| (method.name(), method.kind(), method.idempotency()))
        .collect();
    assert_eq!(
        methods,
        [
            ("Get", MethodKind::Unary, Idempotency::NoSideEffects),
            (
                "List",
                MethodKind::ServerStreaming,
                Idempotency::NoSideEffects
            ),
            ("Put", MethodKind::ClientStreaming, Idempotency::Idempotent),
            ("Chat", MethodKind::BidiStreaming, Idempotency::Unknown),
            ("ListAll", MethodKind::ServerStreaming, Idempotency::Unknown),
        ]
    );
}

#[tokio::test]
async fn a_client_takes_any_stream_of_requests() {
    let (channel, _sides) = serve(feed::elsewhere_server::ElsewhereServer::new(Odd));
    let client = feed::elsewhere_client::ElsewhereClient::new(channel);
    let _: Call<Streaming<shop::common::item::Kind>> = client.kinds(of([]));
    let _: Call<Streaming<String>> = client.spell(3);
    let _: Call<i64> = client.count(Box::pin(of([String::from("one")])));
}

async fn all<T>(call: Call<Streaming<T>>) -> Result<Vec<T>, wsrpc::CallError>
where
    T: prost::Message + Default,
{
    let mut messages = call.await?.into_inner();
    let mut all = Vec::new();
    while let Some(message) = messages.message().await? {
        all.push(message);
    }
    Ok(all)
}

#[tokio::test]
async fn a_call_of_each_kind_goes_through() {
    let entries = ["one", "two", "three"].map(entry).to_vec();
    let news = News { entries };
    let (channel, _sides) = serve(feed::feed_server::FeedServer::new(news));
    let client = feed::feed_client::FeedClient::new(channel);

    let one = client.get(query("one")).await.expect("an answer");
    assert_eq!(one.text, "one");

    let listed = all(client.list(query("t"))).await.expect("a stream");
    assert_eq!(listed, ["two", "three"].map(entry));
    let refused = all(client.list(query(""))).await.expect_err("no stream");
    assert_eq!(refused.message(), "no text");

    let entries = of(["four", "five"].map(entry));
    let receipt = client.put(entries).await.expect("an answer");
    assert_eq!(receipt.count, 2);

    let queries = of(["three", "one"].map(query));
    let found = all(client.chat(queries)).await.expect("a stream");
    assert_eq!(found, ["three", "one"].map(entry));
    let failed = all(client.chat(of([query("none")]))).await;
    assert_eq!(failed.expect_err("no such entry").message(), "none");
}

#[tokio::test]
async fn methods_with_names_of_kinds_reach_their_own_handlers() {
    let (channel, _sides) = serve(feed::stream_server::StreamServer::new(Odd));
    let client = feed::stream_client::StreamClient::new(channel);
    assert_eq!(all(client.r#type(of([]))).await.expect("a stream"), []);
    let new = all(client.new_(feed::Call {})).await.expect("a stream");
    assert_eq!(new, [feed::Call {}]);
    let error = client.r#yield(of([])).await.expect_err("it always fails");
    assert_eq!(error.message(), "yield");
    let error = client.server_streaming(of([])).await;
    assert_eq!(
        error.expect_err("it always fails").message(),
        "server_streaming"
    );
    let error = all(client.unary(feed::Request {})).await;
    assert_eq!(error.expect_err("it always fails").message(), "unary");
}
