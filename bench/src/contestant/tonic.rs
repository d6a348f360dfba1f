//! tonic, gRPC of the same service: one channel for each connection.
//!
//! It has its defaults: other HTTP/2 windows, fixed or adaptive, made none of the loads faster. Only the limit of streams
//! is raised, since with its 200 the other calls wait.

use std::{io, pin::Pin};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::mpsc};
use tokio_rustls::server::TlsStream;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Channel, Endpoint as Target, Server},
};
use tower::service_fn;

use super::{Contestant, Endpoint, Failure, LARGEST, Serving, connect_all};
use crate::{
    calls::{Callers, Calls, random_body},
    proto::{
        Body, Wanted,
        tonic_stubs::{
            bench_client::BenchClient,
            bench_server::{Bench, BenchServer},
        },
    },
    tls,
};

/// The only protocol that gRPC speaks.
const ALPN: &[&str] = &["h2"];
/// With many more, HTTP/2's layer ends the connection: it takes so many small frames for an attack.
const STREAMS: u32 = 1024;
/// Connections that wait to be taken on.
const ACCEPTED: usize = 1024;

pub struct Tonic;

impl Contestant for Tonic {
    type Caller = Callers<BenchClient<Channel>>;

    async fn serve(_: usize) -> Result<Serving<Self::Caller>, Failure> {
        let (accepted, connections) = mpsc::channel::<TlsStream<TcpStream>>(ACCEPTED);
        let endpoint = tls::serve(tls::server_config(ALPN)?, move |stream| {
            let accepted = accepted.clone();
            async move { Ok(accepted.send(stream).await?) }
        })
        .await?;
        let incoming = stream::unfold(connections, async |mut connections| {
            let stream = connections.recv().await?;
            Some((Ok::<_, io::Error>(stream), connections))
        });
        let server = Server::builder()
            .max_concurrent_streams(STREAMS)
            .add_service(BenchServer::new(Service).max_decoding_message_size(LARGEST))
            .serve_with_incoming(incoming);
        tokio::spawn(server);
        Ok(Serving::without_callers(endpoint))
    }

    async fn connect(server: Endpoint, connections: usize) -> Result<Self::Caller, Failure> {
        let config = tls::client_config(ALPN)?;
        let clients = connect_all(connections, async |index| {
            let (config, server) = (config.clone(), server.clone());
            let connector = service_fn(move |_| {
                let (config, server) = (config.clone(), server.clone());
                async move { tls::dial(&config, &server, index).await.map(TokioIo::new) }
            });
            // The connector knows where to, so that this is only what requests name as their authority.
            let target = Target::from_static("http://bench");
            let channel = target.connect_with_connector(connector).await?;
            Ok(BenchClient::new(channel).max_decoding_message_size(LARGEST))
        });
        Ok(Callers(clients.await?))
    }
}

impl Calls for BenchClient<Channel> {
    async fn unary(&mut self, body: Bytes) -> Result<Bytes, Failure> {
        Ok(self.echo(Body { body }).await?.into_inner().body)
    }

    async fn download(
        &mut self,
        messages: u64,
        size: u64,
    ) -> Result<impl Stream<Item = Result<Bytes, Failure>> + Send, Failure> {
        let wanted = Wanted { messages, size };
        Ok(bodies(Self::download(self, wanted).await?))
    }

    async fn echo_all(
        &mut self,
        sent: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<impl Stream<Item = Result<Bytes, Failure>> + Send, Failure> {
        let sent = sent.map(|body| Body { body });
        Ok(bodies(Self::echo_all(self, sent).await?))
    }
}

fn bodies(answers: Response<Streaming<Body>>) -> impl Stream<Item = Result<Bytes, Failure>> + Send {
    answers
        .into_inner()
        .map_ok(|answer| answer.body)
        .map_err(Failure::from)
}

struct Service;

type Bodies = Pin<Box<dyn Stream<Item = Result<Body, Status>> + Send>>;

#[tonic::async_trait]
impl Bench for Service {
    type DownloadStream = Bodies;
    type EchoAllStream = Streaming<Body>;

    async fn echo(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn download(&self, request: Request<Wanted>) -> Result<Response<Bodies>, Status> {
        let Wanted { messages, size } = request.into_inner();
        let size =
            usize::try_from(size).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let body = random_body(size);
        let answers = stream::iter(0..messages).map(move |_| Ok(Body { body: body.clone() }));
        Ok(Response::new(Box::pin(answers)))
    }

    async fn echo_all(
        &self,
        request: Request<Streaming<Body>>,
    ) -> Result<Response<Streaming<Body>>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}
