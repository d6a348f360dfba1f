//! A handler holds what cannot go to another thread, across an await.

#[path = "../golden/ping/ping.rs"]
mod ping;

use std::rc::Rc;

use ping::ping_server::Ping;
use wsrpc::{Request, Response, Status};

struct MyPing;

impl Ping for MyPing {
    async fn ping(
        &self,
        request: Request<ping::PingRequest>,
    ) -> Result<Response<ping::PingResponse>, Status> {
        let body = Rc::new(request.into_inner().body);
        std::future::ready(()).await;
        let body = body.to_string();
        Ok(Response::new(ping::PingResponse { body }))
    }
}

fn main() {}
