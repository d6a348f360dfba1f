//! What has to hold whichever side is written in Go: every test is there for both roles.

use std::time::Duration;

use integration::{behaviour, keys::Who};
use wsrpc::{Blame, CallError, Code, Outcome};

use crate::support::{gnip, go_alice, rust_alice, serve, server, soon};

/// The error of a Go handler.
fn assert_is_of_a_handler(error: &CallError, text: &str) {
    assert_eq!(error.code(), Code::UNKNOWN);
    assert_eq!(error.message(), text);
    assert_eq!(error.outcome(), Outcome::Ran);
    assert_eq!(error.blame(), Blame::Remote);
}

const TEXTS: [&str; 4] = [
    "no such thing",
    "unimplemented: said by the handler itself",
    "\u{fc}ber: \u{1f980}",
    " spaces ",
];

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_client_calls_and_is_called() {
    let serving = serve(server(&[Who::Alice])).await;
    let (go, channel) = go_alice(&serving).await;
    assert_eq!(go.tell("ping 20000 hello").await.unwrap(), "pong:hello");
    assert_eq!(go.tell("ping 20000 ").await.unwrap(), "pong:");
    let answer = behaviour::gnip(&channel, "hello").await.unwrap();
    assert_eq!(answer, "gnip:hello");
    assert_eq!(behaviour::gnip(&channel, "").await.unwrap(), "gnip:");
    assert_eq!(behaviour::gnip(&channel, "size:0").await.unwrap(), "");
    assert_eq!(serving.peers.list(), [Who::Alice.public()]);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_server_is_called_and_calls() {
    let (go, client) = rust_alice().await;
    let channel = client.channel();
    let answer = behaviour::ping(&channel, "hello").await.unwrap();
    assert_eq!(answer, "pong:hello");
    assert_eq!(behaviour::ping(&channel, "").await.unwrap(), "pong:");
    assert_eq!(behaviour::ping(&channel, "size:0").await.unwrap(), "");
    assert_eq!(gnip(&go, Who::Alice, "hello").await.unwrap(), "gnip:hello");
    assert_eq!(gnip(&go, Who::Alice, "").await.unwrap(), "gnip:");
    let key = Who::Alice.public().to_string();
    assert_eq!(go.tell("peers").await.unwrap(), key);
}

// Go takes no call whose id is not a UUID of version 4, and answers by it: these hold only if ours are, and differ.

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_thousand_calls_each_way_at_once_with_a_go_client() {
    let serving = serve(server(&[Who::Alice])).await;
    let (go, channel) = go_alice(&serving).await;
    let theirs = go.tell("ping-many 60000 1000 ping");
    let calls = (0..1000).map(|i| {
        let channel = channel.clone();
        tokio::spawn(async move { behaviour::gnip(&channel, i.to_string()).await })
    });
    let ours = answers(calls.collect());
    let (theirs, ours) = tokio::join!(theirs, ours);
    assert_eq!(theirs.unwrap(), "1000");
    for (i, answer) in ours.into_iter().enumerate() {
        assert_eq!(answer, format!("gnip:{i}"));
    }
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_thousand_calls_each_way_at_once_with_a_go_server() {
    let (go, client) = rust_alice().await;
    let channel = client.channel();
    let theirs = go.tell(format!("gnip-many {} 60000 1000 gnip", Who::Alice.public()));
    let calls = (0..1000).map(|i| {
        let channel = channel.clone();
        tokio::spawn(async move { behaviour::ping(&channel, i.to_string()).await })
    });
    let ours = answers(calls.collect());
    let (theirs, ours) = tokio::join!(theirs, ours);
    assert_eq!(theirs.unwrap(), "1000");
    for (i, answer) in ours.into_iter().enumerate() {
        assert_eq!(answer, format!("pong:{i}"));
    }
}

async fn answers(calls: Vec<crate::support::Pending>) -> Vec<String> {
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap().unwrap());
    }
    answers
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn errors_of_handlers_pass_verbatim_between_a_go_client_and_us() {
    let serving = serve(server(&[Who::Alice])).await;
    let (go, channel) = go_alice(&serving).await;
    for text in TEXTS {
        let ours = behaviour::gnip(&channel, format!("error:{text}")).await;
        assert_is_of_a_handler(&ours.unwrap_err(), text);
        let theirs = go.tell(format!("ping 20000 error:{text}")).await;
        assert_eq!(theirs.unwrap_err(), text);
    }
    // Go would take an error without a text for success.
    assert_eq!(go.tell("ping 20000 error:").await.unwrap_err(), "internal");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn errors_of_handlers_pass_verbatim_between_a_go_server_and_us() {
    let (go, client) = rust_alice().await;
    for text in TEXTS {
        let ours = behaviour::ping(&client.channel(), format!("error:{text}")).await;
        assert_is_of_a_handler(&ours.unwrap_err(), text);
        let theirs = gnip(&go, Who::Alice, &format!("error:{text}")).await;
        assert_eq!(theirs.unwrap_err(), text);
    }
    let theirs = gnip(&go, Who::Alice, "error:").await;
    assert_eq!(theirs.unwrap_err(), "internal");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_client_and_we_call_inside_a_call() {
    let serving = serve(server(&[Who::Alice])).await;
    let (go, channel) = go_alice(&serving).await;
    let ours = behaviour::gnip(&channel, "back").await.unwrap();
    assert_eq!(ours, "pong:from-gnip");
    let theirs = go.tell("ping 20000 back").await.unwrap();
    assert_eq!(theirs, "gnip:from-ping");
    let nested = (0..50).map(|_| {
        let channel = channel.clone();
        tokio::spawn(async move { behaviour::gnip(&channel, "back").await })
    });
    for answer in answers(nested.collect()).await {
        assert_eq!(answer, "pong:from-gnip");
    }
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_server_and_we_call_inside_a_call() {
    let (go, client) = rust_alice().await;
    let channel = client.channel();
    let ours = behaviour::ping(&channel, "back").await.unwrap();
    assert_eq!(ours, "gnip:from-ping");
    let theirs = gnip(&go, Who::Alice, "back").await.unwrap();
    assert_eq!(theirs, "pong:from-gnip");
    let nested = (0..50).map(|_| {
        let channel = channel.clone();
        tokio::spawn(async move { behaviour::ping(&channel, "back").await })
    });
    for answer in answers(nested.collect()).await {
        assert_eq!(answer, "gnip:from-ping");
    }
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn answers_of_a_go_client_and_ours_come_in_any_order() {
    let serving = serve(server(&[Who::Alice])).await;
    let (go, channel) = go_alice(&serving).await;
    let slow = crate::support::begin(async move {
        let slow = behaviour::gnip(&channel, "sleep:30000");
        let fast = behaviour::gnip(&channel, "fast");
        tokio::select! {
            slow = slow => slow,
            fast = fast => fast,
        }
    });
    let fast = soon("a fast call passes a slow one", slow.await).await;
    assert_eq!(fast.unwrap().unwrap(), "gnip:fast");
    // The slow one is waited for by nobody; the process ends before it does.
    let theirs = tokio::select! {
        slow = go.tell("ping 20000 sleep:15000") => slow,
        fast = go.tell("ping 20000 fast") => fast,
    };
    assert_eq!(theirs.unwrap(), "pong:fast");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn nine_mebibytes_pass_between_a_go_client_and_us() {
    const SIZE: usize = 9 * 1024 * 1024;
    let serving = serve(server(&[Who::Alice])).await;
    let (go, channel) = go_alice(&serving).await;
    let limit = Duration::from_secs(60);
    let channel = channel.timeout(limit);
    // Requests, then answers.
    let length = behaviour::gnip(&channel, body_of(SIZE)).await.unwrap();
    assert_eq!(length, SIZE.to_string());
    let length = go.tell(format!("ping-size 60000 {SIZE}")).await.unwrap();
    assert_eq!(length, SIZE.to_string());
    let answer = behaviour::gnip(&channel, format!("size:{SIZE}")).await;
    assert_eq!(answer.unwrap().len(), SIZE);
    let answer = go.tell(format!("ping 60000 size:{SIZE}")).await.unwrap();
    assert_eq!(answer.len(), SIZE);
    // A Go client takes more than that.
    let length = behaviour::gnip(&channel, body_of(3 * SIZE)).await.unwrap();
    assert_eq!(length, (3 * SIZE).to_string());
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn nine_mebibytes_pass_between_a_go_server_and_us() {
    const SIZE: usize = 9 * 1024 * 1024;
    let (go, client) = rust_alice().await;
    let channel = client.channel().timeout(Duration::from_secs(60));
    let length = behaviour::ping(&channel, body_of(SIZE)).await.unwrap();
    assert_eq!(length, SIZE.to_string());
    let alice = Who::Alice.public();
    let length = go.tell(format!("gnip-size {alice} 60000 {SIZE}")).await;
    assert_eq!(length.unwrap(), SIZE.to_string());
    let answer = behaviour::ping(&channel, format!("size:{SIZE}")).await;
    assert_eq!(answer.unwrap().len(), SIZE);
    let answer = go.tell(format!("gnip {alice} 60000 size:{SIZE}")).await;
    assert_eq!(answer.unwrap().len(), SIZE);
    // We take more than that from a server.
    let size = 3 * SIZE;
    let length = go.tell(format!("gnip-size {alice} 60000 {size}")).await;
    assert_eq!(length.unwrap(), size.to_string());
}

/// A body of so many bytes that is answered by its length.
pub(crate) fn body_of(size: usize) -> String {
    let mut body = String::from("len:");
    body.extend(std::iter::repeat_n('x', size - body.len()));
    body
}
