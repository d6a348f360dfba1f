//! What goes over the wire, counted.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_core::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split};

use super::{METHOD, start};
use crate::{
    Call, Channel, Compressed, Compression, Metadata, MethodDescriptor, Request, Response, Service,
    ServiceDescriptor, Status, Streaming,
    call::codec,
    codegen::v1::{HandlerFuture, IncomingCall},
    layer::{Body, BoxError, CallRequest, CallResponse, Layered, Next, from_fn},
    service::test_support::{Echo, End, Text, echo},
    transport::Role,
};

/// 100 KB of which little is left.
fn long() -> String {
    "the same again, ".repeat(6_250)
}

const LONG: usize = 100_000;
/// More than is left of it, with all that goes beside.
const SHORT: usize = 2_000;

/// Bytes that went each way.
#[derive(Default)]
struct Counts {
    requests: AtomicUsize,
    responses: AtomicUsize,
}

impl Counts {
    fn take(&self) -> (usize, usize) {
        let take = |count: &AtomicUsize| count.swap(0, Ordering::Relaxed);
        (take(&self.requests), take(&self.responses))
    }
}

async fn relay(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    counts: Arc<Counts>,
    which: fn(&Counts) -> &AtomicUsize,
) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        which(&counts).fetch_add(read, Ordering::Relaxed);
        to.write_all(&buffer[..read]).await.ok();
    }
}

/// A caller and its callee, and what goes over the wire between them.
fn counted(service: impl Service, zstd: bool) -> (End, End, Arc<Counts>) {
    let (near, far) = (tokio::io::duplex(4096), tokio::io::duplex(4096));
    let counts = Arc::new(Counts::default());
    let (near_read, near_write) = split(near.1);
    let (far_read, far_write) = split(far.1);
    tokio::spawn(relay(near_read, far_write, counts.clone(), |c| &c.requests));
    tokio::spawn(relay(far_read, near_write, counts.clone(), |c| {
        &c.responses
    }));
    let client = start(near.0, Role::Client, Echo::silent(), zstd);
    let server = start(far.0, Role::Server, service, zstd);
    (client, server, counts)
}

async fn echoed(call: Call<Text>) {
    assert_eq!(call.await.unwrap().body, long());
}

#[tokio::test]
async fn nothing_is_compressed_unless_it_is_asked_for() {
    let (client, _server, counts) = counted(Echo::plain(), true);
    echoed(echo(&client.channel(), long())).await;
    let (requests, responses) = counts.take();
    assert!(requests > LONG && responses > LONG);
}

#[tokio::test]
async fn requests_are_where_a_call_or_a_channel_or_a_method_asks_for_it() {
    let (client, _server, counts) = counted(Echo::plain(), true);
    let plain = client.channel();
    let smaller = plain.clone().compress(Compression::Zstd);
    let zstd = |channel: Channel| channel.compress(Compression::Zstd);
    for call in [
        echo(&plain, long()).compress(Compression::Zstd),
        echo(&smaller, long()),
        echo(&plain.clone().for_method(&METHOD, zstd), long()),
    ] {
        echoed(call).await;
        let (requests, responses) = counts.take();
        assert!(
            requests < SHORT && responses > LONG,
            "{requests} {responses}"
        );
    }
    for call in [
        echo(&smaller, long()).compress(Compression::Off),
        echo(&plain.for_method("test.Echo/Other", zstd), long()),
    ] {
        echoed(call).await;
        assert!(counts.take().0 > LONG);
    }
}

