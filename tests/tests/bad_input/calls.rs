//! Frames that are right, and calls that are not.

use bytes::Bytes;
use integration::{
    behaviour::gnip,
    ping::{GnipResponse, PingRequest, PingResponse},
    raw::{self, Exchange, Key, Response},
    scene::{Scene, end_of, soon},
};
use prost::Message as _;
use wsrpc::{Blame, Code, Outcome, SessionEnd};

const PROTOCOL: u16 = 1002;

/// A call id as a Go peer makes it.
const UUID: &str = "2f1b7b0e-3a1c-4c5d-8e9f-001122334455";

fn ping(body: &str) -> Bytes {
    PingRequest { body: body.into() }.encode_to_vec().into()
}

fn text_of(response: &Response) -> String {
    PingResponse::decode(response.payload.clone()).unwrap().body
}

#[tokio::test]
async fn a_duplicate_call_id_ends_the_session() {
    let scene = Scene::new().await;
    let mut offender = raw::connect(scene.address, &Key::new()).await;
    offender
        .send_request("Ping", UUID, ping("sleep:60000"))
        .await;
    offender.send_request("Ping", UUID, ping("again")).await;
    let (code, text) = soon(offender.close_frame()).await;
    assert_eq!(code, PROTOCOL);
    assert!(text.contains(UUID) && text.contains("is in use"), "{text}");
    scene.finish().await;
}

#[tokio::test]
async fn a_call_id_may_be_used_again_once_it_was_answered() {
    let scene = Scene::new().await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    for body in ["one", "two"] {
        peer.send_request("Ping", UUID, ping(body)).await;
        let answer = soon(peer.next_response()).await;
        assert_eq!(
            (answer.call_id.as_str(), text_of(&answer)),
            (UUID, format!("pong:{body}"))
        );
    }
    scene.finish().await;
}

#[tokio::test]
async fn a_call_id_of_no_length_or_too_long_ends_the_session() {
    let scene = Scene::new().await;
    for (call_id, length) in [("", "0"), (&*"x".repeat(65), "65")] {
        let mut offender = raw::connect(scene.address, &Key::new()).await;
        offender.send_request("Ping", call_id, ping("hello")).await;
        let (code, text) = soon(offender.close_frame()).await;
        assert_eq!(code, PROTOCOL);
        assert!(text.contains("a call id has 1 to 64 bytes"), "{text}");
        assert!(text.ends_with(length), "{text}");
    }
    scene.finish().await;
}

#[tokio::test]
async fn any_other_call_id_comes_back_as_it_went() {
    let scene = Scene::new().await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    for call_id in ["1", "\u{1f980}", "not a uuid", "\n", &*"x".repeat(64)] {
        peer.send_request("Ping", call_id, ping("hello")).await;
        let answer = soon(peer.next_response()).await;
        assert_eq!((&*answer.call_id, &*answer.error), (call_id, ""));
    }
    scene.finish().await;
}

#[tokio::test]
async fn a_method_with_no_service_is_answered() {
    let scene = Scene::new().await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    for (method, name) in [
        ("Gnip", "\"Gnip\"".to_owned()),
        ("", "\"\"".into()),
        ("ping.Ping/Ping", "\"ping.Ping/Ping\"".into()),
        ("\u{0}\"", "\"\\0\\\"\"".into()),
    ] {
        peer.send_request(method, UUID, ping("hello")).await;
        let answer = soon(peer.next_response()).await;
        assert_eq!(answer.error, format!("unimplemented: no method {name}"));
        assert_eq!((answer.call_id.as_str(), answer.payload.len()), (UUID, 0));
    }
    // A name of a megabyte is answered too, whatever the answer says.
    peer.send_request(&"m".repeat(1 << 20), UUID, ping(""))
        .await;
    assert!(
        soon(peer.next_response())
            .await
            .error
            .starts_with("unimplemented: ")
    );
    scene.finish().await;
}

#[tokio::test]
async fn a_payload_that_does_not_decode_is_answered() {
    let scene = Scene::new().await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    for payload in [&b"\xff"[..], b"\x0a\x05ab", b"\x0a\x01\xff", b"\x08\x01"] {
        peer.send_request("Ping", UUID, payload.to_vec()).await;
        let answer = soon(peer.next_response()).await;
        let expected = "invalid_argument: the payload is no request of ping.Ping/Ping: ";
        assert!(answer.error.starts_with(expected), "{}", answer.error);
    }
    peer.send_request("Ping", UUID, ping("and now")).await;
    assert_eq!(text_of(&soon(peer.next_response()).await), "pong:and now");
    scene.finish().await;
}

#[tokio::test]
async fn answers_to_calls_that_nobody_made_are_ignored() {
    let scene = Scene::new().await;
    let mut offender = raw::connect(scene.address, &Key::new()).await;
    for call_id in [
        "",
        "1",
        UUID,
        &*"f".repeat(36),
        &*"x".repeat(100_000),
        "\u{1f980}",
    ] {
        offender.send_response(call_id, "whatever").await;
    }
    offender
        .send_request("Ping", UUID, ping("still there?"))
        .await;
    assert_eq!(
        text_of(&soon(offender.next_response()).await),
        "pong:still there?"
    );
    scene.finish().await;
}

