//! Handlers that do what the request's body says, as those of the Go peer do, so that a test steers either side.
//!
//! | body | answer |
//! | --- | --- |
//! | `error:<text>` | the error `<text>` |
//! | `back` | what the caller answers, called back from within the handler |
//! | `sleep:<ms>` | `slept`, so much later |
//! | `size:<n>` | n times `x` |
//! | `len:<anything>` | the length of the whole body, in decimal |
//! | anything else | `pong:` (or `gnip:`) and the body |

use std::time::Duration;

use wsrpc::{Channel, Request, Response, Status};

use crate::ping::{
    GnipRequest, GnipResponse, PingRequest, PingResponse, gnip_client::GnipClient,
    gnip_server::Gnip, ping_client::PingClient, ping_server::Ping,
};

/// Answers Ping on a server, or Gnip on a client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Obedient;

impl Ping for Obedient {
    async fn ping(&self, request: Request<PingRequest>) -> Result<Response<PingResponse>, Status> {
        let body = match request.body.as_str() {
            "back" => gnip(&request.channel(), "from-ping").await?,
            body => obey(body, "pong:").await?,
        };
        Ok(Response::new(PingResponse { body }))
    }
}

impl Gnip for Obedient {
    async fn gnip(&self, request: Request<GnipRequest>) -> Result<Response<GnipResponse>, Status> {
        let body = match request.body.as_str() {
            "back" => ping(&request.channel(), "from-gnip").await?,
            body => obey(body, "gnip:").await?,
        };
        Ok(Response::new(GnipResponse { body }))
    }
}

async fn obey(body: &str, prefix: &str) -> Result<String, Status> {
    let Some((verb, rest)) = body.split_once(':') else {
        return Ok(format!("{prefix}{body}"));
    };
    Ok(match verb {
        "error" => return Err(Status::internal(rest)),
        "sleep" => {
            tokio::time::sleep(Duration::from_millis(rest.parse().unwrap())).await;
            "slept".into()
        }
        "size" => "x".repeat(rest.parse().unwrap()),
        "len" => body.len().to_string(),
        _ => format!("{prefix}{body}"),
    })
}

/// Calls Ping.
pub async fn ping(channel: &Channel, body: impl Into<String>) -> Result<String, wsrpc::CallError> {
    let client = PingClient::new(channel.clone());
    let response = client.ping(PingRequest { body: body.into() }).await?;
    Ok(response.into_inner().body)
}

/// Calls Gnip.
pub async fn gnip(channel: &Channel, body: impl Into<String>) -> Result<String, wsrpc::CallError> {
    let client = GnipClient::new(channel.clone());
    let response = client.gnip(GnipRequest { body: body.into() }).await?;
    Ok(response.into_inner().body)
}
