//! What one stub sees of one handler, whichever way leads from one to the other.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use grpc_tests::{
    channel,
    for_tonic::TonicHandler,
    handler::{Handler, failure},
    serve::Serving,
    tonic_trial::trial_server as tonic_server,
    trial::{Ask, trial_client::TrialClient, trial_server::TrialServer},
};
use tonic::service::Routes;
use wsrpc::{
    Blame, CallError, Channel, Code, Metadata, Outcome,
    error_details::ErrorInfo,
    grpc::{self, GrpcService},
    testing::{Services, pair},
};

fn ask(text: &str, count: u32) -> Ask {
    Ask {
        text: text.into(),
        count,
        data: Default::default(),
    }
}

fn metadata() -> Metadata {
    let mut metadata = Metadata::try_from([("x-zone", "north"), ("x-zone", "south")]).unwrap();
    metadata.append_bin("x-id-bin", vec![0xff, 0, 7]).unwrap();
    metadata
}

/// The entries that are not of HTTP libraries.
fn assert_echoed(echoed: &Metadata) {
    let zones: Vec<_> = echoed.get_all("x-zone").collect();
    assert_eq!(zones, ["north", "south"]);
    assert_eq!(echoed.get_bin("x-id-bin").unwrap()[..], [0xff, 0, 7]);
}

fn assert_failure(error: &CallError) {
    let status = error.status();
    assert_eq!(status.code(), Code::NOT_FOUND);
    assert_eq!(status.message(), failure().message());
    assert_eq!(status.details(), failure().details());
    assert_eq!(status.detail::<ErrorInfo>().unwrap().reason, "GONE");
    assert_eq!(status.metadata().get("x-why"), Some("because"));
    assert_eq!(status.metadata().get_bin("why-bin").unwrap()[..], [0xff, 0]);
    assert_eq!(
        (error.outcome(), error.blame()),
        (Outcome::Ran, Blame::Remote)
    );
}

async fn all_is_the_same(way: Channel) {
    let stub = TrialClient::new(way);

    let told = stub
        .unary(ask("hello", 7))
        .metadata(metadata())
        .await
        .unwrap();
    assert_eq!((told.text.as_str(), told.count), ("hello", 7));
    assert_echoed(told.metadata());
    assert_failure(&stub.unary(ask("fail", 0)).await.unwrap_err());

    let large = Ask {
        data: vec![7; 6_000_000],
        ..Ask::default()
    };
    let told = stub.unary(large.clone()).await.unwrap();
    assert!(told.data == large.data);

    let mut list = stub.list(ask("", 100)).metadata(metadata()).await.unwrap();
    assert_echoed(list.metadata());
    for count in 0..100 {
        assert_eq!(list.message().await.unwrap().unwrap().count, count);
    }
    assert_eq!(list.message().await.unwrap(), None);

    let mut list = stub.list(ask("fail", 2)).await.unwrap();
    assert_eq!(list.message().await.unwrap().unwrap().count, 0);
    assert_eq!(list.message().await.unwrap().unwrap().count, 1);
    assert_failure(&list.message().await.unwrap_err());
    assert_eq!(list.message().await.unwrap(), None);

    let asked = stream::iter([ask("a", 1), ask("b", 2), ask("c", 3)]);
    let told = stub.put(asked).metadata(metadata()).await.unwrap();
    assert_eq!((told.text.as_str(), told.count), ("abc", 6));
    assert_echoed(told.metadata());
    assert_eq!(stub.put(stream::empty()).await.unwrap().count, 0);
    let asked = stream::iter([ask("a", 1), ask("fail", 2)]).chain(stream::pending());
    assert_failure(&stub.put(asked).await.unwrap_err());

    let (sender, receiver) = channel();
    let mut chat = stub.chat(receiver).await.unwrap();
    for count in 0..3 {
        sender.send(ask("ping", count)).unwrap();
        assert_eq!(chat.message().await.unwrap().unwrap().count, count);
    }
    drop(sender);
    assert_eq!(chat.message().await.unwrap(), None);

    let with = stub
        .unary(ask("deadline", 0))
        .timeout(Duration::from_secs(60));
    assert_eq!(with.await.unwrap().text, "true");
    let without = stub.unary(ask("deadline", 0));
    assert_eq!(without.await.unwrap().text, "false");

    let late = stub
        .unary(ask("wait", 0))
        .timeout(Duration::from_millis(50));
    let error = late.await.unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    let late = stub
        .list(ask("wait", 1))
        .timeout(Duration::from_millis(200));
    let mut list = late.await.unwrap();
    assert_eq!(list.message().await.unwrap().unwrap().count, 0);
    let error = list.message().await.unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
}

#[tokio::test]
async fn over_wsrpc() {
    let (handler, _news) = Handler::new();
    let services = Services::new().add(TrialServer::new(handler));
    let (client, _server) = pair(Services::new(), services);
    all_is_the_same(client.channel()).await;
}

#[tokio::test]
async fn over_grpc_to_a_mounted_service() {
    let (handler, _news) = Handler::new();
    let service = GrpcService::new(TrialServer::new(handler));
    let serving = Serving::new(Routes::new(service));
    all_is_the_same(grpc::channel(serving.connect().await)).await;
}

#[tokio::test]
async fn over_grpc_to_a_mounted_service_without_a_connection() {
    let (handler, _news) = Handler::new();
    let service = GrpcService::new(TrialServer::new(handler));
    all_is_the_same(grpc::channel(service)).await;
}

#[tokio::test]
async fn over_grpc_to_a_service_of_tonic() {
    let service = tonic_server::TrialServer::new(TonicHandler);
    let serving = Serving::new(Routes::new(service.max_decoding_message_size(usize::MAX)));
    all_is_the_same(grpc::channel(serving.connect().await)).await;
}
