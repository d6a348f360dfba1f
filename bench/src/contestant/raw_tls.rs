//! Limit A: frames with their length before them, straight on TLS.

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::{
    Contestant, Endpoint, Failure, Serving, connect_all,
    framed::framed,
    limit::{self, Pipelines},
};
use crate::tls;

pub struct RawTls;

impl Contestant for RawTls {
    type Caller = Pipelines<Framed<TlsStream<TcpStream>, LengthDelimitedCodec>>;

    async fn serve(_: usize) -> Result<Serving<Self::Caller>, Failure> {
        let config = tls::server_config(&[])?;
        let endpoint = tls::serve(config, |stream| limit::serve(framed(stream))).await?;
        Ok(Serving::without_callers(endpoint))
    }

    async fn connect(server: Endpoint, connections: usize) -> Result<Self::Caller, Failure> {
        let config = tls::client_config(&[])?;
        let connect = |index| {
            let (config, server) = (config.clone(), server.clone());
            async move { Ok(framed(tls::dial(&config, &server, index).await?)) }
        };
        Ok(Pipelines::new(connect_all(connections, connect).await?))
    }
}
