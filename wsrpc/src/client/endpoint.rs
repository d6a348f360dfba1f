//! Where a client dials to.

use std::{fmt, str::FromStr};

/// Where a client dials to: `host:port`, with `wss://` before it and a path behind it if need be.
///
/// The host is a name, an IPv4 address, or an IPv6 address in brackets; the port is 443 where none is given; the path
/// is `/`.
///
/// ```text
/// example.com:1338    127.0.0.1:1338    [::1]:1338    wss://example.com/agents
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    host: String,
    port: u16,
    path: String,
}

/// A text that is no address to dial.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no address to dial: {reason}; write `host:port`, `[ipv6]:port` or `wss://host:port/path`"
)]
pub struct InvalidEndpoint {
    text: String,
    reason: &'static str,
}

const HTTPS_PORT: u16 = 443;

impl Endpoint {
    /// The host, without brackets.
    pub(super) fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What goes into the `Host` header.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| InvalidEndpoint {
            text: text.to_owned(),
            reason,
        };
        let rest = match text.split_once("://") {
            Some(("wss", rest)) => rest,
            Some(_) => return Err(invalid("only the scheme `wss` is spoken")),
            None => text,
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let misspelt = || invalid("it is not spelt as a host, a port and a path");
        if authority.contains('?') || rest.contains('#') {
            return Err(misspelt());
        }
        let uri: http::Uri = format!("wss://{authority}{path}")
            .parse()
            .map_err(|_| misspelt())?;
        let parsed = uri.authority().ok_or_else(|| invalid("it has no host"))?;
        if parsed.as_str().contains('@') {
            return Err(invalid("it has a user name, which nobody would check"));
        }
        if parsed.host().is_empty() {
            return Err(invalid("it has no host"));
        }
        let port = match authority.strip_prefix(parsed.host()) {
            Some("") => HTTPS_PORT,
            _ => parsed
                .port_u16()
                .filter(|port| *port != 0)
                .ok_or_else(|| invalid("the port is not a number from 1 to 65535"))?,
        };
        Ok(Self {
            host: parsed.host().to_owned(),
            port,
            path: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.authority())?;
        if self.path != "/" {
            f.write_str(&self.path)?;
        }
        Ok(())
    }
}

debug_as_display!(InvalidEndpoint);
