//! The HTTP upgrade that turns a stream into a WebSocket.
//!
//! tungstenite parses and checks; the reading is ours, because a refusal should say why, and because what a server
//! sends right behind its response must not be lost: what is behind a head stays in the stream.

use std::{future::poll_fn, io, pin::Pin, task::Poll};

use http::{HeaderMap, Request, Response, StatusCode, header};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tungstenite::handshake::{
    client::{Response as ParsedResponse, generate_key},
    derive_accept_key,
    machine::TryParse,
    server::{create_response, write_response},
};

use super::agreement;
use crate::version::{ProtocolVersion, Versions};

/// Bytes of the largest head that is read.
const MAX_HEAD: usize = 16 * 1024;

/// Bytes of a refusal's text that are read.
const MAX_TEXT: usize = 1024;

/// Why an upgrade failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    /// The stream failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The peer hung up.
    #[error("the peer hung up during the upgrade")]
    HungUp,
    /// What came is not HTTP, or is too much of it.
    #[error("not an HTTP/1.1 head: {0}")]
    NotHttp(String),
    /// The server answered with something other than an upgrade.
    #[error("{}", refused_text(*.status, .text))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the server says of it; may be empty.
        text: String,
    },
    /// The server's upgrade is not one to a WebSocket.
    #[error("the server's answer does not complete a WebSocket upgrade: {0}")]
    NotWebSocket(&'static str),
    /// What the server says of the version is not to be understood.
    #[error("the header `Wsrpc-Version` of the server's answer {0}")]
    InvalidVersion(&'static str),
    /// The server agrees on more than it was asked for.
    #[error(
        "the server agreed on a later version of the protocol than version {max}, \
         the latest that it was offered"
    )]
    VersionNotOffered { max: ProtocolVersion },
    /// The server agrees on less than this client takes.
    #[error(
        "the server speaks version {agreed} of the protocol, and this client wants version {min}"
    )]
    VersionTooOld {
        agreed: ProtocolVersion,
        min: ProtocolVersion,
    },
    /// This server refused the client.
    #[error("refused with HTTP {}: {}", .0.status.as_u16(), .0.text)]
    ByUs(Refusal),
}

fn refused_text(status: u16, text: &str) -> String {
    match (status, text) {
        (200, "") => "the server answered 200 instead of upgrading; \
            a Go server does so while it still has a connection of this key"
            .into(),
        (_, "") => format!("the server refused the upgrade with HTTP {status}"),
        _ => format!("the server refused the upgrade with HTTP {status}: {text}"),
    }
}

/// Why a server refuses a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

/// Answers a client's upgrade on `io`, unless `check` refuses it, which is asked last. Returns the version of the protocol
/// that was agreed on.
pub(crate) async fn accept<IO>(
    io: &mut IO,
    versions: Versions,
    check: impl FnOnce(&Request<()>) -> Result<(), Refusal>,
) -> Result<ProtocolVersion, UpgradeError>
where
    IO: AsyncBufRead + AsyncWrite + Unpin,
{
    let request = match read_head::<Request<()>>(io).await {
        Err(error @ UpgradeError::NotHttp(_)) => {
            let text = error.to_string();
            let status = StatusCode::BAD_REQUEST;
            reply(io, &Refusal { status, text }).await?;
            return Err(error);
        }
        read => read?,
    };
    let response = create_response(&request)
        .map_err(|error| Refusal {
            status: StatusCode::UPGRADE_REQUIRED,
            text: format!("this is a wsrpc server, and speaks WebSocket only: {error}"),
        })
        .and_then(|mut response| {
            check_origin(request.headers())?;
            let version = agreement::choose(request.headers(), versions)?;
            agreement::confirm(response.headers_mut(), version);
            check(&request)?;
            Ok((version, response))
        });
    let (version, response) = match response {
        Ok(agreed) => agreed,
        Err(refusal) => {
            reply(io, &refusal).await?;
            return Err(UpgradeError::ByUs(refusal));
        }
    };
    let mut head = Vec::new();
    write_response(&mut head, &response)
        .map_err(|error| UpgradeError::NotHttp(error.to_string()))?;
    io.write_all(&head).await?;
    io.flush().await?;
    Ok(version)
}

/// A page of another site must not use a browser's certificate: as in Go, an `Origin` has to be the host itself.
fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let host = headers.get(header::HOST);
    let origin_host = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, host)| host.as_bytes());
    if let (Some(host), Some(origin_host)) = (host, origin_host) {
        if host.as_bytes().eq_ignore_ascii_case(origin_host) {
            return Ok(());
        }
    }
    Err(Refusal {
        status: StatusCode::FORBIDDEN,
        text: format!("the origin {origin:?} is another host's"),
    })
}

