//! Calls and their answers.

use std::time::Duration;

use tokio::{task::JoinSet, time::sleep};

use crate::{
    Blame, Call, Code, MethodDescriptor, Outcome,
    ProtocolVersion::{self, V1},
    Response, SessionConfig, Status,
    call_error::CallError,
    service::test_support::{
        BOTH, ECHO, Echo, MISSING, Text, against_raw, echo, pair_on, spawn_echo,
    },
    testing::Services,
};

/// What a version-1 callee's failure looks like.
fn assert_ran(error: &CallError, message: &str) {
    assert_eq!(error.message(), message);
    assert_eq!(error.code(), Code::UNKNOWN);
    assert_eq!(error.outcome(), Outcome::Ran);
    assert_eq!(error.blame(), Blame::Remote);
}

#[tokio::test(start_paused = true)]
async fn both_sides_call_each_other_a_thousand_times_at_once() {
    for version in BOTH {
        let (client, server) = pair_on(
            version,
            Services::new().add(Echo::plain()),
            Services::new().add(Echo::plain()),
        );
        let mut calls = JoinSet::new();
        for i in 0..1000 {
            for channel in [client.channel(), server.channel()] {
                calls.spawn(async move {
                    let answer = echo(&channel, i.to_string()).await.unwrap();
                    assert_eq!(answer.body, i.to_string());
                });
            }
        }
        assert_eq!(calls.join_all().await.len(), 2000);
    }
}

/// The shortest time, by the machine's clock, that a wait took which follows short ones. The runtime's clock jumps to the
/// end of it once both sides sleep.
async fn shortest_wait(version: ProtocolVersion, busy_poll: Duration) -> Duration {
    let services = || {
        let config = SessionConfig::default().busy_poll(busy_poll);
        let echoes = Echo::new(|request| async {
            if request.body == "later" {
                sleep(Duration::from_secs(1)).await;
            }
            Ok(Response::new(request.into_inner()))
        });
        Services::new().add(echoes).session(config)
    };
    let (client, _server) = pair_on(version, services(), services());
    let channel = client.channel();
    let mut shortest = Duration::MAX;
    for _ in 0..5 {
        for _ in 0..20 {
            echo(&channel, "now").await.unwrap();
        }
        let began = std::time::Instant::now();
        echo(&channel, "later").await.unwrap();
        shortest = shortest.min(began.elapsed());
    }
    shortest
}

