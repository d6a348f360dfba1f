//! Who may connect to whom.

use std::time::Duration;

use integration::{behaviour, go::Go, keys::Who};
use tokio::sync::mpsc;
use wsrpc::{Blame, Client, Code, ConnectError, Outcome, PeerState, Server, SessionEnd, State};

use crate::support::{
    begin, client, end_of, failure, gnip, go_alice, next, rust_alice, serve, server, soon,
};

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_server_that_refuses_our_key_is_an_error_at_once() {
    let (_go, address) = Go::server(&[Who::Alice, Who::Bob]).await;
    let refused = soon("the refusal", client(Who::Charlie).connect(&address)).await;
    let error = refused.unwrap_err();
    let ConnectError::KeyRefused { key, endpoint } = &error else {
        panic!("{error}");
    };
    assert_eq!(*key, Who::Charlie.public());
    assert_eq!(*endpoint, address);
    assert!(error.to_string().contains(&key.to_string()), "{error}");
    assert!(error.to_string().contains("allow list"), "{error}");
    client(Who::Bob).connect(&address).await.unwrap();
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_client_that_we_refuse_does_not_connect_and_is_not_counted() {
    let (asked, mut was_asked) = mpsc::unbounded_channel();
    let builder = server(&[Who::Alice]).admit(move |key| {
        asked.send(*key).unwrap();
        false
    });
    let serving = serve(builder).await;
    let mut events = serving.peers.events();
    let limit = Duration::from_millis(500);
    let go = Go::blocking_client(Who::Charlie, &serving.address, limit).await;
    assert!(go.greeting.starts_with("failed "), "{}", go.greeting);
    assert_eq!(was_asked.recv().await, Some(Who::Charlie.public()));
    assert_eq!(serving.peers.count(), 0);
    // The first that there is to tell is of Alice.
    let (_go, _) = go_alice(&serving).await;
    let event = next(&mut events).await;
    assert_eq!(event.key, Who::Alice.public());
    assert_eq!(event.state, PeerState::Connected);
    assert_eq!(serving.peers.count(), 1);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_server_of_another_key_is_an_error_at_once() {
    let (_go, address) = Go::server(&[Who::Alice]).await;
    let builder = Client::builder(Who::Alice.secret(), Who::Bob.public());
    let refused = soon("the refusal", builder.connect(&address)).await;
    let error = refused.unwrap_err();
    let ConnectError::WrongServer { key, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*key, Who::Server.public());
    // For the time of an exchange of keys, both are fine.
    let builder = Client::builder(Who::Alice.secret(), Who::Bob.public());
    let builder = builder.accept_server_key(Who::Server.public());
    builder.connect(&address).await.unwrap();
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn a_go_client_does_not_connect_to_a_server_of_another_key() {
    let builder = Server::builder(Who::Bob.secret()).allow_any();
    let serving = serve(builder).await;
    let limit = Duration::from_millis(500);
    let go = Go::blocking_client(Who::Alice, &serving.address, limit).await;
    assert!(go.greeting.starts_with("failed "), "{}", go.greeting);
    assert_eq!(serving.peers.count(), 0);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn the_key_of_a_go_client_is_added_and_removed_while_we_serve() {
    let serving = serve(server(&[Who::Alice])).await;
    let mut events = serving.peers.events();
    let go = Go::client(Who::Charlie, &serving.address).await;
    go.tell("wait-state TRANSIENT_FAILURE 20000").await.unwrap();
    let list = serving.peers.allow_list();
    list.insert(Who::Charlie.public());
    let channel = serving.connected(Who::Charlie).await;
    go.ready().await;
    assert_eq!(go.tell("ping 20000 on").await.unwrap(), "pong:on");
    assert_eq!(behaviour::gnip(&channel, "on").await.unwrap(), "gnip:on");

    // Its own call never ends, ours at once.
    let call = channel.clone();
    let call = begin(async move { behaviour::gnip(&call, "sleep:60000").await }).await;
    assert_eq!(behaviour::gnip(&channel, "on").await.unwrap(), "gnip:on");
    let revocation = list.remove(&Who::Charlie.public());
    assert_eq!(serving.peers.count(), 0);
    let error = failure(call).await;
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Local);
    assert_eq!(soon("its tasks end", revocation.into_future()).await, 0);
    assert_eq!(end_of(&mut events, Who::Charlie).await, SessionEnd::Revoked);
    let error = behaviour::gnip(&channel, "late").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);

    // It dials again at once and is refused, until it is back on the list.
    go.tell("wait-state TRANSIENT_FAILURE 20000").await.unwrap();
    assert_eq!(serving.peers.count(), 0);
    list.insert(Who::Charlie.public());
    let channel = serving.connected(Who::Charlie).await;
    assert_eq!(behaviour::gnip(&channel, "on").await.unwrap(), "gnip:on");
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn our_key_is_added_and_removed_while_a_go_server_serves() {
    let (go, address) = Go::server(&[Who::Alice]).await;
    let client = client(Who::Charlie).connect_lazy(&address).unwrap();
    let mut states = client.watch_state();
    soon("the refusal", states.wait_for(State::TransientFailure)).await;
    let error = behaviour::ping(&client.channel(), "early").await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::NotSent);
    let key = Who::Charlie.public().to_string();
    assert!(error.message().contains(&key), "{error}");

    // A call that waits for ready goes through once the key is there.
    let patient = client.channel().wait_for_ready(true);
    let call = begin(async move { behaviour::ping(&patient, "patient").await }).await;
    go.allow(&[Who::Alice, Who::Charlie]).await;
    let answer = soon("a call that waits is made", call).await;
    assert_eq!(answer.unwrap().unwrap(), "pong:patient");
    go.wait_for_peers(1).await;
    let answer = gnip(&go, Who::Charlie, "hello").await.unwrap();
    assert_eq!(answer, "gnip:hello");

    let channel = client.channel();
    let call = begin(async move { behaviour::ping(&channel, "sleep:60000").await }).await;
    let channel = client.channel();
    assert_eq!(behaviour::ping(&channel, "on").await.unwrap(), "pong:on");
    go.allow(&[Who::Alice]).await;
    let error = failure(call).await;
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Remote);
    // We dial again and, without a ticket, do not get in. A pause before that is a transient failure too.
    let refused = async {
        while !client.last_error().is_some_and(|error| error.is_refusal()) {
            states.changed().await.unwrap();
        }
    };
    soon("the refusal", refused).await;
    go.allow(&[Who::Charlie]).await;
    soon("the client is back", client.ready()).await.unwrap();
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn who_stays_on_the_list_of_a_go_server_notices_nothing() {
    let (go, alice) = rust_alice().await;
    go.allow(&[Who::Alice, Who::Bob]).await;
    go.allow(&[Who::Alice]).await;
    let answer = behaviour::ping(&alice.channel(), "on").await.unwrap();
    assert_eq!(answer, "pong:on");
    assert_eq!(alice.state(), State::Ready);
}
