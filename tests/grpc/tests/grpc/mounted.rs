//! tonic's own client calls a mounted service.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use grpc_tests::{
    channel,
    handler::{Handler, News, failure},
    serve::Serving,
    tonic_trial::trial_client::TrialClient,
    trial::{Ask, trial_server::TrialServer},
};
use tonic::{
    Code, Request, Status, codec::CompressionEncoding, metadata::MetadataValue, service::Routes,
    transport::Channel,
};
use wsrpc::{
    Service, SessionConfig,
    grpc::GrpcService,
    layer::{self, CallResponse},
};

type Mounted = GrpcService<TrialServer<Handler>>;

/// A client of the service, as `mount` sets it up.
async fn served(mount: impl FnOnce(Mounted) -> Mounted) -> (TrialClient<Channel>, News, Serving) {
    let (handler, news) = Handler::new();
    let service = mount(GrpcService::new(TrialServer::new(handler)));
    let serving = Serving::new(Routes::new(service));
    (TrialClient::new(serving.connect().await), news, serving)
}

fn ask(text: &str, count: u32) -> Ask {
    Ask {
        text: text.into(),
        count,
        data: Default::default(),
    }
}

fn assert_failure(status: &Status) {
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.message(), failure().message());
    assert_eq!(status.details(), &failure().details()[..]);
    assert_eq!(status.metadata().get("x-why").unwrap(), "because");
    let bin = status.metadata().get_bin("why-bin").unwrap();
    assert_eq!(bin.to_bytes().unwrap()[..], [0xff, 0]);
}

#[tokio::test]
async fn a_tonic_client_calls_all_kinds_of_methods() {
    let (mut client, _news, _serving) = served(|service| service).await;
    let told = client.unary(ask("hello", 7)).await.unwrap().into_inner();
    assert_eq!((told.text.as_str(), told.count), ("hello", 7));

    let list = client.list(ask("", 3)).await.unwrap().into_inner();
    let counts: Vec<_> = list.map(|told| told.unwrap().count).collect().await;
    assert_eq!(counts, [0, 1, 2]);

    let asked = stream::iter([ask("a", 1), ask("b", 2)]);
    let told = client.put(asked).await.unwrap().into_inner();
    assert_eq!((told.text.as_str(), told.count), ("ab", 3));

    let (sender, receiver) = channel();
    let mut chat = client.chat(receiver).await.unwrap().into_inner();
    for count in 0..3 {
        sender.send(ask("ping", count)).unwrap();
        assert_eq!(chat.message().await.unwrap().unwrap().count, count);
    }
    drop(sender);
    assert!(chat.message().await.unwrap().is_none());
}

#[tokio::test]
async fn metadata_goes_both_ways() {
    let (mut client, _news, _serving) = served(|service| service).await;
    let mut request = Request::new(ask("", 0));
    let metadata = request.metadata_mut();
    metadata.append("x-zone", "north".parse().unwrap());
    metadata.append("x-zone", "south".parse().unwrap());
    metadata.append_bin("x-id-bin", MetadataValue::from_bytes(&[0xff, 0]));
    let response = client.unary(request).await.unwrap();
    let metadata = response.metadata();
    let zones: Vec<_> = metadata.get_all("x-zone").iter().collect();
    assert_eq!(zones, ["north", "south"]);
    let bin = metadata.get_bin("x-id-bin").unwrap();
    assert_eq!(bin.to_bytes().unwrap()[..], [0xff, 0]);
}

#[tokio::test]
async fn statuses_have_details_and_trailers() {
    let (mut client, _news, _serving) = served(|service| service).await;
    assert_failure(&client.unary(ask("fail", 0)).await.unwrap_err());
    let mut list = client.list(ask("fail", 1)).await.unwrap().into_inner();
    assert_eq!(list.message().await.unwrap().unwrap().count, 0);
    assert_failure(&list.message().await.unwrap_err());
    let asked = stream::iter([ask("fail", 0)]).chain(stream::pending());
    assert_failure(&client.put(asked).await.unwrap_err());
}