#[tokio::test]
async fn responses_are_where_a_service_or_a_response_asks_for_it() {
    let (client, _server, counts) = counted(Compressed(Echo::plain()), true);
    echoed(echo(&client.channel(), long())).await;
    let (requests, responses) = counts.take();
    assert!(requests > LONG && responses < SHORT);

    let asks = |compression| {
        Echo::new(move |request: Request<Text>| async move {
            let response = Response::new(request.into_inner()).compress(compression);
            Ok(response.map(|text| text))
        })
    };
    let (client, _server, counts) = counted(asks(Compression::Zstd), true);
    echoed(echo(&client.channel(), long())).await;
    assert!(counts.take().1 < SHORT);

    let (client, _server, counts) = counted(Compressed(asks(Compression::Off)), true);
    echoed(echo(&client.channel(), long())).await;
    assert!(counts.take().1 > LONG);
}

#[tokio::test]
async fn a_peer_that_cannot_undo_it_gets_messages_as_they_are() {
    let (client, _server, counts) = counted(Compressed(Echo::plain()), false);
    echoed(echo(&client.channel(), long()).compress(Compression::Zstd)).await;
    let (requests, responses) = counts.take();
    assert!(requests > LONG && responses > LONG);
}

#[tokio::test]
async fn version_1_never_has_compressed_messages() {
    use crate::{ProtocolVersion, testing::*};
    let old = || Services::new().max_version(ProtocolVersion::V1);
    let (client, _server) = pair(old(), old().add(Compressed(Echo::plain())));
    assert!(!client.session().accepted().zstd);
    echoed(echo(&client.channel(), long()).compress(Compression::Zstd)).await;
}

#[tokio::test]
async fn a_pair_in_memory_agrees_on_it() {
    use crate::testing::*;
    let (client, server) = pair(
        Services::new(),
        Services::new().add(Compressed(Echo::plain())),
    );
    assert!(client.session().accepted().zstd && server.session().accepted().zstd);
    echoed(echo(&client.channel(), long()).compress(Compression::Zstd)).await;
}

#[tokio::test]
async fn large_messages_are_compressed_as_a_whole_and_go_in_chunks() {
    // Half of each byte says something: a quarter of a megabyte is left, which is several chunks.
    let mut random = vec![0; 256 * 1024];
    getrandom::fill(&mut random).unwrap();
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let (client, _server, counts) = counted(Compressed(Echo::plain()), true);
    let call = echo(&client.channel(), text.clone()).compress(Compression::Zstd);
    assert_eq!(call.await.unwrap().body, text);
    let (requests, responses) = counts.take();
    for bytes in [requests, responses] {
        assert!(bytes > 256 * 1024 && bytes < 320 * 1024, "{bytes}");
    }
}

#[tokio::test]
async fn metadata_are_left_alone() {
    let value = "a".repeat(4096);
    let expected = value.clone();
    let service = Echo::new(move |request: Request<Text>| {
        assert_eq!(request.metadata().get("x-long"), Some(expected.as_str()));
        let metadata = request.metadata().clone();
        async move { Ok(Response::new(request.into_inner()).with_metadata(metadata)) }
    });
    let (client, _server, counts) = counted(Compressed(service), true);
    let mut metadata = Metadata::new();
    metadata.insert("x-long", &value).unwrap();
    let call = echo(&client.channel(), long()).compress(Compression::Zstd);
    let answer = call.metadata(metadata).await.unwrap();
    assert_eq!(answer.metadata().get("x-long"), Some(value.as_str()));
    let (requests, responses) = counts.take();
    assert!(requests > value.len() && responses > value.len());
}

/// Ten long texts.
struct Ten(usize);

impl Stream for Ten {
    type Item = Text;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Text>> {
        self.0 += 1;
        Poll::Ready((self.0 <= 10).then(|| Text::new(long())))
    }
}

static CHAT: ServiceDescriptor = ServiceDescriptor::new(
    "test.Chat",
    &[MethodDescriptor::bidi_streaming("test.Chat", "Chat")],
);

/// Answers each text with itself.
struct Chat;

struct Echoed(Streaming<Text>);

impl Stream for Echoed {
    type Item = Result<Text, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.0).poll_next(cx);
        next.map(|next| next.map(|text| text.map_err(Status::from)))
    }
}

