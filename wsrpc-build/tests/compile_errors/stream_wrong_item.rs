//! A handler's stream has bare messages, not results.

#[path = "../golden/streams/mod.rs"]
mod api;

use std::pin::Pin;

use api::live::feed::r#type::clock_server::Clock;
use futures_core::Stream;
use prost_types::Timestamp;
use wsrpc::{Request, Response, Status};

struct MyClock;

fn ticks() -> Pin<Box<dyn Stream<Item = Timestamp> + Send>> {
    unimplemented!()
}

impl Clock for MyClock {
    async fn watch(
        &self,
        _: Request<()>,
    ) -> Result<Response<impl Stream<Item = Timestamp> + Send>, Status> {
        Ok(Response::new(ticks()))
    }
}

fn main() {}
