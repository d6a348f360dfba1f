//! tarpc: bincode in frames with a length before them. It has calls and no streams.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use tarpc::{
    client,
    context::{self, Context},
    serde_transport,
    server::{self, BaseChannel, Channel},
};
use tokio_serde::formats::Bincode;
use tokio_util::codec::LengthDelimitedCodec;

use super::{Contestant, Endpoint, Failure, Serving, connect_all};
use crate::{
    calls::{Callers, Calls},
    tls,
};

/// More calls than any load has in flight on a connection.
const IN_FLIGHT: usize = 8192;
/// No call takes that long: the default of 10 seconds would fail those of a large load on a slow machine.
const DEADLINE: Duration = Duration::from_secs(600);

#[tarpc::service]
pub trait Bench {
    /// Answers with the same body.
    async fn echo(body: Bytes) -> Bytes;
}

pub struct Tarpc;

impl Contestant for Tarpc {
    type Caller = Callers<BenchClient>;

    async fn serve(_: usize) -> Result<Serving<Self::Caller>, Failure> {
        let endpoint = tls::serve(tls::server_config(&[])?, async |stream| {
            let frames = LengthDelimitedCodec::builder().new_framed(stream);
            let config = server::Config {
                pending_response_buffer: IN_FLIGHT,
            };
            BaseChannel::new(config, serde_transport::new(frames, Bincode::default()))
                .execute(Service.serve())
                .for_each(async |call| drop(tokio::spawn(call)))
                .await;
            Ok(())
        })
        .await?;
        Ok(Serving::without_callers(endpoint))
    }

    async fn connect(server: Endpoint, connections: usize) -> Result<Self::Caller, Failure> {
        let config = tls::client_config(&[])?;
        let clients = connect_all(connections, async |index| {
            let stream = tls::dial(&config, &server, index).await?;
            let frames = LengthDelimitedCodec::builder().new_framed(stream);
            let mut config = client::Config::default();
            config.max_in_flight_requests = IN_FLIGHT;
            config.pending_request_buffer = IN_FLIGHT;
            let transport = serde_transport::new(frames, Bincode::default());
            Ok(BenchClient::new(config, transport).spawn())
        });
        Ok(Callers(clients.await?))
    }
}

impl Calls for BenchClient {
    async fn unary(&mut self, body: Bytes) -> Result<Bytes, Failure> {
        let mut context = context::current();
        context.deadline = Instant::now() + DEADLINE;
        Ok(self.echo(context, body).await?)
    }
}

#[derive(Clone)]
struct Service;

impl Bench for Service {
    async fn echo(self, _: Context, body: Bytes) -> Bytes {
        body
    }
}