impl Service for Chat {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &CHAT
    }

    fn call(&self, _: usize, call: IncomingCall) -> HandlerFuture {
        call.bidi_streaming(|request: Request<Streaming<Text>>, responses| async move {
            let texts = Echoed(request.into_inner());
            responses.send_all(Ok(Response::new(texts))).await
        })
    }
}

#[tokio::test]
async fn streams_are_compressed_message_by_message_both_ways() {
    let (client, _server, counts) = counted(Compressed(Chat), true);
    let channel = client.channel().compress(Compression::Zstd);
    let call: Call<Streaming<Text>> = Call::bidi_streaming(&channel, &CHAT.methods()[0], Ten(0));
    let mut texts = call.await.unwrap().into_inner();
    for _ in 0..10 {
        assert_eq!(texts.message().await.unwrap().unwrap().body, long());
    }
    assert!(texts.message().await.unwrap().is_none());
    let (requests, responses) = counts.take();
    assert!(requests < 10 * SHORT && responses < 10 * SHORT);
}

/// A layer that reads all messages, and passes on what it has read or what came.
async fn read(request: CallRequest, next: Next, changes: bool) -> Result<CallResponse, BoxError> {
    let read = move |body: Body| match (changes, body.try_clone()) {
        (false, Some(mut copy)) => (Some(async move { copy.message().await }), body),
        (false, None) => (None, body),
        (true, _) => (
            None,
            body.map(|bytes| {
                assert_eq!(
                    codec::decode::<Text>(bytes.clone().into(), LONG * 2)
                        .unwrap()
                        .body,
                    long()
                );
                Ok(bytes)
            }),
        ),
    };
    let text = |message: Option<bytes::Bytes>| {
        let message = message.unwrap().into();
        codec::decode::<Text>(message, LONG * 2).unwrap().body
    };
    let (head, body) = request.into_parts();
    let (copy, body) = read(body);
    if let Some(copy) = copy {
        assert_eq!(text(copy.await?), long());
    }
    let response = next.run(CallRequest::from_parts(head, body)).await?;
    let (metadata, body) = response.into_parts();
    let (copy, body) = read(body);
    if let Some(copy) = copy {
        assert_eq!(text(copy.await?), long());
    }
    Ok(CallResponse::from_parts(metadata, body))
}

#[tokio::test]
async fn layers_see_messages_inflated_and_leave_them_compressed() {
    let look = || from_fn(|request, next| read(request, next, false));
    let inside = || Layered::new(Compressed(Echo::plain()), look());
    let outside = || Compressed(Layered::new(Echo::plain(), look()));
    for (client, _server, counts) in [counted(inside(), true), counted(outside(), true)] {
        let channel = client.channel().compress(Compression::Zstd).layer(look());
        echoed(echo(&channel, long())).await;
        let (requests, responses) = counts.take();
        assert!(
            requests < SHORT && responses < SHORT,
            "{requests} {responses}"
        );
    }
}

#[tokio::test]
async fn requests_that_layers_change_or_stream_are_compressed_all_the_same() {
    let change = || from_fn(|request, next| read(request, next, true));
    let (client, _server, counts) = counted(Layered::new(Echo::plain(), change()), true);
    let channel = client.channel().compress(Compression::Zstd).layer(change());
    echoed(echo(&channel, long())).await;
    assert!(counts.take().0 < SHORT);

    let (client, _server, counts) = counted(Layered::new(Compressed(Chat), change()), true);
    let channel = client.channel().compress(Compression::Zstd).layer(change());
    let call: Call<Streaming<Text>> = Call::bidi_streaming(&channel, &CHAT.methods()[0], Ten(0));
    let mut texts = call.await.unwrap().into_inner();
    for _ in 0..10 {
        assert_eq!(texts.message().await.unwrap().unwrap().body, long());
    }
    assert!(texts.message().await.unwrap().is_none());
    assert!(counts.take().0 < 10 * SHORT);
}
