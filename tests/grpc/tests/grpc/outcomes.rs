//! What is known of a call over gRPC that failed.

use std::{convert::Infallible, time::Duration};

use grpc_tests::{
    handler::Handler,
    serve::Serving,
    trial::{Ask, trial_client::TrialClient, trial_server::TrialServer},
};
use tokio::net::TcpListener;
use tonic::{body::Body, codegen::http, service::Routes, transport::Endpoint};
use wsrpc::{
    Blame, Call, CallError, Code, Outcome,
    grpc::{self, GrpcChannel, GrpcService},
};

fn ask(text: &str) -> Ask {
    Ask {
        text: text.into(),
        ..Ask::default()
    }
}

fn what(error: &CallError) -> (Code, Outcome, Blame) {
    (error.code(), error.outcome(), error.blame())
}

#[tokio::test]
async fn without_a_connection_a_call_is_not_sent() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoint: Endpoint = format!("http://{address}").parse().unwrap();
    let stub = TrialClient::new(grpc::channel(endpoint.connect_lazy()));
    let error = stub.unary(ask("")).await.unwrap_err();
    assert_eq!(
        what(&error),
        (Code::UNAVAILABLE, Outcome::NotSent, Blame::Transport)
    );
}

#[tokio::test]
async fn a_call_whose_time_is_up_is_not_sent() {
    let (handler, _news) = Handler::new();
    let service = GrpcService::new(TrialServer::new(handler));
    let stub = TrialClient::new(grpc::channel(service));
    let error = stub
        .unary(ask(""))
        .timeout(Duration::ZERO)
        .await
        .unwrap_err();
    assert_eq!(
        what(&error),
        (Code::DEADLINE_EXCEEDED, Outcome::NotSent, Blame::Local)
    );
}

#[tokio::test]
async fn after_the_deadline_nothing_is_known() {
    let (handler, mut news) = Handler::new();
    let service = GrpcService::new(TrialServer::new(handler));
    let serving = Serving::new(Routes::new(service));
    let stub = TrialClient::new(grpc::channel(serving.connect().await));
    let error = stub
        .unary(ask("wait"))
        .timeout(Duration::from_millis(100))
        .await;
    let error = error.unwrap_err();
    assert_eq!(
        what(&error),
        (Code::DEADLINE_EXCEEDED, Outcome::Unknown, Blame::Local)
    );
    assert_eq!(news.recv().await, Some("waiting"));
}

#[tokio::test]
async fn a_call_whose_connection_is_lost_may_have_run() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint: Endpoint = format!("http://{address}").parse().unwrap();
    let stub = TrialClient::new(grpc::channel(endpoint.connect_lazy()));
    let call = tokio::spawn(stub.unary(ask("")).into_future());
    // The server reads a while, and then it is gone.
    let (mut socket, _) = listener.accept().await.unwrap();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    tokio::io::AsyncWriteExt::write_all(&mut socket, &settings)
        .await
        .unwrap();
    let mut read = Vec::new();
    while !read.windows(11).any(|bytes| bytes == b"application") && read.len() < 150 {
        tokio::io::AsyncReadExt::read_buf(&mut socket, &mut read)
            .await
            .unwrap();
    }
    drop((socket, listener));
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(
        (error.outcome(), error.blame()),
        (Outcome::Unknown, Blame::Transport)
    );
}

/// What answers every request so, in the place of a server.
async fn answered(answer: fn() -> http::Response<Body>) -> CallError {
    let proxy =
        tower::service_fn(
            move |_: http::Request<Body>| async move { Ok::<_, Infallible>(answer()) },
        );
    let stub = TrialClient::new(grpc::channel(proxy));
    let call: Call<_> = stub.unary(ask(""));
    call.await.unwrap_err()
}

#[tokio::test]
async fn an_answer_of_a_proxy_is_not_the_servers() {
    let error = answered(|| {
        let answer = http::Response::builder().status(502);
        answer.body(Body::empty()).unwrap()
    });
    assert_eq!(
        what(&error.await),
        (Code::UNAVAILABLE, Outcome::Unknown, Blame::Transport)
    );
}

#[tokio::test]
async fn an_answer_without_a_status_is_not_the_servers() {
    let error = answered(|| {
        let answer = http::Response::builder().header("content-type", "application/grpc");
        answer.body(Body::empty()).unwrap()
    });
    assert_eq!(
        what(&error.await),
        (Code::UNKNOWN, Outcome::Unknown, Blame::Transport)
    );
}

#[tokio::test]
async fn an_answer_that_lacks_its_message_is_the_servers() {
    let error = answered(|| {
        let answer = http::Response::builder().header("grpc-status", "0");
        answer.body(Body::empty()).unwrap()
    });
    assert_eq!(
        what(&error.await),
        (Code::INTERNAL, Outcome::Ran, Blame::Remote)
    );
}

#[tokio::test]
async fn a_response_over_the_limit_is_refused_here() {
    let (handler, _news) = Handler::new();
    let service = GrpcService::new(TrialServer::new(handler));
    let channel = GrpcChannel::new(service).max_recv_message_size(1000);
    let stub = TrialClient::new(channel.into_channel());
    let large = Ask {
        data: vec![7; 2000],
        ..Ask::default()
    };
    let error = stub.unary(large).await.unwrap_err();
    assert_eq!(
        (error.code(), error.blame()),
        (Code::RESOURCE_EXHAUSTED, Blame::Local)
    );
}
