//! How calls in layers end: by errors, cancels, panics and deadlines.

use std::{future::IntoFuture, time::Duration};

use tokio::time::Instant;
use tower_service::Service as _;

use super::{
    kinds::{KINDS, collect, many, texts},
    *,
};
use crate::{
    Blame, CallError, Request, Response, SessionEnd,
    layer::Body,
    service::test_support::{ECHO, settle, spawn_echo},
};

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_in_its_layers_stops_the_handler() {
    let log = Log::default();
    let (echo_service, mut watched) = Echo::watched();
    let (channel, _sides) = to(Services::new()
        .add(echo_service)
        .layer(named("server", &log)));
    let call = spawn_echo(&channel.layer(named("client", &log)), "x");
    watched.starts.recv().await.unwrap();
    call.abort();
    watched.drops.recv().await.unwrap();
    settle().await;
    // Both were dropped before the call came back to them.
    assert_eq!(log.lines(), ["client in", "server in"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_layer_ends_its_call_and_no_other() {
    let panicking = from_fn(|request: CallRequest, next: Next| async move {
        assert!(
            !request.metadata().contains_key("panic"),
            "as it was asked to"
        );
        Ok(next.run(request).await?)
    });
    let (channel, _sides) = to(Services::new().add(Echo::plain()).layer(panicking));
    let call = echo(&channel, "x").metadata(metadata("panic", "please"));
    let error = call.await.unwrap_err();
    assert_eq!(error.code(), Code::INTERNAL);
    assert!(!error.message().contains("asked"), "{error}");
    assert_eq!(echo(&channel, "x").await.unwrap().body, "x");

    let intercepted = Echo::plain().intercept(|_| panic!("always"));
    let (channel, _sides) = to(Services::new().add(intercepted));
    assert_eq!(
        echo(&channel, "x").await.unwrap_err().code(),
        Code::INTERNAL
    );
}

#[tokio::test(start_paused = true)]
async fn a_handler_in_layers_inherits_the_deadline() {
    let telling = Echo::new(|request: Request<Text>| async move {
        let inherited = crate::Context::current().deadline();
        assert_eq!(inherited, request.deadline());
        let left = inherited.map(|deadline| deadline.duration_since(Instant::now()));
        Ok(Response::new(Text::new(format!("{left:?}"))))
    });
    let log = Log::default();
    let (channel, _sides) = to(Services::new().add(telling).layer(named("server", &log)));
    let answer = echo(&channel, "x").timeout(Duration::from_secs(7)).await;
    assert_eq!(answer.unwrap().body, "Some(7s)");
}

#[tokio::test(start_paused = true)]
async fn an_interceptor_brings_the_deadline_forward_on_either_side() {
    let hasten = |call: &mut CallHead| {
        call.set_deadline(Instant::now() + Duration::from_secs(3));
        call.set_deadline(Instant::now() + Duration::from_secs(30));
        Ok(())
    };
    let (echo_service, mut watched) = Echo::watched();
    let (channel, _sides) = to(Services::new().add(echo_service.clone()).intercept(hasten));
    let (plain, _others) = to(Services::new().add(echo_service));
    for channel in [channel, plain.intercept(hasten)] {
        let began = Instant::now();
        let call = echo(&channel, "x").timeout(Duration::from_secs(60));
        let error = call.await.unwrap_err();
        assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
        assert_eq!(began.elapsed(), Duration::from_secs(3));
        watched.drops.recv().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_layer_makes_again_is_not_said_to_be_safe_to_retry() {
    let (echo_service, _watched) = Echo::watched();
    let (channel, [client, _server]) = to(Services::new().add(echo_service));
    let again = from_fn(|request: CallRequest, next: Next| async move {
        let second = request.try_clone().unwrap();
        next.clone().run(request).await.unwrap_err();
        Ok(next.run(second).await?)
    });
    let call = spawn_echo(&channel.layer(again), "x");
    settle().await;
    drop(client);
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    // The second attempt alone was not sent; the first may have run.
    assert_eq!(error.outcome(), Outcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sent_stays_so_through_layers() {
    let log = Log::default();
    let (channel, [client, _server]) = to(Services::new().add(Echo::plain()));
    drop(client);
    let channel = channel.layer(named("client", &log));
    let error = echo(&channel, "x").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_server_is_one_through_layers() {
    let log = Log::default();
    let (channel, _sides) = to(Services::new()
        .add(Echo::plain())
        .layer(named("server", &log)));
    let channel = channel.layer(named("client", &log));
    let missing = &crate::service::test_support::MISSING;
    let call = crate::Call::<Text>::unary(&channel, missing, &Text::new("x"));
    let error = call.await.unwrap_err();
    assert_eq!(error.code(), Code::UNIMPLEMENTED);
    assert_eq!(error.outcome(), Outcome::Refused);
    // A payload that does not decode has not started a handler either, though it has passed the layers.
    let bad = CallRequest::new(&ECHO.methods()[0], Body::from_message([0xff].to_vec()));
    let error = channel.clone().call(bad).await.unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    assert_eq!(error.outcome(), Outcome::Refused);
    assert_eq!(error.blame(), Blame::Remote);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_leaves_the_layers_after_the_handler_ran_is_no_refusal() {
    let spoiling = from_fn(|request: CallRequest, next: Next| async move {
        next.run(request).await?;
        let error = CallError::not_sent(Status::unavailable("the audit log is away"));
        Err(error.into())
    });
    let (channel, _sides) = to(Services::new().add(Echo::plain()).layer(spoiling));
    let error = echo(&channel, "x").await.unwrap_err();
    assert_eq!(error.message(), "the audit log is away");
    assert_eq!(error.outcome(), Outcome::Ran);
}

#[tokio::test(start_paused = true)]
async fn a_layer_answers_by_itself() {
    let cached = from_fn(|_, _| async {
        let text = prost::Message::encode_to_vec(&Text::new("cached"));
        Ok(CallResponse::new(Body::from_message(text)))
    });
    let (plain, _sides) = to(Services::new().add(Echo::silent()));
    let (served, _others) = to(Services::new().add(Echo::silent()).layer(cached.clone()));
    for channel in [plain.layer(cached), served] {
        assert_eq!(echo(&channel, "x").await.unwrap().body, "cached");
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_of_a_service_calls_that_service() {
    let service = tower::service_fn(|request: CallRequest| async move {
        assert_eq!(request.peer(), None);
        if request.method().kind().streams_responses() {
            let words = texts(["a", "b"]).0;
            let words =
                words.map(|text| Ok::<_, Status>(prost::Message::encode_to_vec(&text).into()));
            let body = Body::from_stream(super::kinds::Of(words));
            return Ok(CallResponse::new(
                body.with_trailers(|| Some(metadata("k", "v"))),
            ));
        }
        match request.metadata().get("fail") {
            Some(_) => Err(Status::not_found("as the callee says")),
            None => Ok(CallResponse::new(request.into_parts().1)),
        }
    });
    let channel = Channel::from_service(service);
    assert_eq!(echo(&channel, "x").await.unwrap().body, "x");
    let failed = echo(&channel, "x").metadata(metadata("fail", "yes"));
    let error = failed.await.unwrap_err();
    assert_eq!(error.status(), &Status::not_found("as the callee says"));
    assert_eq!(
        (error.outcome(), error.blame()),
        (Outcome::Ran, Blame::Remote)
    );
    let answer = many(&channel, "").await.unwrap().into_inner();
    assert_eq!(
        collect(answer).await,
        (vec!["a".into(), "b".into()], Ok(()))
    );
    assert!(format!("{channel:?}").contains("a service"));
}

#[tokio::test(start_paused = true)]
async fn the_timeout_of_a_call_holds_for_a_service_that_is_not_ready_or_does_not_answer() {
    let never = tower::service_fn(|_: CallRequest| std::future::pending::<Result<_, Status>>());
    let channel = Channel::from_service(never).timeout(Duration::from_secs(4));
    let began = Instant::now();
    let error = echo(&channel, "x").await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(4));
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_channel_is_a_service_of_encoded_calls() {
    let log = Log::default();
    let services = Services::new().add(super::kinds::Kinds::new());
    let (channel, _sides) = to(services);
    let seen = log.clone();
    let mut channel = channel.layer(named("layer", &log)).intercept(move |call| {
        seen.push(format!("{} {:?}", call.method(), call.deadline().is_some()));
        Ok(())
    });
    channel = channel.timeout(Duration::from_secs(1));
    let text = prost::Message::encode_to_vec(&Text::new("a b"));
    let request = CallRequest::new(&KINDS.methods()[1], Body::from_message(text));
    let mut body = channel.call(request).await.unwrap().into_parts().1;
    for word in ["a", "b"] {
        let text = prost::Message::encode_to_vec(&Text::new(word));
        assert_eq!(body.message().await, Ok(Some(text.into())));
    }
    assert_eq!(body.message().await, Ok(None));
    assert_eq!(
        log.lines(),
        ["test.Kinds/Many true", "layer in", "layer out"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_swaps_the_request_for_one_of_its_own_is_told_so() {
    let swapping = from_fn(|request: CallRequest, next: Next| async move {
        let method = request.method();
        Ok(next
            .run(CallRequest::new(method, request.into_parts().1))
            .await?)
    });
    let (channel, _sides) = to(Services::new().add(Echo::plain()).layer(swapping));
    let error = echo(&channel, "x").await.unwrap_err();
    assert_eq!(error.code(), Code::INTERNAL);
    assert_eq!(error.outcome(), Outcome::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_ends_calls_in_layers() {
    let log = Log::default();
    let (echo_service, mut watched) = Echo::watched();
    let (channel, [client, server]) = to(Services::new()
        .add(echo_service)
        .layer(named("server", &log)));
    let call = tokio::spawn(echo(&channel.layer(named("client", &log)), "x").into_future());
    watched.starts.recv().await.unwrap();
    drop(server);
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(matches!(
        client.closed().await,
        SessionEnd::PeerClosed { .. } | SessionEnd::Closed
    ));
    watched.drops.recv().await.unwrap();
}