#[tokio::test(start_paused = true)]
async fn a_session_stays_awake_for_as_long_as_it_may_and_others_have_their_turns() {
    const LIMIT: Duration = Duration::from_millis(5);
    for version in BOTH {
        assert!(shortest_wait(version, LIMIT).await >= LIMIT);
        assert!(shortest_wait(version, Duration::ZERO).await < LIMIT);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_come_in_any_order() {
    let (client, mut raw) = against_raw(4096, Echo::plain(), Default::default());
    let first = spawn_echo(&client.channel(), "first");
    let one = raw.request().await;
    let second = spawn_echo(&client.channel(), "second");
    let two = raw.request().await;
    raw.answer(&two, "to the second");
    raw.answer(&one, "to the first");
    raw.flush().await;
    assert_eq!(first.await.unwrap().unwrap().body, "to the first");
    assert_eq!(second.await.unwrap().unwrap().body, "to the second");
}

#[tokio::test(start_paused = true)]
async fn answers_to_nobody_are_ignored() {
    let (client, mut raw) = against_raw(4096, Echo::plain(), Default::default());
    let call = spawn_echo(&client.channel(), "asked");
    let request = raw.request().await;
    let mut unknown = request.clone();
    unknown.call_id = crate::wire::Text::new("not one of ours".into()).unwrap();
    raw.answer(&unknown, "to nobody");
    raw.answer(&request, "once");
    raw.answer(&request, "twice");
    raw.flush().await;
    assert_eq!(call.await.unwrap().unwrap().body, "once");
    let next = spawn_echo(&client.channel(), "next");
    let request = raw.request().await;
    raw.answer(&request, "still there");
    raw.flush().await;
    assert_eq!(next.await.unwrap().unwrap().body, "still there");
}

#[tokio::test(start_paused = true)]
async fn a_handlers_error_comes_verbatim() {
    let failing = Echo::new(|_| async { Err(Status::not_found("no such thing: 7")) });
    let (client, _server) = pair_on(V1, Services::new(), Services::new().add(failing));
    let error = echo(&client.channel(), "x").await.unwrap_err();
    assert_ran(&error, "no such thing: 7");
}

#[tokio::test(start_paused = true)]
async fn a_handlers_error_without_a_text_is_still_an_error() {
    let failing = Echo::new(|_| async { Err(Status::not_found("")) });
    let (client, _server) = pair_on(V1, Services::new(), Services::new().add(failing));
    let error = echo(&client.channel(), "x").await.unwrap_err();
    assert_ran(&error, "not_found");
}

#[tokio::test(start_paused = true)]
async fn a_side_without_services_answers_unimplemented() {
    let (client, _server) = pair_on(V1, Services::new(), Services::new());
    let error = echo(&client.channel(), "x").await.unwrap_err();
    assert_ran(
        &error,
        "unimplemented: no method \"Echo\": the callee has no services",
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_method_is_unimplemented() {
    let (client, _server) = pair_on(V1, Services::new(), Services::new().add(Echo::plain()));
    let call = Call::<Text>::unary(&client.channel(), &MISSING, &Text::new("x"));
    assert_ran(
        &call.await.unwrap_err(),
        "unimplemented: no method \"Missing\"",
    );
}

#[tokio::test(start_paused = true)]
async fn a_bare_name_that_services_share_is_unimplemented_and_names_both() {
    let both = Services::new()
        .add(Echo::plain())
        .add(Echo::plain().other());
    let (client, _server) = pair_on(V1, Services::new(), both);
    let error = echo(&client.channel(), "x").await.unwrap_err();
    assert_ran(
        &error,
        "unimplemented: the method name Echo is shared by test.Echo and test.Other, \
         so that version 1 cannot tell which is meant",
    );
}

/// The first field of [`Text`] with another type.
#[derive(Clone, PartialEq, prost::Message)]
struct Number {
    #[prost(uint64, tag = "1")]
    body: u64,
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_does_not_decode_is_an_invalid_argument() {
    let (client, _server) = pair_on(V1, Services::new(), Services::new().add(Echo::plain()));
    let channel = client.channel();
    let call = Call::<Text>::unary(&channel, &ECHO.methods()[0], &Number { body: 7 });
    let error = call.await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Ran);
    let expected = "invalid_argument: the payload is no request of test.Echo/Echo: ";
    assert!(error.message().starts_with(expected), "{error}");
    assert_eq!(echo(&channel, "next").await.unwrap().body, "next");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_decode_is_blamed_on_the_callee() {
    for version in BOTH {
        let (client, _server) =
            pair_on(version, Services::new(), Services::new().add(Echo::plain()));
        let call =
            Call::<Number>::unary(&client.channel(), &ECHO.methods()[0], &Text::new("seven"));
        let error = call.await.unwrap_err();
        assert_eq!(error.code(), Code::INTERNAL);
        assert_eq!(error.outcome(), Outcome::Ran);
        assert_eq!(error.blame(), Blame::Remote);
    }
}

#[tokio::test(start_paused = true)]
async fn empty_messages_are_messages() {
    for version in BOTH {
        let empty = Echo::new(|request| async move {
            assert_eq!(request.body, "");
            Ok(Response::default())
        });
        let (client, _server) = pair_on(version, Services::new(), Services::new().add(empty));
        assert_eq!(echo(&client.channel(), "").await.unwrap().body, "");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_go_out_under_the_callers_id_whatever_that_is() {
    let (_client, mut raw) = against_raw(4096, Echo::plain(), Default::default());
    for id in ["8d3a8a1c-1c3b-4c9a-9d6a-0a4b2d9c7e11", "7", &"ä".repeat(32)] {
        raw.call(id, "x");
        raw.flush().await;
        let response = raw.response().await;
        assert_eq!(response.call_id.as_str(), id);
        assert_eq!(&response.result.unwrap()[2..], b"x");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_nobody_knows_is_sent_back_in_part() {
    const NAME: &str = "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij";
    static LONG: MethodDescriptor = MethodDescriptor::unary("test.Echo", NAME);
    let (client, _server) = pair_on(V1, Services::new(), Services::new().add(Echo::plain()));
    let call = Call::<Text>::unary(&client.channel(), &LONG, &Text::new("x"));
    let error = call.await.unwrap_err();
    let shown = format!("unimplemented: no method {:?}…", &NAME[..64]);
    assert_eq!(error.message(), shown);
}
