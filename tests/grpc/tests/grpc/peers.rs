//! Which peer a caller is, and how long its session lasts.

use std::collections::HashSet;

use grpc_tests::{
    handler::Handler,
    serve::Serving,
    trial::{Ask, trial_client::TrialClient, trial_server::TrialServer},
};
use tonic::service::Routes;
use wsrpc::{
    Code, Metadata, PublicKey, SecretKey, Status,
    grpc::{self, GrpcService},
};

fn ask(text: &str) -> Ask {
    Ask {
        text: text.into(),
        ..Ask::default()
    }
}

#[tokio::test]
async fn all_callers_are_one_anonymous_peer() {
    let (handler, _news) = Handler::new();
    let service = GrpcService::new(TrialServer::new(handler.clone()));
    let serving = Serving::new(Routes::new(service));
    let other = GrpcService::new(TrialServer::new(handler));
    let mut peers = HashSet::new();
    for channel in [
        grpc::channel(serving.connect().await),
        grpc::channel(serving.connect().await),
        grpc::channel(other),
    ] {
        let told = TrialClient::new(channel).unary(ask("peer")).await.unwrap();
        peers.insert(told.into_inner().text);
    }
    assert_eq!(peers.len(), 2, "one for each service");
}

#[tokio::test]
async fn a_function_decides_which_peer_a_caller_is() {
    let (handler, _news) = Handler::new();
    let service = GrpcService::new(TrialServer::new(handler)).with_peer(|request| {
        let key = request
            .headers
            .get("x-key")
            .and_then(|key| key.to_str().ok());
        let key: Option<PublicKey> = key.and_then(|key| key.parse().ok());
        key.ok_or_else(|| Status::unauthenticated("who are you?"))
    });
    let serving = Serving::new(Routes::new(service));
    let stub = TrialClient::new(grpc::channel(serving.connect().await));
    for _ in 0..3 {
        let key = SecretKey::generate().public_key().to_string();
        let metadata = Metadata::try_from([("x-key", &key)]).unwrap();
        let told = stub.unary(ask("peer")).metadata(metadata).await.unwrap();
        assert_eq!(told.text, key);
    }
    let error = stub.unary(ask("peer")).await.unwrap_err();
    assert_eq!(error.code(), Code::UNAUTHENTICATED);
    assert_eq!(error.message(), "who are you?");
}

/// Each session has two.
fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

#[tokio::test]
async fn idle_sessions_do_not_pile_up() {
    let (handler, _news) = Handler::new();
    let service = GrpcService::new(TrialServer::new(handler))
        .with_peer(|_| Ok(SecretKey::generate().public_key()));
    let stub = TrialClient::new(grpc::channel(service));
    for _ in 0..300 {
        stub.unary(ask("")).await.unwrap();
    }
    while tasks() > 2 * 100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_grpc_client_cannot_be_called_back() {
    let (handler, _news) = Handler::new();
    let service = GrpcService::new(TrialServer::new(handler));
    let stub = TrialClient::new(grpc::channel(service));
    let told = stub.unary(ask("back")).await.unwrap();
    assert_eq!(told.text, Code::UNIMPLEMENTED.to_string());
}

#[tokio::test]
async fn sessions_last_as_long_as_the_service_and_its_calls() {
    let (handler, mut news) = Handler::new();
    let service = GrpcService::new(TrialServer::new(handler));
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = tasks();
    let stub = TrialClient::new(grpc::channel(service.clone()));
    let wait = Ask {
        count: 1,
        ..ask("wait")
    };
    let mut list = stub.list(wait).await.unwrap();
    assert_eq!(news.recv().await, Some("waiting"));
    drop((service, stub));
    assert_eq!(list.message().await.unwrap().unwrap().count, 0);
    drop(list);
    assert_eq!(news.recv().await, Some("stopped"));
    while tasks() > before {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_service_outlives_the_runtime_that_it_was_called_in() {
    let (handler, _news) = Handler::new();
    let service = GrpcService::new(TrialServer::new(handler));
    let stub = TrialClient::new(grpc::channel(service));
    for _ in 0..2 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let told = runtime.block_on(async { stub.unary(ask("hello")).await });
        assert_eq!(told.unwrap().text, "hello");
    }
}

#[test]
#[should_panic = "under its own name"]
fn a_service_takes_no_other_ones_place() {
    let (handler, _news) = Handler::new();
    struct Other;
    impl wsrpc::Service for Other {
        fn descriptor(&self) -> &'static wsrpc::ServiceDescriptor {
            static OTHER: wsrpc::ServiceDescriptor = wsrpc::ServiceDescriptor::new("other", &[]);
            &OTHER
        }

        fn call(
            &self,
            _: usize,
            call: wsrpc::codegen::v1::IncomingCall,
        ) -> wsrpc::codegen::v1::HandlerFuture {
            call.unimplemented()
        }
    }
    drop(TrialServer::new(handler));
    let _ = GrpcService::<TrialServer<Handler>>::of(Other);
}
