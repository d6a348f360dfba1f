//! Upgrades that succeed, and heads that are read.

use http::{Request, StatusCode};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, duplex};
use tungstenite::handshake::derive_accept_key;

use crate::{
    transport::{Refusal, UpgradeError, accept, buffered, connect, upgrade::read_head},
    version::{ProtocolVersion, Versions},
};

/// A side that speaks version 1 only.
pub(super) fn v1() -> Versions {
    Versions::new(ProtocolVersion::V1, ProtocolVersion::V1).unwrap()
}

/// The request of RFC 6455, with more header lines.
pub(super) fn request(more: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: example.com:1338\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
}

/// What a server of ours does with these bytes, and the text that it answers with.
pub(super) async fn served(
    request: &[u8],
    versions: Versions,
    check: impl FnOnce(&Request<()>) -> Result<(), Refusal>,
) -> (Result<ProtocolVersion, UpgradeError>, String) {
    let (mut client, server) = duplex(1 << 20);
    client.write_all(request).await.unwrap();
    client.shutdown().await.unwrap();
    let mut server = buffered(server);
    let result = accept(&mut server, versions, check).await;
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    (result, answer)
}

#[tokio::test]
async fn a_client_and_a_server_of_ours_agree() {
    let (client, server) = duplex(100);
    let (mut client, mut server) = (buffered(client), buffered(server));
    let check = |request: &Request<()>| {
        assert_eq!(request.uri().path(), "/agents");
        assert_eq!(request.headers()["host"], "example.com:1338");
        assert!(!request.headers().contains_key("origin"));
        Ok(())
    };
    let (connected, accepted) = tokio::join!(
        connect(&mut client, "example.com:1338", "/agents", v1()),
        accept(&mut server, v1(), check),
    );
    assert_eq!(connected.unwrap(), ProtocolVersion::V1);
    assert_eq!(accepted.unwrap(), ProtocolVersion::V1);
    assert_eq!((client.buffer(), server.buffer()), (&b""[..], &b""[..]));
}

#[tokio::test]
async fn a_server_answers_as_rfc_6455_has_it() {
    let (result, answer) = served(request("").as_bytes(), v1(), |_| Ok(())).await;
    assert_eq!(result.unwrap(), ProtocolVersion::V1);
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    let answer = answer.to_lowercase();
    for line in [
        "upgrade: websocket\r\n",
        "connection: upgrade\r\n",
        "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n",
    ] {
        assert!(answer.contains(line), "{answer}");
    }
    for more in ["extensions", "protocol:", "wsrpc"] {
        assert!(!answer.contains(more), "{answer}");
    }
}

#[tokio::test]
async fn what_the_client_sends_behind_its_request_is_kept() {
    let behind = b"\x82\x81\0\0\0\0a\r\n\r\n";
    let (mut client, server) = duplex(1 << 20);
    let bytes = [request("").as_bytes(), behind].concat();
    client.write_all(&bytes).await.unwrap();
    let mut server = buffered(server);
    accept(&mut server, v1(), |_| Ok(())).await.unwrap();
    assert_eq!(server.fill_buf().await.unwrap(), behind);
}

/// Reads the client's request and sends this answer, in which `{accept}` stands for what the key asks for.
pub(super) async fn connected_to(
    answer: &str,
    versions: Versions,
) -> Result<ProtocolVersion, UpgradeError> {
    let (connected, _) = connected_with_rest(answer, versions).await;
    connected
}

/// The same, and what the client has not read of it.
async fn connected_with_rest(
    answer: &str,
    versions: Versions,
) -> (Result<ProtocolVersion, UpgradeError>, Vec<u8>) {
    let (client, server) = duplex(1 << 20);
    let (mut client, mut server) = (buffered(client), buffered(server));
    let serve = async {
        let request = read_head::<Request<()>>(&mut server).await.unwrap();
        let key = request.headers()["sec-websocket-key"].as_bytes();
        let answer = answer.replace("{accept}", &derive_accept_key(key));
        server.write_all(answer.as_bytes()).await.unwrap();
        server.shutdown().await.unwrap();
    };
    let connect = connect(&mut client, "localhost", "/", versions);
    let (connected, ()) = tokio::join!(connect, serve);
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    (connected, rest)
}

