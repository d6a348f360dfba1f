//! A client of ours, and servers that are no servers of ours.

use std::time::Duration;

use integration::{
    behaviour::ping,
    keys::Who,
    raw::{Certificates, Key, Listener},
    scene::soon,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};
use wsrpc::{Blame, Client, ClientBuilder, Code, ConnectError, ReconnectConfig, State};

fn builder(server: &Key) -> ClientBuilder {
    Client::builder(Who::Alice.secret(), server.public())
}

/// How a client fails to connect to a server that treats its connections so.
async fn failure_with<F: Future<Output = ()>>(
    key: &Key,
    treat: impl FnOnce(Listener) -> F,
) -> ConnectError {
    failure_of(builder(key), treat).await
}

async fn failure_of<F: Future<Output = ()>>(
    client: ClientBuilder,
    treat: impl FnOnce(Listener) -> F,
) -> ConnectError {
    let listener = Listener::bind().await;
    let client = client.connect_lazy(listener.address()).unwrap();
    let mut states = client.watch_state();
    tokio::select! {
        failed = soon(states.wait_for(State::TransientFailure)) => failed.unwrap(),
        () = treat(listener) => panic!("the server ended"),
    }
    client.last_error().unwrap()
}

#[tokio::test]
async fn a_server_in_plain_text_is_named_as_such() {
    let key = Key::new();
    for greeting in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "220 mail.example ESMTP\r\n",
    ] {
        let error = failure_with(&key, |listener| async move {
            loop {
                let mut stream = listener.tcp().await;
                stream.write_all(greeting.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
                let mut scratch = Vec::new();
                stream.read_to_end(&mut scratch).await.ok();
            }
        })
        .await;
        assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains("does not speak TLS"), "{error}");
    }
}

#[tokio::test]
async fn an_ordinary_https_server_is_named_as_such() {
    for certificate in [Key::rsa(), Key::ecdsa()] {
        let key = Key::new();
        let certificate = &certificate;
        let error = failure_with(&key, |listener| async move {
            loop {
                listener.tls(Certificates::One(certificate)).await.ok();
            }
        })
        .await;
        assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("ed25519"), "{text}");
    }
}

