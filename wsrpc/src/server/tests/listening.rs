//! Addresses, handshakes and the health check.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    BindError, Client, ConnectError, SecretKey, Server, State,
    service::test_support::{Echo, Served, tasks, until},
};

#[tokio::test]
async fn several_listeners_lead_to_one_server() {
    let key = SecretKey::generate();
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::builder(key.clone())
        .allow_any()
        .listener(first)
        .listener(second)
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let addresses = server.local_addrs().unwrap();
    assert_eq!(addresses.len(), 3);
    assert_eq!(server.local_addr().unwrap(), addresses[0]);
    let server = Served::serve(key.public_key(), server);
    let mut clients = Vec::new();
    for address in addresses {
        let client = server.client(&SecretKey::generate());
        clients.push(client.connect(address.to_string()).await.unwrap());
    }
    until("all are there", || server.peers.count() == 3).await;
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let builder = || Server::builder(SecretKey::generate());
    let error = builder().bind(&*address).await.unwrap_err();
    let expected = format!("cannot listen on {address}: Address already in use");
    assert!(error.to_string().starts_with(&expected), "{error}");
    let socket = taken.local_addr().unwrap();
    let error = builder().bind(socket).await.unwrap_err();
    assert!(error.to_string().starts_with(&expected), "{error}");
    let health = builder().health_check(&address);
    let error = health.bind("127.0.0.1:0").await.unwrap_err();
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test]
async fn wrong_settings_are_told() {
    let builder = || Server::builder(SecretKey::generate());
    let error = builder().build().await.unwrap_err();
    assert!(matches!(error, BindError::NoListener), "{error}");
    let twice = builder()
        .add_service(Echo::plain())
        .add_service(Echo::plain());
    let error = twice.bind("127.0.0.1:0").await.unwrap_err();
    assert_eq!(error.to_string(), "the service test.Echo was added twice");
    let shared = builder()
        .strict_method_names(true)
        .add_service(Echo::plain())
        .add_service(Echo::plain().other());
    let error = shared.bind("127.0.0.1:0").await.unwrap_err();
    assert!(matches!(error, BindError::Service(_)), "{error}");
}

#[tokio::test]
async fn upgrades_are_accepted_at_any_path_or_at_the_one_that_is_set() {
    let anywhere = Served::start(|server| server.allow_any()).await;
    let somewhere = Served::start(|server| server.allow_any().path("/agents")).await;
    let connect = |server: &Served, path: &str| {
        let address = format!("wss://{}{path}", server.address);
        let client = server.client(&SecretKey::generate());
        client.connect_lazy(address).unwrap()
    };
    connect(&anywhere, "/what/ever").ready().await.unwrap();
    connect(&anywhere, "").ready().await.unwrap();
    connect(&somewhere, "/agents").ready().await.unwrap();
    let client = connect(&somewhere, "/elsewhere");
    let mut states = client.watch_state();
    states.wait_for(State::TransientFailure).await.unwrap();
    let error = client.last_error().unwrap();
    let ConnectError::Upgrade { status, reason, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*status, Some(404));
    let expected = "there is nothing at /elsewhere; this server is at /agents";
    assert!(reason.contains(expected), "{reason}");
}

#[tokio::test]
async fn a_client_that_sends_nothing_is_dropped_in_time() {
    let soon = Duration::from_millis(50);
    let server = Served::start(|server| server.handshake_timeout(soon)).await;
    let base = tasks();
    let mut silent = TcpStream::connect(&server.address).await.unwrap();
    silent.read_to_end(&mut Vec::new()).await.ok();
    until("its task has ended", || tasks() == base).await;
}

#[tokio::test]
async fn handshakes_over_the_limit_are_turned_away() {
    let server = Served::start(|server| server.allow_any().max_handshakes(2)).await;
    let base = tasks();
    let mut silent = Vec::new();
    for taken in 1..=2 {
        silent.push(TcpStream::connect(&server.address).await.unwrap());
        until("it is accepted", || tasks() == base + taken).await;
    }
    let mut third = TcpStream::connect(&server.address).await.unwrap();
    assert_eq!(third.read(&mut [0]).await.unwrap_or(0), 0);
    // Those that are done make room.
    drop(silent);
    until("there is room", || tasks() == base).await;
    let client = server.client(&SecretKey::generate());
    let _client = client.connect(&server.address).await.unwrap();
    let client = server.client(&SecretKey::generate());
    let _other = client.connect(&server.address).await.unwrap();
    // Sessions are no handshakes.
    let client = server.client(&SecretKey::generate());
    let _third = client.connect(&server.address).await.unwrap();
}

/// The status line and the text of an answer.
async fn ask(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().unwrap().to_owned();
    (status, text.trim().to_owned())
}

#[tokio::test]
async fn the_health_check_answers_over_plain_http() {
    let key = SecretKey::generate();
    let server = Server::builder(key.clone())
        .health_check("127.0.0.1:0")
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let health = server.health_addr().unwrap().to_string();
    let server = Served::serve(key.public_key(), server);
    for (request, status) in [
        ("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "200"),
        ("HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
        ("POST /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("nonsense\r\n\r\n", "400"),
        ("NONSENSE\r\n\r\n", "400"),
        ("GET /healthz?now=1 HTTP/1.0\r\n\r\n", "200"),
    ] {
        let (line, _) = ask(&health, request).await;
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{line}");
    }
    let (_, text) = ask(&health, "GET /healthz HTTP/1.1\r\n\r\n").await;
    assert_eq!(text, "ok");
    server.stop().await;
    assert!(TcpStream::connect(&health).await.is_err());
}

#[tokio::test]
async fn without_a_health_check_there_is_none() {
    let server = Server::builder(SecretKey::generate());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    assert_eq!(server.health_addr(), None);
}

#[tokio::test]
async fn a_bound_server_takes_connections_before_it_serves() {
    let key = SecretKey::generate();
    let server = Server::builder(key.clone()).allow_any();
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap().to_string();
    let client = Client::builder(SecretKey::generate(), key.public_key());
    let client = client.connect_lazy(address).unwrap();
    let _server = Served::serve(key.public_key(), server);
    client.ready().await.unwrap();
}
