//! Upgrades that fail, and what each side says of it.

use tokio::io::{AsyncBufRead, AsyncWrite, duplex, join};

use super::upgrade::{SWITCHING, connected_to, request, served, v1};
use crate::transport::{UpgradeError, buffered, connect};

/// The status that a server of ours answers these bytes with, the text, and the error on its own side.
async fn refused(bytes: &[u8]) -> (u16, String, String) {
    let (result, answer) = served(bytes, v1(), |_| Ok(())).await;
    let (head, text) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = format!("content-length: {}", text.len());
    let head = head.to_lowercase();
    assert!(head.contains(&length), "{head}\n{text}");
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(head.contains("upgrade: websocket"), status == 426, "{head}");
    (status, text.into(), result.unwrap_err().to_string())
}

#[tokio::test]
async fn a_browser_or_a_health_check_is_told_what_is_spoken_here() {
    let (status, text, error) = refused(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(status, 426);
    assert!(text.starts_with("this is a wsrpc server"), "{text}");
    assert!(error.starts_with("refused with HTTP 426: "), "{error}");
}

#[tokio::test]
async fn a_request_without_what_a_websocket_needs_is_refused() {
    let whole = request("");
    for (part, without) in [
        ("GET / HTTP/1.1", "POST / HTTP/1.1"),
        ("GET / HTTP/1.1", "GET / HTTP/1.0"),
        ("Upgrade: websocket\r\n", ""),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Connection: Upgrade\r\n", ""),
        ("Connection: Upgrade", "Connection: close"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
    ] {
        let less = whole.replace(part, without);
        assert_ne!(less, whole);
        let (status, text, _) = refused(less.as_bytes()).await;
        assert!([400, 426].contains(&status), "{without}: {status}");
        assert!(text.len() > 20, "{without}: {text}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_answered_with_400() {
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"get / HTTP/1.1\r\n\r\n",
        b"HELLO\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: \x00\r\n\r\n",
    ] {
        let (status, text, error) = refused(bytes).await;
        assert_eq!(status, 400);
        assert!(error.starts_with("not an HTTP/1.1 head: "), "{error}");
        assert_eq!(text.trim_end(), error);
    }
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off() {
    let endless = request(&"X: y\r\n".repeat(100_000));
    let (status, text, _) = refused(endless.as_bytes()).await;
    assert_eq!(status, 400);
    assert!(text.contains("over 16384 bytes"), "{text}");
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let (status, text, _) = refused(request(&"X: y\r\n".repeat(200)).as_bytes()).await;
    assert_eq!(status, 400);
    assert!(text.contains("header"), "{text}");
}

#[tokio::test]
async fn a_client_that_hangs_up_within_its_request_is_told_apart() {
    for bytes in [&b""[..], b"GET / HT", &request("").as_bytes()[..100]] {
        let (result, answer) = served(bytes, v1(), |_| Ok(())).await;
        assert!(matches!(result, Err(UpgradeError::HungUp)));
        assert_eq!(answer, "");
    }
}

#[tokio::test]
async fn the_page_of_another_host_is_refused() {
    for origin in [
        "https://evil.example",
        "https://example.com",
        "https://example.com:1338.evil.example",
        "https://evil.example/example.com:1338",
        "example.com:1338",
        "null",
    ] {
        let request = request(&format!("Origin: {origin}\r\n"));
        let (status, text, _) = refused(request.as_bytes()).await;
        assert_eq!(status, 403, "{origin}");
        assert!(text.contains(origin), "{text}");
    }
}

#[tokio::test]
async fn the_page_of_the_host_itself_is_not() {
    for origin in ["https://example.com:1338", "https://Example.COM:1338"] {
        let request = request(&format!("Origin: {origin}\r\n"));
        let (result, answer) = served(request.as_bytes(), v1(), |_| Ok(())).await;
        assert!(result.is_ok(), "{origin}: {answer}");
    }
}

/// What a client of ours says to a server that answers so.
async fn client_says(answer: &str) -> String {
    connected_to(answer, v1()).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_bare_200_is_explained_as_what_a_go_server_means_by_it() {
    let go = "HTTP/1.1 200 OK\r\nDate: Sat, 01 Jan 2022 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n";
    let says = client_says(go).await;
    assert!(says.contains("200 instead of upgrading"), "{says}");
    assert!(
        says.contains("still has a connection of this key"),
        "{says}"
    );
}

#[tokio::test]
async fn the_text_of_a_refusal_is_passed_on() {
    for (answer, text) in [
        (
            "404 Not Found\r\nContent-Length: 19\r\n\r\n404 page not found\n",
            "404: 404 page not found",
        ),
        (
            "404 Not Found\r\n\r\nwithout a length",
            "404: without a length",
        ),
        ("503 Busy\r\nContent-Length: 0\r\n\r\n", "503"),
        ("500 Oh\r\nContent-Length: 9\r\n\r\ncut", "500: cut"),
        ("200 OK\r\nContent-Length: 2\r\n\r\nhi", "200: hi"),
        ("302 Found\r\nLocation: /\r\n\r\n", "302"),
    ] {
        let says = client_says(&format!("HTTP/1.1 {answer}")).await;
        assert_eq!(
            says,
            format!("the server refused the upgrade with HTTP {text}")
        );
    }
}

#[tokio::test]
async fn a_long_text_of_a_refusal_is_cut() {
    let text = "x".repeat(100_000);
    let answer = format!("HTTP/1.1 500 Oh\r\nContent-Length: 100000\r\n\r\n{text}");
    assert!(client_says(&answer).await.len() < 1_200);
}

#[tokio::test]
async fn an_upgrade_that_is_not_the_one_asked_for_is_refused() {
    for (part, other, what) in [
        ("Upgrade: websocket\r\n", "", "no `Upgrade: websocket`"),
        (
            "Upgrade: websocket",
            "Upgrade: h2c",
            "no `Upgrade: websocket`",
        ),
        ("Connection: Upgrade\r\n", "", "no `Connection: Upgrade`"),
        (
            "Connection: Upgrade",
            "Connection: close",
            "no `Connection: Upgrade`",
        ),
        (
            "{accept}",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "`Sec-WebSocket-Accept` does not match",
        ),
        (
            "Sec-WebSocket-Accept: {accept}\r\n",
            "",
            "`Sec-WebSocket-Accept` does not match",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
            "an extension",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: mqtt\r\n",
            "a subprotocol",
        ),
    ] {
        let answer = format!("{SWITCHING}\r\n").replace(part, other);
        let says = client_says(&answer).await;
        assert!(says.contains(what), "{other}: {says}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_told_apart() {
    for answer in [
        "220 smtp.example ESMTP\r\n\r\n",
        "SSH-2.0-OpenSSH_9\r\n\r\n",
        "\0\0\0",
    ] {
        let says = client_says(answer).await;
        assert!(says.starts_with("not an HTTP/1.1 head: "), "{says}");
    }
    let says = client_says("HTTP/1.1 101").await;
    assert_eq!(says, "the peer hung up during the upgrade");
}

/// A stream whose writes fail and whose reads do not.
fn half_broken(answer: &'static [u8]) -> impl AsyncBufRead + AsyncWrite + Unpin {
    let (ours, theirs) = duplex(1);
    drop(theirs);
    buffered(join(answer, ours))
}

#[tokio::test]
async fn what_a_server_said_before_our_write_failed_is_what_counts() {
    let mut io = half_broken(b"HTTP/1.1 403 Forbidden\r\n\r\nnot on the list");
    let error = connect(&mut io, "localhost", "/", v1()).await.unwrap_err();
    assert!(
        error.to_string().ends_with("403: not on the list"),
        "{error}"
    );
    let mut io = half_broken(b"");
    let error = connect(&mut io, "localhost", "/", v1()).await.unwrap_err();
    assert!(matches!(&error, UpgradeError::Io(_)), "{error:?}");
}