#[tokio::test]
async fn a_guessed_call_id_answers_no_call() {
    let scene = Scene::new().await;
    let key = Key::new();
    let mut offender = raw::connect(scene.address, &key).await;
    let channel = scene.peers.channel(key.public());
    soon(scene.peers.connected(key.public())).await;
    let call = tokio::spawn(async move { gnip(&channel, "hello").await });
    let request = soon(offender.next_request()).await;
    // Each id differs from the right one in one digit.
    for at in 0..request.call_id.len() {
        let mut wrong = request.call_id.clone().into_bytes();
        wrong[at] = if wrong[at] == b'0' { b'1' } else { b'0' };
        offender
            .send_response(&String::from_utf8(wrong).unwrap(), gnip_answer("wrong"))
            .await;
    }
    offender
        .send_response(&request.call_id, gnip_answer("right"))
        .await;
    assert_eq!(soon(call).await.unwrap().unwrap(), "right");
    scene.finish().await;
}

fn gnip_answer(body: &str) -> Bytes {
    GnipResponse { body: body.into() }.encode_to_vec().into()
}

#[tokio::test]
async fn of_two_answers_to_one_call_the_first_counts() {
    let scene = Scene::new().await;
    let key = Key::new();
    let mut offender = raw::connect(scene.address, &key).await;
    let channel = scene.peers.channel(key.public());
    soon(scene.peers.connected(key.public())).await;
    let mut earlier: Option<String> = None;
    for body in ["one", "two", "three"] {
        let channel = channel.clone();
        let call = tokio::spawn(async move { gnip(&channel, "hello").await });
        let request = soon(offender.next_request()).await;
        // The slot of the earlier call is used again: its late answer must not be taken for this call's.
        if let Some(earlier) = earlier.replace(request.call_id.clone()) {
            offender.send_response(&earlier, gnip_answer("late")).await;
        }
        offender
            .send_response(&request.call_id, gnip_answer(body))
            .await;
        offender
            .send_response(&request.call_id, gnip_answer("second"))
            .await;
        assert_eq!(soon(call).await.unwrap().unwrap(), body);
    }
    scene.finish().await;
}

#[tokio::test]
async fn an_answer_that_does_not_decode_fails_its_call_and_nothing_else() {
    let scene = Scene::new().await;
    let key = Key::new();
    let mut offender = raw::connect(scene.address, &key).await;
    let channel = scene.peers.channel(key.public());
    soon(scene.peers.connected(key.public())).await;
    let call = tokio::spawn({
        let channel = channel.clone();
        async move { gnip(&channel, "hello").await }
    });
    let request = soon(offender.next_request()).await;
    offender.send_response(&request.call_id, "\u{7f}").await;
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::INTERNAL);
    assert_eq!(
        (error.outcome(), error.blame()),
        (Outcome::Ran, Blame::Remote)
    );
    assert!(
        error.message().contains("no response of ping.Gnip/Gnip"),
        "{error}"
    );
    let call = tokio::spawn(async move { gnip(&channel, "again").await });
    let request = soon(offender.next_request()).await;
    offender
        .send_response(&request.call_id, gnip_answer("fine"))
        .await;
    assert_eq!(soon(call).await.unwrap().unwrap(), "fine");
    scene.finish().await;
}

#[tokio::test]
async fn a_failure_with_a_payload_is_a_failure() {
    let scene = Scene::new().await;
    let key = Key::new();
    let mut peer = raw::connect(scene.address, &key).await;
    let channel = scene.peers.channel(key.public());
    soon(scene.peers.connected(key.public())).await;
    let call = tokio::spawn(async move { gnip(&channel, "hello").await });
    let request = soon(peer.next_request()).await;
    peer.send_binary(raw::frame(Exchange::Response(Response {
        call_id: request.call_id,
        payload: gnip_answer("and yet"),
        error: "no".into(),
    })))
    .await;
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::UNKNOWN, "no"));
    assert_eq!(error.outcome(), Outcome::Ran);
    scene.finish().await;
}

#[tokio::test]
async fn calls_that_are_pending_when_the_peer_breaks_the_protocol_fail_at_once() {
    let scene = Scene::new().await;
    let key = Key::new();
    let mut events = scene.peers.events();
    let mut offender = raw::connect(scene.address, &key).await;
    let channel = scene.peers.channel(key.public());
    soon(scene.peers.connected(key.public())).await;
    let call = tokio::spawn(async move { gnip(&channel, "hello").await });
    soon(offender.next_request()).await;
    offender.send_binary("garbage").await;
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(
        (error.outcome(), error.blame()),
        (Outcome::Unknown, Blame::Remote)
    );
    let end = end_of(&mut events, key.public()).await;
    assert!(matches!(end, SessionEnd::Protocol(_)), "{end}");
    scene.finish().await;
}