#[tokio::test]
async fn a_server_with_another_key_is_refused_at_once() {
    let (expected, other) = (Key::new(), Key::new());
    let listener = Listener::bind().await;
    let address = listener.address();
    let shown = other.public();
    let server =
        tokio::spawn(async move { listener.tls(Certificates::One(&other)).await.map(drop) });
    let client = builder(&expected).connect_timeout(Duration::from_secs(60));
    let error = soon(client.connect(address)).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::WrongServer { key, .. } if *key == shown),
        "{error}"
    );
    assert!(error.is_refusal());
    // The server is told too.
    soon(server).await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_server_with_two_certificates_or_a_stolen_one_is_not_trusted() {
    let (key, other) = (Key::new(), Key::new());
    for (certificates, what) in [
        (Certificates::Twice(&key), "2 certificates"),
        (Certificates::Stolen(&key, &other), "not of that key"),
    ] {
        let error = failure_with(&key, |listener| async move {
            loop {
                listener.tls(certificates).await.unwrap_err();
            }
        })
        .await;
        assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let hasty = builder(&Key::new()).handshake_timeout(Duration::from_millis(200));
    let error = failure_of(hasty, |listener| async move {
        let mut kept = Vec::new();
        loop {
            kept.push(listener.tcp().await);
        }
    })
    .await;
    assert!(
        matches!(error, ConnectError::HandshakeTimeout { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_answer_that_is_no_upgrade_is_told_with_its_text() {
    for (answer, status, text) in [
        (
            "HTTP/1.1 200 OK\r\n\r\n",
            200,
            "still has a connection of this key",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            200,
            "HTTP 200: hello",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\ngo away\r\n",
            403,
            "HTTP 403: go away",
        ),
        ("HTTP/1.1 404 Not Found\r\n\r\n", 404, "HTTP 404"),
        (
            "HTTP/1.1 500 Oops\r\nContent-Length: 6\r\n\r\nbroken",
            500,
            "HTTP 500: broken",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: https://x\r\n\r\n",
            302,
            "HTTP 302",
        ),
    ] {
        let key = Key::new();
        let server = &key;
        let error = failure_with(&key, |listener| async move {
            loop {
                let (mut stream, _) = listener.request(server).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        })
        .await;
        let ConnectError::Upgrade { status: got, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(got, Some(status));
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_short() {
    let key = Key::new();
    let server = &key;
    for (head, what) in [
        (
            "HTTP/1.1 101 Switching Protocols\r\nX-Long: ",
            "over 16384 bytes",
        ),
        (
            "HTTP/1.1 500 Oops\r\nContent-Length: 99999999\r\n\r\n",
            "HTTP 500: xxx",
        ),
    ] {
        let error = failure_with(&key, |listener| async move {
            loop {
                let (mut stream, _) = listener.request(server).await;
                stream.write_all(head.as_bytes()).await.unwrap();
                // Until the client hangs up.
                while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            }
        })
        .await;
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.to_string().len() < 2000);
    }
}

#[tokio::test]
async fn an_upgrade_that_is_not_one_is_refused() {
    let key = Key::new();
    let server = &key;
    for (answer, what) in [
        (
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "no `Upgrade: websocket`",
        ),
        (
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n",
            "no `Connection: Upgrade`",
        ),
        (
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
            "does not match the key",
        ),
        ("no HTTP at all\r\n\r\n", "not an HTTP/1.1 head"),
        ("\0\0\0\0", "not an HTTP/1.1 head"),
        ("HTTP/1.1 101 Sw", "hung up during the upgrade"),
    ] {
        let error = failure_with(&key, |listener| async move {
            loop {
                let (mut stream, _) = listener.request(server).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        })
        .await;
        assert!(
            matches!(error, ConnectError::Upgrade { status: None, .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[tokio::test]
async fn garbage_after_the_upgrade_ends_the_session_with_a_reason() {
    let key = Key::new();
    for (bytes, code, what) in [
        (&b"\x82\x07garbage"[..], 1002, "not a protobuf message"),
        (&[0xff; 14], 1002, "protocol error: "),
        (b"\x82\x83\0\0\0\0abc", 1002, "mask"),
        (b"\x81\x02hi", 1003, "a text frame"),
        (
            b"\x82\x7f\0\0\0\xff\0\0\0\0",
            1009,
            "a message of over 100000000 bytes",
        ),
    ] {
        let listener = Listener::bind().await;
        let client = builder(&key)
            .reconnect(ReconnectConfig::default().base(Duration::from_millis(10)))
            .connect_lazy(listener.address())
            .unwrap();
        let mut states = client.watch_state();
        let mut socket = soon(listener.upgraded(&key)).await;
        soon(states.wait_for(State::Ready)).await.unwrap();
        socket.write(bytes).await.unwrap();
        let (got, text) = soon(socket.close_frame()).await;
        assert_eq!(got, code, "{text}");
        assert!(text.contains(what), "{text}");
        soon(socket.ended()).await;
        drop(socket);
        // The client says the same, and comes back.
        let mut socket = soon(listener.upgraded(&key)).await;
        soon(states.wait_for(State::Ready)).await.unwrap();
        let channel = client.channel();
        let call = tokio::spawn(async move { ping(&channel, "hello").await });
        let request = soon(socket.next_request()).await;
        socket.send_response(&request.call_id, "").await;
        assert_eq!(soon(call).await.unwrap().unwrap(), "");
        drop(socket);
        soon(client.close()).await;
    }
}

#[tokio::test]
async fn a_call_to_a_server_that_answers_garbage_fails_with_the_servers_blame() {
    let key = Key::new();
    let listener = Listener::bind().await;
    let client = builder(&key).connect_lazy(listener.address()).unwrap();
    let mut socket = soon(listener.upgraded(&key)).await;
    let channel = client.channel();
    let call = tokio::spawn(async move { ping(&channel, "hello").await });
    soon(socket.next_request()).await;
    socket.write(b"\x82\x07garbage").await.unwrap();
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!(
        (error.code(), error.blame()),
        (Code::UNAVAILABLE, Blame::Remote)
    );
}

#[tokio::test]
async fn a_server_that_closes_at_once_is_not_dialled_without_pause() {
    let key = Key::new();
    let listener = Listener::bind().await;
    let reconnect = ReconnectConfig::default()
        .base(Duration::from_millis(100))
        .factor(2.0)
        .cap(Duration::from_secs(10));
    let _client = builder(&key)
        .reconnect(reconnect)
        .connect_lazy(listener.address())
        .unwrap();
    let mut dialled = 0;
    let began = Instant::now();
    // Without pauses it would be hundreds.
    timeout(Duration::from_millis(1500), async {
        while dialled < 30 {
            drop(listener.upgraded(&key).await);
            dialled += 1;
        }
    })
    .await
    .expect_err("it dialled thirty times");
    assert!(began.elapsed() >= Duration::from_millis(1500));
    assert!(dialled >= 2, "it gave up");
}

#[tokio::test]
async fn a_server_that_refuses_the_key_is_tried_on_when_lazy() {
    let key = Key::new();
    let listener = Listener::bind().await;
    let client = builder(&key)
        .reconnect(ReconnectConfig::default().base(Duration::from_millis(10)))
        .connect_lazy(listener.address())
        .unwrap();
    for _ in 0..2 {
        let (mut stream, _) = soon(listener.request(&key)).await;
        // What a server does that refuses the key, as the client sees it: an answer that is none.
        stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
    }
    let _socket = soon(listener.upgraded(&key)).await;
    soon(client.ready()).await.unwrap();
}
