//! Which version of the protocol the two sides agree on, and what they refuse.

use http::Request;
use tokio::io::duplex;

use super::upgrade::{SWITCHING, connected_to, request, served};
use crate::{
    transport::{UpgradeError, accept, buffered, connect},
    version::{
        ProtocolVersion::{self, V1, V2},
        Versions,
    },
};

/// All that a side may be set to.
const RANGES: [(ProtocolVersion, ProtocolVersion); 3] = [(V1, V1), (V1, V2), (V2, V2)];

fn versions((min, max): (ProtocolVersion, ProtocolVersion)) -> Versions {
    Versions::new(min, max).unwrap()
}

/// The values of the header in the lines of a head.
fn values(head: &str) -> Vec<String> {
    head.to_lowercase()
        .lines()
        .filter_map(|line| line.strip_prefix("wsrpc-version: "))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn the_two_sides_agree_on_the_latest_version_that_both_speak() {
    for client_range in RANGES {
        for server_range in RANGES {
            let (client, server) = duplex(1 << 10);
            let (mut client, mut server) = (buffered(client), buffered(server));
            let mut offered = None;
            let check = |request: &Request<()>| {
                offered = request.headers().get("wsrpc-version").cloned();
                Ok(())
            };
            let (connected, accepted) = tokio::join!(
                connect(&mut client, "localhost", "/", versions(client_range)),
                accept(&mut server, versions(server_range), check),
            );
            let latest = client_range.1.min(server_range.1);
            let case = format!("{client_range:?} {server_range:?}: {connected:?}, {accepted:?}");
            if latest < server_range.0 {
                assert!(matches!(accepted, Err(UpgradeError::ByUs(_))), "{case}");
                let refusal = "HTTP 426: this server wants version 2 of the protocol, \
                    and the client offers version 1";
                let error = connected.unwrap_err().to_string();
                assert!(error.ends_with(refusal), "{case}");
                continue;
            }
            assert_eq!(accepted.unwrap(), latest, "{case}");
            assert_eq!(offered.is_some(), client_range.1 == V2, "{case}");
            if latest < client_range.0 {
                let error = connected.unwrap_err();
                let UpgradeError::VersionTooOld { agreed, min } = error else {
                    panic!("{case}");
                };
                assert_eq!((agreed, min), (V1, V2));
            } else {
                assert_eq!(connected.unwrap(), latest, "{case}");
            }
        }
    }
}

/// What a server makes of these header lines: the version, or the status of its refusal.
async fn answer_to(
    lines: &str,
    range: (ProtocolVersion, ProtocolVersion),
) -> Result<ProtocolVersion, u16> {
    let (result, answer) = served(request(lines).as_bytes(), versions(range), |_| Ok(())).await;
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    let confirmed = values(head);
    match result {
        Ok(version) => {
            assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
            let expected: &[&str] = if version == V2 { &["2"] } else { &[] };
            assert_eq!(confirmed, expected, "{head}");
            assert!(!head.to_lowercase().contains("protocol:"), "{head}");
            Ok(version)
        }
        Err(UpgradeError::ByUs(refusal)) => {
            let status = refusal.status.as_u16();
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            assert_eq!(text, format!("{}\n", refusal.text));
            let upgrade = head.to_lowercase().contains("upgrade: websocket");
            assert_eq!(upgrade, status == 426, "{head}");
            assert!(confirmed.is_empty(), "{head}");
            Err(status)
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_server_answers_each_offer_by_what_it_speaks() {
    let subprotocol = "Sec-WebSocket-Protocol: wsrpc.v2\r\n";
    for (lines, answers) in [
        ("", [Ok(V1), Ok(V1), Err(426)]),
        (subprotocol, [Ok(V1), Ok(V1), Err(426)]),
        ("Wsrpc-Version: 1\r\n", [Ok(V1), Ok(V1), Err(426)]),
        ("Wsrpc-Version: 2\r\n", [Ok(V1), Ok(V2), Ok(V2)]),
        ("WSRPC-VERSION:\t 2 \r\n", [Ok(V1), Ok(V2), Ok(V2)]),
        ("Wsrpc-Version: 3\r\n", [Ok(V1), Ok(V2), Ok(V2)]),
        ("Wsrpc-Version: 10\r\n", [Ok(V1), Ok(V2), Ok(V2)]),
        (
            "Wsrpc-Version: 18446744073709551616\r\n",
            [Ok(V1), Ok(V2), Ok(V2)],
        ),
    ] {
        for (range, expected) in RANGES.into_iter().zip(answers) {
            let answer = answer_to(lines, range).await;
            assert_eq!(answer, expected, "{lines:?} {range:?}");
        }
    }
}

/// What is no version, in either direction.
const NONSENSE: [&str; 16] = [
    "", "0", "02", "+2", "-2", "2.0", "2 2", "2,2", "1, 2", "0x2", "two", "v2", "\"2\"", "2;q=1",
    "²", "٢",
];

#[tokio::test]
async fn a_server_refuses_an_offer_that_it_cannot_understand() {
    for range in RANGES {
        for value in NONSENSE {
            let line = format!("Wsrpc-Version: {value}\r\n");
            assert_eq!(answer_to(&line, range).await, Err(400), "{value:?}");
        }
        for lines in [
            "Wsrpc-Version: 2\r\nWsrpc-Version: 2\r\n",
            "Wsrpc-Version: 1\r\nX: y\r\nwsrpc-version: 2\r\n",
        ] {
            assert_eq!(answer_to(lines, range).await, Err(400), "{lines:?}");
        }
    }
}

#[tokio::test]
async fn an_offer_that_is_refused_is_told_what_is_wrong() {
    for (lines, text) in [
        (
            "Wsrpc-Version: two\r\n",
            "the request's header `Wsrpc-Version` is not a number from 1 up, in digits only\n",
        ),
        (
            "Wsrpc-Version: 2\r\nWsrpc-Version: 2\r\n",
            "the request's header `Wsrpc-Version` comes more than once\n",
        ),
        (
            "",
            "this server wants version 2 of the protocol, and the client offers version 1\n",
        ),
    ] {
        let range = versions((V2, V2));
        let (_, answer) = served(request(lines).as_bytes(), range, |_| Ok(())).await;
        assert_eq!(answer.split_once("\r\n\r\n").unwrap().1, text);
    }
}

#[tokio::test]
async fn a_request_that_is_refused_for_its_version_is_not_checked_further() {
    for line in ["", "Wsrpc-Version: two\r\n"] {
        let check = |_: &Request<()>| panic!("it would count as an attempt of the key");
        let (result, _) = served(request(line).as_bytes(), versions((V2, V2)), check).await;
        assert!(matches!(result, Err(UpgradeError::ByUs(_))));
    }
}

/// What a client makes of an upgrade with these header lines.
async fn told(
    lines: &str,
    range: (ProtocolVersion, ProtocolVersion),
) -> Result<ProtocolVersion, String> {
    let answer = format!("{SWITCHING}{lines}\r\n");
    let connected = connected_to(&answer, versions(range)).await;
    connected.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_client_takes_what_it_offered_and_nothing_later() {
    let too_old = "the server speaks version 1 of the protocol, and this client wants version 2";
    let over_1 = "the server agreed on a later version of the protocol than version 1, \
        the latest that it was offered";
    let over_2 = over_1.replace("version 1", "version 2");
    let over_2 = over_2.as_str();
    for (lines, answers) in [
        ("", [Ok(V1), Ok(V1), Err(too_old)]),
        ("Wsrpc-Version: 1\r\n", [Ok(V1), Ok(V1), Err(too_old)]),
        ("wsrpc-version: 2\r\n", [Err(over_1), Ok(V2), Ok(V2)]),
        (
            "Wsrpc-Version: 3\r\n",
            [Err(over_1), Err(over_2), Err(over_2)],
        ),
        (
            "Wsrpc-Version: 18446744073709551618\r\n",
            [Err(over_1), Err(over_2), Err(over_2)],
        ),
    ] {
        for (range, expected) in RANGES.into_iter().zip(answers) {
            let answer = told(lines, range).await;
            assert_eq!(answer, expected.map_err(str::to_owned), "{lines:?}");
        }
    }
}

#[tokio::test]
async fn a_client_refuses_an_answer_that_it_cannot_understand() {
    let header = "the header `Wsrpc-Version` of the server's answer";
    for range in RANGES {
        for value in NONSENSE {
            let error = told(&format!("Wsrpc-Version: {value}\r\n"), range).await;
            let expected = format!("{header} is not a number from 1 up, in digits only");
            assert_eq!(error, Err(expected), "{value:?}");
        }
        let twice = told("Wsrpc-Version: 1\r\nWsrpc-Version: 1\r\n", range).await;
        assert_eq!(twice, Err(format!("{header} comes more than once")));
    }
}
