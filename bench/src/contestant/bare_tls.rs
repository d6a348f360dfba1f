//! What a TLS connection costs by itself: an echo that holds nothing while there is nothing to echo.

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use super::{Contestant, Endpoint, Failure, Serving, raw_tls::RawTls};
use crate::tls;

/// Its clients are those of [`RawTls`], as long as they want echoes.
pub struct BareTls;

impl Contestant for BareTls {
    type Caller = <RawTls as Contestant>::Caller;

    async fn serve(_: usize) -> Result<Serving<Self::Caller>, Failure> {
        let endpoint = tls::serve(tls::server_config(&[])?, |mut stream| async move {
            // The first frame is empty, and says that echoes are wanted. Only its length is on the wire.
            stream.read_u32().await?;
            loop {
                let read = read_some(&mut stream).await?;
                if read.is_empty() {
                    return Ok(());
                }
                stream.write_all(&read).await?;
                stream.flush().await?;
            }
        });
        Ok(Serving::without_callers(endpoint.await?))
    }

    async fn connect(server: Endpoint, connections: usize) -> Result<Self::Caller, Failure> {
        RawTls::connect(server, connections).await
    }
}

/// What has come, read through a buffer that lives no longer than it takes to look.
async fn read_some(stream: &mut TlsStream<TcpStream>) -> io::Result<Vec<u8>> {
    poll_fn(|cx| {
        let mut scratch = [MaybeUninit::uninit(); 16 * 1024];
        let mut scratch = ReadBuf::uninit(&mut scratch);
        ready!(Pin::new(&mut *stream).poll_read(cx, &mut scratch))?;
        Poll::Ready(Ok(scratch.filled().to_vec()))
    })
    .await
}
