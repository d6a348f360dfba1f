//! A handler answers with the request's type.

#[path = "../golden/ping/ping.rs"]
mod ping;

use ping::ping_server::Ping;
use wsrpc::{Request, Response, Status};

struct MyPing;

impl Ping for MyPing {
    async fn ping(
        &self,
        request: Request<ping::PingRequest>,
    ) -> Result<Response<ping::PingRequest>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

fn main() {}
