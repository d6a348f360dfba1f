//! Limit A without TLS, which is little more than the kernel and the runtime.

use tokio::net::TcpStream;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::{
    Contestant, Endpoint, Failure, Serving, connect_all,
    framed::framed,
    limit::{self, Pipelines},
};
use crate::tcp;

pub struct RawTcp;

impl Contestant for RawTcp {
    type Caller = Pipelines<Framed<TcpStream, LengthDelimitedCodec>>;

    async fn serve(_: usize) -> Result<Serving<Self::Caller>, Failure> {
        let endpoint = tcp::serve(|stream| limit::serve(framed(stream))).await?;
        Ok(Serving::without_callers(endpoint))
    }

    async fn connect(server: Endpoint, connections: usize) -> Result<Self::Caller, Failure> {
        let connect = |index| {
            let server = server.clone();
            async move { Ok(framed(tcp::dial(&server, index).await?)) }
        };
        Ok(Pipelines::new(connect_all(connections, connect).await?))
    }
}
