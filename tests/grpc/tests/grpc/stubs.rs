//! Our stubs call over tonic's channels.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use grpc_tests::{
    handler::{Handler, News},
    serve::Serving,
    trial::{Ask, trial_client::TrialClient, trial_server::TrialServer},
};
use tokio::sync::Barrier;
use tonic::{codec::CompressionEncoding, service::Routes};
use wsrpc::{
    Channel, Code, Status,
    grpc::{self, GrpcChannel, GrpcService},
    layer::{Body, CallRequest},
};

fn ask(text: &str, count: u32) -> Ask {
    Ask {
        text: text.into(),
        count,
        data: Default::default(),
    }
}

async fn served() -> (Channel, News, Serving) {
    let (handler, news) = Handler::new();
    let service = GrpcService::new(TrialServer::new(handler));
    let gzip = CompressionEncoding::Gzip;
    let service = service.accept_compressed(gzip).send_compressed(gzip);
    let serving = Serving::new(Routes::new(service));
    (grpc::channel(serving.connect().await), news, serving)
}

#[tokio::test]
async fn a_handler_stops_when_its_call_is_dropped() {
    let (channel, mut news, _serving) = served().await;
    let stub = TrialClient::new(channel);
    let call = tokio::spawn(stub.unary(ask("wait", 0)).into_future());
    assert_eq!(news.recv().await, Some("waiting"));
    call.abort();
    assert_eq!(news.recv().await, Some("stopped"));

    let list = stub.list(ask("wait", 1)).await.unwrap();
    assert_eq!(news.recv().await, Some("waiting"));
    drop(list);
    assert_eq!(news.recv().await, Some("stopped"));

    let asked = stream::iter([ask("wait", 0)]).chain(stream::pending());
    let chat = stub.chat(asked).await.unwrap();
    assert_eq!(news.recv().await, Some("waiting"));
    drop(chat);
    assert_eq!(news.recv().await, Some("stopped"));

    let late = stub.list(ask("wait", 1)).timeout(Duration::from_millis(50));
    let mut list = late.await.unwrap();
    assert_eq!(news.recv().await, Some("waiting"));
    list.message().await.unwrap();
    let error = list.message().await.unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(news.recv().await, Some("stopped"));
}

#[tokio::test]
async fn requests_that_break_off_give_the_call_up() {
    let (channel, mut news, _serving) = served().await;
    let broken = tower::service_fn(move |request: CallRequest| {
        let mut channel = channel.clone();
        async move {
            let (head, body) = request.into_parts();
            let torn = stream::iter([Err(Status::data_loss("torn"))]);
            let body = StreamExt::map(body, |message| message.map_err(Status::from));
            let body = Body::from_stream(body.chain(torn));
            let request = CallRequest::from_parts(head, body);
            tower::Service::call(&mut channel, request).await
        }
    });
    let stub = TrialClient::new(Channel::from_service(broken));
    let error = stub.put(stream::iter([ask("a", 1)])).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::DATA_LOSS, "torn"));

    // The answer may have begun before that.
    let error = match stub.chat(stream::iter([ask("wait", 0)])).await {
        Ok(mut chat) => chat.message().await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!((error.code(), error.message()), (Code::DATA_LOSS, "torn"));
    if let Ok("waiting") = news.try_recv() {
        assert_eq!(news.recv().await, Some("stopped"));
    }
}

#[tokio::test]
async fn messages_are_compressed_by_tonic() {
    let (_, _news, serving) = served().await;
    let gzip = CompressionEncoding::Gzip;
    let channel = GrpcChannel::new(serving.connect().await)
        .send_compressed(gzip)
        .accept_compressed(gzip)
        .into_channel();
    let told = TrialClient::new(channel)
        .unary(ask("hello", 0))
        .await
        .unwrap();
    assert_eq!(told.text, "hello");
}

#[tokio::test]
async fn one_channel_has_many_calls_at_once() {
    let (channel, _news, _serving) = served().await;
    let together = Arc::new(Barrier::new(100));
    let calls = (0..100).map(|count| {
        let (stub, together) = (TrialClient::new(channel.clone()), together.clone());
        async move {
            let mut chat = stub.chat(stream::iter([ask("", count)])).await.unwrap();
            let told = chat.message().await.unwrap().unwrap();
            together.wait().await;
            told.count == count
        }
    });
    let answers: Vec<bool> = futures_util::future::join_all(calls).await;
    assert!(answers.into_iter().all(|right| right));
}

#[tokio::test]
async fn the_layers_of_a_channel_are_around_calls_over_grpc() {
    let (channel, _news, _serving) = served().await;
    let channel = channel.intercept(|call| {
        let metadata = call.metadata_mut();
        let stamped = metadata.insert("x-zone", "north");
        stamped.map_err(|error| Status::internal(error.to_string()))
    });
    let told = TrialClient::new(channel).unary(ask("", 0)).await.unwrap();
    assert_eq!(told.metadata().get("x-zone"), Some("north"));
}
