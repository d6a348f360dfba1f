//! The rows of the server: listening, stopping, health, limits.

use std::time::Duration;

use integration::{
    behaviour::{gnip, ping},
    keys::Who,
    raw::{self, Key},
    scene::{Scene, settings, soon, until},
};
use tokio::{io::AsyncWriteExt, net::TcpListener, runtime::Handle, time::Instant};
use wsrpc::{Code, Outcome};

use super::{client, server};

/// `NewServer`, `WithCreds`, `Serve`: on an address, on listeners that are given, or on both.
#[tokio::test]
async fn a_server_serves_several_listeners() {
    let given = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let another = TcpListener::bind("[::1]:0").await;
    let mut builder = server().listener(given);
    let mut listeners = 2;
    // Not every machine has IPv6.
    if let Ok(another) = another {
        builder = builder.listener(another);
        listeners += 1;
    }
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    let addresses = server.local_addrs().unwrap();
    assert_eq!(addresses.len(), listeners);
    assert_eq!(server.local_addr().unwrap(), addresses[0]);
    tokio::spawn(server.serve());
    for address in addresses {
        assert_ne!(address.port(), 0);
        let client = soon(client(Who::Alice).connect(address.to_string()))
            .await
            .unwrap();
        assert_eq!(
            soon(ping(&client.channel(), "hi")).await.unwrap(),
            "pong:hi"
        );
        soon(client.close()).await;
    }
}

/// `Serve` with a listener alone.
#[tokio::test]
async fn a_server_serves_a_given_listener_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = server().listener(listener).build().await.unwrap();
    assert_eq!(server.local_addrs().unwrap(), [address]);
    tokio::spawn(server.serve());
    let client = soon(client(Who::Alice).connect(address.to_string()))
        .await
        .unwrap();
    soon(client.close()).await;
}

/// `Stop` cuts everything off; a graceful shutdown lets calls end.
#[tokio::test]
async fn a_graceful_shutdown_lets_running_calls_end_and_takes_no_new_ones() {
    let server = server().bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap().to_string();
    let handle = server.handle();
    let serving = tokio::spawn(server.serve());
    let client = soon(client(Who::Alice).connect(&address)).await.unwrap();
    let channel = client.channel();
    let running = tokio::spawn(async move { ping(&channel, "sleep:1000").await });
    soon(ping(&client.channel(), "it has arrived"))
        .await
        .unwrap();
    let began = Instant::now();
    let stopping = tokio::spawn(async move { handle.shutdown(Duration::from_secs(60)).await });
    until(|| std::net::TcpStream::connect(&address).is_err()).await;
    let refused = soon(ping(&client.channel(), "late")).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.outcome()),
        (Code::UNAVAILABLE, Outcome::NotSent)
    );
    assert_eq!(soon(running).await.unwrap().unwrap(), "slept");
    soon(stopping).await.unwrap();
    soon(serving).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
}

/// `Stop`.
#[tokio::test]
async fn an_immediate_shutdown_ends_everything_at_once() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let server = server().bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap().to_string();
    let handle = server.handle();
    let serving = tokio::spawn(server.serve());
    let client = soon(client(Who::Alice).connect(&address)).await.unwrap();
    let channel = client.channel();
    let running = tokio::spawn(async move { ping(&channel, "sleep:60000").await });
    soon(ping(&client.channel(), "it has arrived"))
        .await
        .unwrap();
    soon(handle.shutdown(Duration::ZERO)).await;
    soon(serving).await.unwrap();
    let error = soon(running).await.unwrap().unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::UNAVAILABLE, Outcome::Unknown)
    );
    assert!(error.message().contains("shutting down"), "{error}");
    soon(client.close()).await;
    until(|| tasks() <= before).await;
    // The port is free again.
    TcpListener::bind(&address).await.unwrap();
}

/// What `Stop` in a `defer` does: dropping `serve` ends it all.
#[tokio::test]
async fn dropping_serve_stops_at_once() {
    let server = server().bind("127.0.0.1:0").await.unwrap();
    let (address, peers) = (server.local_addr().unwrap().to_string(), server.peers());
    let serving = tokio::spawn(server.serve());
    let client = soon(client(Who::Alice).connect(&address)).await.unwrap();
    soon(peers.connected(Who::Alice.public())).await;
    serving.abort();
    until(|| client.state() != wsrpc::State::Ready).await;
    assert_eq!(peers.count(), 0);
    let error = soon(gnip(&peers.channel(Who::Alice.public()), "hi"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::UNAVAILABLE, Outcome::NotSent)
    );
}

/// `WithHealthcheck`.
#[tokio::test]
async fn the_health_check_answers_on_an_address_of_its_own() {
    let server = server()
        .health_check("127.0.0.1:0")
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let health = server.health_addr().unwrap();
    assert_ne!(health, server.local_addr().unwrap());
    let handle = server.handle();
    let serving = tokio::spawn(server.serve());
    for (request, status, text) in [
        ("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200, "ok\n"),
        (
            "POST /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
            405,
            "only GET and HEAD are answered\n",
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            404,
            "the health check is at /healthz\n",
        ),
        ("nonsense\r\n\r\n", 400, "not an HTTP/1.1 request\n"),
    ] {
        let answer = soon(raw::http(&mut raw::tcp(health).await, request)).await;
        assert_eq!((answer.status, &*answer.text), (status, text));
    }
    let head = raw::http(
        &mut raw::tcp(health).await,
        "HEAD /healthz HTTP/1.1\r\n\r\n",
    )
    .await;
    assert_eq!(head.status, 200);
    // One that asks for nothing keeps nobody waiting.
    let mut silent = raw::tcp(health).await;
    silent.write_all(b"GET /he").await.unwrap();
    let mut another = raw::tcp(health).await;
    let answer = raw::http(&mut another, "GET /healthz HTTP/1.1\r\n\r\n");
    assert_eq!(soon(answer).await.status, 200);
    soon(handle.shutdown(Duration::ZERO)).await;
    soon(serving).await.unwrap();
    tokio::net::TcpStream::connect(health).await.unwrap_err();
}

/// `WithHTTPReadTimeout`, `WithWSReadLimit`, `WithWriteBufferSize`, `WithReadBufferSize`.
#[tokio::test]
async fn the_servers_limits_are_settings() {
    let session = settings()
        .max_recv_message_size(1000)
        .max_send_message_size(2000)
        .max_unsent_bytes(10_000)
        .max_queued_bytes(10_000);
    let limit = Duration::from_millis(500);
    let scene = Scene::with(|server| server.session(session).handshake_timeout(limit)).await;
    let mut slow = raw::tls(scene.address, &Key::new()).await;
    soon(raw::end_of(&mut slow)).await.ok();
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    peer.send_binary(vec![0; 1001]).await;
    assert_eq!(soon(peer.close_frame()).await.0, 1009);
    scene.finish().await;
}