pub(super) const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";

#[tokio::test]
async fn what_a_server_sends_right_behind_its_answer_is_kept() {
    let answer = format!("{SWITCHING}\r\n\x02\x01a");
    let (connected, rest) = connected_with_rest(&answer, v1()).await;
    connected.unwrap();
    assert_eq!(rest, b"\x02\x01a");
}

#[tokio::test]
async fn names_and_values_are_compared_without_regard_to_case() {
    let answer = "HTTP/1.1 101 go\r\nupgrade: WebSocket\r\nCONNECTION: upgrade\r\n\
        sec-websocket-accept: {accept}\r\n\r\n";
    connected_to(answer, v1()).await.unwrap();
}

#[tokio::test]
async fn a_connection_header_may_have_more_tokens() {
    let answer = format!("{SWITCHING}\r\n").replace("Connection: ", "Connection: keep-alive, ");
    connected_to(&answer, v1()).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_plain_tungstenite_client_and_server_agree_with_ours() {
    use crate::transport::{Received, Role, WebSocket};

    let (client, server) = std::os::unix::net::UnixStream::pair().unwrap();
    let theirs = std::thread::spawn(move || {
        let (mut peer, _) = tungstenite::client("ws://localhost/", client).unwrap();
        peer.send(tungstenite::Message::binary("hello")).unwrap();
        peer.read().unwrap()
    });
    server.set_nonblocking(true).unwrap();
    let mut server = buffered(tokio::net::UnixStream::from_std(server).unwrap());
    accept(&mut server, v1(), |_| Ok(())).await.unwrap();
    let mut socket = WebSocket::new(server, Role::Server, 100);
    let received = std::future::poll_fn(|cx| socket.poll_read(cx)).await;
    let hello = Received::Message("hello".into());
    assert_eq!(received.unwrap(), hello);
    socket.push_message(b"hello ", "yourself".into());
    std::future::poll_fn(|cx| socket.poll_flush(cx, &mut 0))
        .await
        .unwrap();
    let answer = theirs.join().unwrap();
    assert_eq!(answer, tungstenite::Message::binary("hello yourself"));

    let (client, server) = std::os::unix::net::UnixStream::pair().unwrap();
    let theirs = std::thread::spawn(move || tungstenite::accept(server).map(drop).is_ok());
    client.set_nonblocking(true).unwrap();
    let mut client = buffered(tokio::net::UnixStream::from_std(client).unwrap());
    connect(&mut client, "localhost", "/", v1()).await.unwrap();
    assert!(theirs.join().unwrap());
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_read() {
    let (mut client, server) = duplex(1);
    let mut server = buffered(server);
    let bytes = [request("").as_bytes(), b"rest"].concat();
    let write = async {
        client.write_all(&bytes).await.unwrap();
    };
    let read = async {
        let head = read_head::<Request<()>>(&mut server).await.unwrap();
        let mut rest = [0; 4];
        server.read_exact(&mut rest).await.unwrap();
        (head, rest)
    };
    let ((head, rest), ()) = tokio::join!(read, write);
    assert_eq!(head.uri(), "/");
    assert_eq!(&rest, b"rest");
}

#[tokio::test]
async fn a_check_sees_the_request_and_its_refusal_is_what_the_client_is_told() {
    let (client, server) = duplex(1 << 10);
    let (mut client, mut server) = (buffered(client), buffered(server));
    let refusal = Refusal {
        status: StatusCode::TOO_MANY_REQUESTS,
        text: "three sessions of this key in a row".into(),
    };
    let (connected, accepted) = tokio::join!(
        connect(&mut client, "localhost", "/", v1()),
        accept(&mut server, v1(), |_| Err(refusal.clone())),
    );
    match accepted {
        Err(UpgradeError::ByUs(by_us)) => assert_eq!(by_us, refusal),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        connected.unwrap_err().to_string(),
        "the server refused the upgrade with HTTP 429: three sessions of this key in a row"
    );
}
