//! What a client may say instead of asking for an upgrade.

use integration::{
    keys::Who,
    raw::{self, Answer, Key, UPGRADE},
    scene::{Scene, soon},
};
use wsrpc::{Client, ConnectError, ProtocolVersion, SecretKey};

/// What the server answers a request with. It then closes the connection.
async fn answer_to(scene: &Scene, request: impl AsRef<[u8]>) -> Answer {
    let mut stream = raw::tls(scene.address, &Key::new()).await;
    soon(raw::http(&mut stream, request)).await
}

#[tokio::test]
async fn http_that_is_no_upgrade_is_told_what_is_spoken_here() {
    let scene = Scene::new().await;
    for request in [
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n".into(),
        UPGRADE.replace("Upgrade: websocket", "Upgrade: h2c"),
        UPGRADE.replace("Connection: Upgrade", "Connection: close"),
        UPGRADE.replace("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
        UPGRADE.replace("Sec-WebSocket-Key", "X-Key"),
    ] {
        let answer = answer_to(&scene, &request).await;
        assert_eq!(answer.status, 426, "{request}{answer:?}");
        assert!(
            answer
                .head
                .to_lowercase()
                .contains("\r\nupgrade: websocket\r\n"),
            "{answer:?}"
        );
        assert!(answer.text.contains("this is a wsrpc server"), "{answer:?}");
    }
    scene.finish().await;
}

#[tokio::test]
async fn what_is_not_http_is_answered_as_a_bad_request() {
    let scene = Scene::new().await;
    for request in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello?",
        b"\0",
    ] {
        let answer = answer_to(&scene, request).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(
            answer.text.starts_with("not an HTTP/1.1 head: "),
            "{answer:?}"
        );
    }
    scene.finish().await;
}

#[tokio::test]
async fn a_method_other_than_get_is_told_so() {
    let scene = Scene::new().await;
    for method in ["POST", "HEAD", "CONNECT", "DELETE"] {
        let answer = answer_to(&scene, UPGRADE.replace("GET", method)).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.text.contains("only GET is allowed"), "{answer:?}");
    }
    scene.finish().await;
}

#[tokio::test]
async fn a_huge_header_is_refused_before_it_has_ended() {
    let scene = Scene::new().await;
    let endless = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: {}",
        "x".repeat(20_000)
    );
    let answer = answer_to(&scene, endless).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("over 16384 bytes"), "{answer:?}");
    scene.finish().await;
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let scene = Scene::new().await;
    let headers = "a: b\r\n".repeat(1000);
    let many = UPGRADE.replace(
        "Host: localhost\r\n",
        &format!("Host: localhost\r\n{headers}"),
    );
    assert_eq!(answer_to(&scene, many).await.status, 400);
    scene.finish().await;
}

#[tokio::test]
async fn a_foreign_origin_is_refused() {
    let scene = Scene::new().await;
    for (origin, status) in [
        ("https://evil.example", 403),
        ("null", 403),
        ("https://localhost.evil.example", 403),
        ("https://localhost", 101),
    ] {
        let request = UPGRADE.replace("\r\n\r\n", &format!("\r\nOrigin: {origin}\r\n\r\n"));
        let answer = answer_to(&scene, request).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 403 {
            assert!(answer.text.contains("another host's"), "{answer:?}");
        }
    }
    scene.finish().await;
}

#[tokio::test]
async fn a_version_that_is_none_is_refused_and_no_later_one_is_needed() {
    let scene = Scene::new().await;
    let ask = |lines: String| {
        let request = UPGRADE.replace("\r\n\r\n", &format!("\r\n{lines}\r\n\r\n"));
        answer_to(&scene, request)
    };
    for value in [
        "", "0", "-1", "+2", "02", "1.0", "2 2", "1,2", "two", "\u{b2}",
    ] {
        let answer = ask(format!("Wsrpc-Version: {value}")).await;
        assert_eq!(answer.status, 400, "{value:?}: {answer:?}");
        let text =
            "the request's header `Wsrpc-Version` is not a number from 1 up, in digits only\n";
        assert_eq!(answer.text, text);
    }
    let answer = ask("Wsrpc-Version: 2\r\nwsrpc-version: 2".into()).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.text.contains("more than once"), "{answer:?}");
    for value in ["1".to_owned(), "9".repeat(1_000)] {
        let answer = ask(format!("Wsrpc-Version: {value}")).await;
        assert_eq!(answer.status, 101, "{answer:?}");
    }
    scene.finish().await;
}

#[tokio::test]
async fn a_server_that_wants_version_2_says_so_to_who_does_not_offer_it() {
    // Not a scene: its bystander may speak version 1.
    let server = wsrpc::Server::builder(Who::Server.secret())
        .allow_any()
        .min_version(ProtocolVersion::V2)
        .max_version(ProtocolVersion::V2)
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(server.serve());
    let mut stream = raw::tls(address, &Key::new()).await;
    let answer = soon(raw::http(&mut stream, UPGRADE)).await;
    assert_eq!(answer.status, 426);
    let head = answer.head.to_lowercase();
    assert!(head.contains("\r\nupgrade: websocket\r\n"), "{answer:?}");
    let text = "this server wants version 2 of the protocol, and the client offers version 1\n";
    assert_eq!(answer.text, text);
}

#[tokio::test]
async fn any_path_is_taken_unless_one_is_set() {
    let elsewhere = UPGRADE.replace("GET / ", "GET /elsewhere?x=1 ");
    let scene = Scene::new().await;
    assert_eq!(answer_to(&scene, &elsewhere).await.status, 101);
    scene.finish().await;
}

#[tokio::test]
async fn a_wrong_path_is_answered_with_the_right_one() {
    // Not a scene: its bystander dials `/`.
    let server = wsrpc::Server::builder(Who::Server.secret())
        .allow_any()
        .path("/agents")
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(server.serve());
    let mut stream = raw::tls(address, &Key::new()).await;
    let answer = soon(raw::http(&mut stream, UPGRADE)).await;
    assert_eq!(answer.status, 404);
    assert!(
        answer.text.contains("this server is at /agents"),
        "{answer:?}"
    );
    let connect = |path: &str| {
        let client = Client::builder(SecretKey::generate(), Who::Server.public())
            .connect_timeout(std::time::Duration::from_secs(1));
        soon(client.connect(format!("wss://{address}{path}")))
    };
    let client = connect("/agents").await.unwrap();
    client.close().await;
    let error = connect("/").await.unwrap_err();
    assert!(
        matches!(error, ConnectError::Timeout { last: Some(_), .. }),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("HTTP 404: there is nothing at /; "),
        "{error}"
    );
}

#[tokio::test]
async fn frames_right_behind_the_request_are_not_lost() {
    let scene = Scene::new().await;
    let key = Key::new();
    let mut stream = raw::tls(scene.address, &key).await;
    // A masked ping, with a mask of zeros.
    let request = [UPGRADE.as_bytes(), b"\x89\x82\0\0\0\0hi"].concat();
    assert_eq!(soon(raw::http(&mut stream, request)).await.status, 101);
    let mut pong = [0; 4];
    soon(tokio::io::AsyncReadExt::read_exact(&mut stream, &mut pong))
        .await
        .unwrap();
    assert_eq!(&pong, b"\x8a\x02hi");
    scene.finish().await;
}