#[tokio::test]
async fn a_layers_trailers_arrive_after_the_last_message() {
    let (handler, _news) = Handler::new();
    let trailing = layer::from_fn(|request, next| async move {
        let (metadata, body) = next.run(request).await?.into_parts();
        let trailers = || wsrpc::Metadata::try_from([("x-cost", "7")]).ok();
        Ok(CallResponse::from_parts(
            metadata,
            body.with_trailers(trailers),
        ))
    });
    let service = TrialServer::new(handler).layer(trailing);
    let service = GrpcService::<TrialServer<Handler>>::of(service);
    let serving = Serving::new(Routes::new(service.clone()));
    let mut client = TrialClient::new(serving.connect().await);
    let mut list = client.list(ask("", 1)).await.unwrap().into_inner();
    assert!(list.message().await.unwrap().is_some());
    let trailers = list.trailers().await.unwrap().unwrap();
    assert_eq!(trailers.get("x-cost").unwrap(), "7");

    let stub = grpc_tests::trial::trial_client::TrialClient::new(wsrpc::grpc::channel(service));
    let mut list = stub.list(ask("", 1)).await.unwrap();
    while list.message().await.unwrap().is_some() {}
    assert_eq!(list.trailers().unwrap().get("x-cost"), Some("7"));
}

#[tokio::test]
async fn a_handler_stops_at_the_callers_deadline() {
    let (mut client, mut news, _serving) = served(|service| service).await;
    let mut request = Request::new(ask("deadline", 0));
    request.set_timeout(Duration::from_secs(60));
    assert_eq!(
        client.unary(request).await.unwrap().into_inner().text,
        "true"
    );

    let mut request = Request::new(ask("wait", 0));
    request.set_timeout(Duration::from_millis(100));
    client.unary(request).await.unwrap_err();
    assert_eq!(news.recv().await, Some("waiting"));
    assert_eq!(news.recv().await, Some("stopped"));
}

#[tokio::test]
async fn a_malformed_timeout_is_refused() {
    let (mut client, _news, _serving) = served(|service| service).await;
    let mut request = Request::new(ask("", 0));
    let timeout = "soon".parse().unwrap();
    request.metadata_mut().insert("grpc-timeout", timeout);
    assert_eq!(
        client.unary(request).await.unwrap_err().code(),
        Code::Internal
    );
}

#[tokio::test]
async fn a_handler_stops_when_its_caller_gives_up() {
    let (client, mut news, _serving) = served(|service| service).await;
    let mut unary = client.clone();
    let call = tokio::spawn(async move { unary.unary(ask("wait", 0)).await });
    assert_eq!(news.recv().await, Some("waiting"));
    call.abort();
    assert_eq!(news.recv().await, Some("stopped"));

    let list = client.clone().list(ask("wait", 1)).await.unwrap();
    assert_eq!(news.recv().await, Some("waiting"));
    drop(list);
    assert_eq!(news.recv().await, Some("stopped"));

    // tonic's client keeps a call alive as long as its requests.
    let (sender, receiver) = channel();
    sender.send(ask("wait", 0)).unwrap();
    let chat = client.clone().chat(receiver).await.unwrap();
    assert_eq!(news.recv().await, Some("waiting"));
    drop((chat, sender));
    assert_eq!(news.recv().await, Some("stopped"));
}

#[tokio::test]
async fn messages_have_the_sessions_limits() {
    let config = SessionConfig::default()
        .max_recv_message_size(5_000_000)
        .max_send_message_size(1_000_000);
    let (client, _news, _serving) = served(|service| service.session(config)).await;
    let mut client = client.max_decoding_message_size(usize::MAX);
    let large = |size| Ask {
        data: vec![7; size],
        ..Ask::default()
    };
    assert!(
        client
            .unary(large(900_000))
            .await
            .unwrap()
            .into_inner()
            .data
            == large(900_000).data
    );
    let status = client.unary(large(2_000_000)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let status = client.unary(large(6_000_000)).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
}

#[tokio::test]
async fn messages_are_compressed_by_tonic() {
    let gzip = CompressionEncoding::Gzip;
    let mount = |service: Mounted| service.accept_compressed(gzip).send_compressed(gzip);
    let (client, _news, _serving) = served(mount).await;
    let mut client = client.send_compressed(gzip).accept_compressed(gzip);
    let response = client.unary(ask("hello", 7)).await.unwrap();
    assert_eq!(response.metadata().get("grpc-encoding").unwrap(), "gzip");
    assert_eq!(response.into_inner().text, "hello");

    let (client, _news, _serving) = served(|service| service).await;
    let status = client
        .send_compressed(gzip)
        .unary(ask("", 0))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let (handler, _news) = Handler::new();
    let service = GrpcService::new(TrialServer::new(handler));
    for path in [
        "/trial.Trial/None",
        "/other.Trial/Unary",
        "/Unary",
        "/trial.Trial/Unary/more",
    ] {
        let mut client = tonic::client::Grpc::new(service.clone());
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<Ask, Ask>::default();
        let request = Request::new(Ask::default());
        let answer = client.unary(request, path.parse().unwrap(), codec).await;
        assert_eq!(answer.unwrap_err().code(), Code::Unimplemented, "{path}");
    }
}
