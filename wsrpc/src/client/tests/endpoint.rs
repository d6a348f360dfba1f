//! Where a client dials to, as people write it.

use crate::client::endpoint::Endpoint;

#[test]
fn endpoints_are_read() {
    for (text, host, port, path, shown) in [
        (
            "example.com:1338",
            "example.com",
            1338,
            "/",
            "example.com:1338",
        ),
        ("example.com", "example.com", 443, "/", "example.com:443"),
        ("127.0.0.1:1", "127.0.0.1", 1, "/", "127.0.0.1:1"),
        ("[::1]:1338", "::1", 1338, "/", "[::1]:1338"),
        (
            "[2001:db8::1]",
            "2001:db8::1",
            443,
            "/",
            "[2001:db8::1]:443",
        ),
        (
            "localhost:65535",
            "localhost",
            65535,
            "/",
            "localhost:65535",
        ),
        (
            "wss://example.com",
            "example.com",
            443,
            "/",
            "example.com:443",
        ),
        (
            "wss://example.com/",
            "example.com",
            443,
            "/",
            "example.com:443",
        ),
        (
            "wss://example.com:8443/agents",
            "example.com",
            8443,
            "/agents",
            "example.com:8443/agents",
        ),
        (
            "example.com/a/b?c=d",
            "example.com",
            443,
            "/a/b?c=d",
            "example.com:443/a/b?c=d",
        ),
        ("wss://[::1]:1338/ws", "::1", 1338, "/ws", "[::1]:1338/ws"),
    ] {
        let endpoint: Endpoint = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(endpoint.host(), host, "{text}");
        assert_eq!(endpoint.port(), port, "{text}");
        assert_eq!(endpoint.path(), path, "{text}");
        assert_eq!(endpoint.to_string(), shown, "{text}");
        assert!(shown.starts_with(&endpoint.authority()), "{text}");
        assert_eq!(
            shown.parse().as_ref(),
            Ok(&endpoint),
            "{text} is not read back"
        );
    }
}

#[test]
fn what_is_no_endpoint_is_refused_with_the_reason() {
    let spelling = "it is not spelt as a host, a port and a path";
    let port = "the port is not a number from 1 to 65535";
    let host = "it has no host";
    for (text, reasons) in [
        ("", &[host, spelling][..]),
        (":1338", &[host, spelling]),
        ("wss://", &[host, spelling]),
        ("/path", &[host, spelling]),
        ("example.com:", &[port, spelling]),
        ("example.com:0", &[port]),
        ("example.com:65536", &[port, spelling]),
        ("example.com:https", &[port, spelling]),
        ("example.com:-1", &[port, spelling]),
        ("::1", &[port, spelling]),
        ("::1:1338", &[port, spelling]),
        ("[::1", &[spelling]),
        ("[::1]1338", &[port, spelling]),
        ("exa mple.com", &[spelling]),
        ("example.com/a b", &[spelling]),
        ("example.com/\r\nX: y", &[spelling]),
        ("ws://example.com", &["only the scheme `wss` is spoken"]),
        ("https://example.com", &["only the scheme `wss` is spoken"]),
        (
            "user@example.com",
            &["it has a user name, which nobody would check"],
        ),
        (
            "wss://user:secret@example.com:1338/",
            &["it has a user name, which nobody would check"],
        ),
        ("example.com?token=x", &[spelling]),
        ("example.com#fragment", &[spelling]),
        ("example.com/path#fragment", &[spelling]),
    ] {
        let error = match text.parse::<Endpoint>() {
            Ok(endpoint) => panic!("{text:?} was read as {endpoint:?}"),
            Err(error) => error.to_string(),
        };
        let expected = reasons.iter().map(|reason| {
            format!(
                "`{text}` is no address to dial: {reason}; \
                 write `host:port`, `[ipv6]:port` or `wss://host:port/path`"
            )
        });
        assert!(expected.into_iter().any(|text| text == error), "{error}");
    }
}