/// Asks a server for an upgrade. Returns the version of the protocol that was agreed on.
pub(crate) async fn connect<IO>(
    io: &mut IO,
    host: &str,
    path: &str,
    versions: Versions,
) -> Result<ProtocolVersion, UpgradeError>
where
    IO: AsyncBufRead + AsyncWrite + Unpin,
{
    let key = generate_key();
    let offer = agreement::offer(versions);
    let request = format!(
        "GET {path} HTTP/1.1\r\n\
         Host: {host}\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\n\
         Sec-WebSocket-Version: 13\r\n\
         {offer}\r\n"
    );
    let written = async {
        io.write_all(request.as_bytes()).await?;
        io.flush().await
    };
    // A server that refused our key has sent an alert, which says more than the write that fails because of it.
    let written: io::Result<()> = written.await;
    let response = match read_head::<ParsedResponse>(io).await {
        Err(UpgradeError::HungUp) => {
            return Err(written.err().map_or(UpgradeError::HungUp, Into::into));
        }
        read => read?,
    };
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let status = response.status().as_u16();
        let text = read_text(io, &response).await;
        return Err(UpgradeError::Refused { status, text });
    }
    let has = |name, value: &str| {
        let headers = response.headers().get_all(name).iter();
        headers
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case(value))
    };
    if !has(header::UPGRADE, "websocket") {
        return Err(UpgradeError::NotWebSocket("no `Upgrade: websocket`"));
    }
    if !has(header::CONNECTION, "upgrade") {
        return Err(UpgradeError::NotWebSocket("no `Connection: Upgrade`"));
    }
    let accept = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
    if accept.is_none_or(|accept| accept.as_bytes() != derive_accept_key(key.as_bytes()).as_bytes())
    {
        return Err(UpgradeError::NotWebSocket(
            "`Sec-WebSocket-Accept` does not match the key that was sent",
        ));
    }
    for (name, text) in [
        (
            header::SEC_WEBSOCKET_EXTENSIONS,
            "an extension that was not asked for",
        ),
        (
            header::SEC_WEBSOCKET_PROTOCOL,
            "a subprotocol that was not asked for",
        ),
    ] {
        if response.headers().contains_key(name) {
            return Err(UpgradeError::NotWebSocket(text));
        }
    }
    agreement::agreed(response.headers(), versions)
}

/// The text of a server's refusal, as far as it has arrived or its length is known.
async fn read_text<IO: AsyncBufRead + Unpin>(io: &mut IO, response: &ParsedResponse) -> String {
    let length = response
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(0usize)
        .min(MAX_TEXT);
    let mut text = Vec::new();
    loop {
        let is_whole = text.len() >= length;
        let come = poll_fn(|cx| match Pin::new(&mut *io).poll_fill_buf(cx) {
            Poll::Ready(Ok(bytes)) => {
                text.extend_from_slice(bytes);
                Poll::Ready(bytes.len())
            }
            Poll::Pending if !is_whole => Poll::Pending,
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(0),
        });
        let come = come.await;
        io.consume(come);
        if come == 0 || text.len() >= MAX_TEXT {
            break;
        }
    }
    text.truncate(MAX_TEXT);
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// Reads and parses one head.
pub(super) async fn read_head<H: TryParse>(
    io: &mut (impl AsyncBufRead + Unpin),
) -> Result<H, UpgradeError> {
    let head = read_raw_head(io).await?;
    match H::try_parse(&head) {
        Ok(Some((_, parsed))) => Ok(parsed),
        Ok(None) => Err(UpgradeError::NotHttp("it does not end".into())),
        Err(error) => Err(UpgradeError::NotHttp(error.to_string())),
    }
}

/// Reads up to and with the empty line that ends a head, and no further.
pub(crate) async fn read_raw_head(
    io: &mut (impl AsyncBufRead + Unpin),
) -> Result<Vec<u8>, UpgradeError> {
    const END: &[u8] = b"\r\n\r\n";
    let mut head = Vec::with_capacity(512);
    loop {
        let seen = head.len();
        head.extend_from_slice(io.fill_buf().await?);
        if head.len() == seen {
            return Err(UpgradeError::HungUp);
        }
        // Looking at what is new only keeps a byte-by-byte sender from costing more than it sends.
        let from = seen.saturating_sub(END.len() - 1);
        let end = head[from..].windows(END.len()).position(|w| w == END);
        if let Some(at) = end {
            head.truncate(from + at + END.len());
        }
        io.consume(head.len() - seen);
        if end.is_some() {
            return Ok(head);
        }
        if head.len() > MAX_HEAD {
            return Err(UpgradeError::NotHttp(format!("over {MAX_HEAD} bytes")));
        }
        if seen == 0 && !head[0].is_ascii_uppercase() {
            let text = "it does not begin with a method or a version".into();
            return Err(UpgradeError::NotHttp(text));
        }
    }
}

/// Answers with a plain text and closes the stream.
pub(crate) async fn reply<IO: AsyncWrite + Unpin>(
    io: &mut IO,
    refusal: &Refusal,
) -> io::Result<()> {
    let Refusal { status, text } = refusal;
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .header(header::CONTENT_LENGTH, text.len() + 1)
        .header(header::CONNECTION, "close");
    if *status == StatusCode::UPGRADE_REQUIRED {
        response = response.header(header::UPGRADE, "websocket");
    }
    let response = response.body(()).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    write_response(&mut bytes, &response).map_err(io::Error::other)?;
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(b'\n');
    io.write_all(&bytes).await?;
    io.flush().await?;
    io.shutdown().await
}
