//! A handler's stream cannot go to another thread.

#[path = "../golden/streams/mod.rs"]
mod api;

use std::pin::Pin;

use api::live::feed::r#type::clock_server::Clock;
use futures_core::Stream;
use prost_types::Timestamp;
use wsrpc::{Request, Response, Status};

struct MyClock;

fn ticks() -> Pin<Box<dyn Stream<Item = Result<Timestamp, Status>>>> {
    unimplemented!()
}

impl Clock for MyClock {
    async fn watch(
        &self,
        _: Request<()>,
    ) -> Result<Response<impl Stream<Item = Result<Timestamp, Status>>>, Status> {
        Ok(Response::new(ticks()))
    }
}

fn main() {}
