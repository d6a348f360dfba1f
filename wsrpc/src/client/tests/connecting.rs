//! How a client connects, and when it gives up.

use std::time::{Duration, Instant};

use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::{
    Client, ClientBuilder, Code, ConnectError, Outcome, SecretKey, Server, State,
    service::test_support::{Echo, Served, echo, hasty, spawn_echo, tasks, until},
};

const SOON: Duration = Duration::from_millis(300);

/// A client of a key that nobody knows, for a server that may not exist.
fn stranger() -> ClientBuilder {
    let server = SecretKey::generate().public_key();
    Client::builder(SecretKey::generate(), server).reconnect(hasty())
}

/// Where nobody listens.
fn deserted() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_client_and_a_server_call_each_other() {
    let key = SecretKey::generate();
    let alice = key.public_key();
    let server = Served::start(|server| server.allow([alice]).add_service(Echo::plain())).await;
    let client = server.client(&key).add_service(Echo::plain());
    let client = client.connect(&server.address).await.unwrap();
    assert_eq!(client.state(), State::Ready);
    assert_eq!(client.public_key(), alice);
    assert!(client.last_error().is_none());
    assert_eq!(echo(&client.channel(), "up").await.unwrap().body, "up");
    let back = server.peers.channel(alice);
    assert_eq!(echo(&back, "down").await.unwrap().body, "down");
}

#[tokio::test]
async fn an_address_that_cannot_be_reached_is_tried_until_the_deadline() {
    let address = deserted();
    let began = Instant::now();
    let error = stranger()
        .connect_timeout(SOON)
        .connect(&address)
        .await
        .unwrap_err();
    assert!(began.elapsed() >= SOON);
    let ConnectError::Timeout { after, last } = &error else {
        panic!("{error}");
    };
    assert_eq!(*after, SOON);
    assert!(matches!(
        last.as_deref(),
        Some(ConnectError::Unreachable { .. })
    ));
    let text = error.to_string();
    let expected = format!(
        "not connected within 300ms; the last attempt: cannot reach {address}: Connection refused"
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_waited_for_until_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let connecting = stranger().connect_timeout(SOON).connect(&address);
    let error = connecting.await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "not connected within 300ms; no attempt was finished"
    );
}

#[tokio::test]
async fn an_attempt_has_a_limit_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let client = stranger().handshake_timeout(Duration::from_millis(50));
    let client = client.connect_lazy(&address).unwrap();
    let mut states = client.watch_state();
    states.wait_for(State::TransientFailure).await.unwrap();
    let error = client.last_error().unwrap();
    assert!(
        matches!(error, ConnectError::HandshakeTimeout { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_no_server_of_ours_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .ok();
        }
    });
    let client = stranger().connect_lazy(&address).unwrap();
    let mut states = client.watch_state();
    states.wait_for(State::TransientFailure).await.unwrap();
    let error = client.last_error().unwrap();
    assert!(matches!(error, ConnectError::Tls { .. }), "{error}");
}

#[tokio::test]
async fn wrong_settings_are_told_at_once() {
    let error = stranger().connect_lazy("http://example.com").unwrap_err();
    assert!(matches!(error, ConnectError::Endpoint(_)), "{error}");
    let twice = stranger()
        .add_service(Echo::plain())
        .add_service(Echo::plain());
    let error = twice.connect("127.0.0.1:1").await.unwrap_err();
    assert_eq!(error.to_string(), "the service test.Echo was added twice");
    let shared = stranger()
        .strict_method_names(true)
        .add_service(Echo::plain())
        .add_service(Echo::plain().other());
    let error = shared.connect_lazy("127.0.0.1:1").unwrap_err();
    assert!(matches!(error, ConnectError::Service(_)), "{error}");
}

#[tokio::test]
async fn a_refused_key_ends_connecting_at_once() {
    let server = Served::start(|server| server).await;
    let key = SecretKey::generate();
    let error = server
        .client(&key)
        .connect(&server.address)
        .await
        .unwrap_err();
    assert!(error.is_refusal());
    let expected = format!(
        "the server at {} refused the key {}: have it added to the server's allow list",
        server.address,
        key.public_key()
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_lazy_client_gets_in_once_its_key_is_allowed() {
    let server = Served::start(|server| server.add_service(Echo::plain())).await;
    let key = SecretKey::generate();
    let client = server.client(&key).connect_lazy(&server.address).unwrap();
    let mut states = client.watch_state();
    states.wait_for(State::TransientFailure).await.unwrap();
    let error = client.last_error().unwrap();
    assert!(matches!(error, ConnectError::KeyRefused { .. }), "{error}");
    let patient = spawn_echo(&client.channel().wait_for_ready(true), "patient");
    server.peers.allow_list().insert(key.public_key());
    client.ready().await.unwrap();
    assert_eq!(patient.await.unwrap().unwrap().body, "patient");
}

#[tokio::test]
async fn a_server_of_another_key_is_refused() {
    let key = SecretKey::generate();
    let server = Served::start(|server| server.allow([key.public_key()])).await;
    let client = Client::builder(key, SecretKey::generate().public_key());
    let error = client.connect(&server.address).await.unwrap_err();
    assert!(error.is_refusal());
    let ConnectError::WrongServer { key, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(key, server.key);
}

#[tokio::test]
async fn a_second_server_key_can_be_accepted() {
    let key = SecretKey::generate();
    let server = Served::start(|server| server.allow([key.public_key()])).await;
    let client = Client::builder(key, SecretKey::generate().public_key());
    let client = client.accept_server_key(server.key);
    client.connect(&server.address).await.unwrap();
}

#[tokio::test]
async fn a_connect_that_is_dropped_stops_dialling() {
    let base = tasks();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let connecting = tokio::spawn(stranger().connect(address));
    let (mut stream, _) = listener.accept().await.unwrap();
    connecting.abort();
    // The attempt under way is given up, and its task ends.
    stream.read_to_end(&mut Vec::new()).await.ok();
    until("the tasks have ended", || tasks() == base).await;
}

#[tokio::test]
async fn calls_wait_while_the_client_connects() {
    let key = SecretKey::generate();
    let server_key = SecretKey::generate();
    // The backlog takes the connection, and nobody answers it yet.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let client = Client::builder(key.clone(), server_key.public_key());
    let client = client.connect_lazy(&address).unwrap();
    assert_eq!(client.state(), State::Connecting);
    let hasty = echo(&client.channel(), "hasty").timeout(Duration::from_millis(20));
    let error = hasty.await.unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::NotSent);
    let call = spawn_echo(&client.channel(), "waited");
    let server = Server::builder(server_key.clone())
        .allow([key.public_key()])
        .add_service(Echo::plain())
        .listener(listener)
        .build()
        .await
        .unwrap();
    let _server = Served::serve(server_key.public_key(), server);
    assert_eq!(call.await.unwrap().unwrap().body, "waited");
}

#[tokio::test]
async fn calls_fail_at_once_in_transient_failure() {
    // One attempt, and then a long pause.
    let hour = Duration::from_secs(3600);
    let rare = crate::ReconnectConfig::default().base(hour).cap(hour);
    let client = stranger().reconnect(rare).connect_lazy(deserted()).unwrap();
    let mut states = client.watch_state();
    states.wait_for(State::TransientFailure).await.unwrap();
    let error = echo(&client.channel(), "x").await.unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert!(
        error.message().starts_with("not connected: cannot reach"),
        "{error}"
    );
    let patient = client.channel().wait_for_ready(true);
    let error = echo(&patient, "x").timeout(SOON).await.unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(error.outcome(), Outcome::NotSent);
}
