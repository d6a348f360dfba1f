//! Limit B: binary WebSocket messages by tokio-tungstenite, on TLS.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use super::{
    Contestant, Endpoint, Failure, Serving,
    limit::{self, Frames, Pipelines, WRITE_BUFFER},
};
use crate::{contestant::connect_all, tls};

/// Tungstenite's own default is slower.
const READ_BUFFER: usize = 16 * 1024;

pub struct WebSocket;

impl Contestant for WebSocket {
    type Caller = Pipelines<WebSocketStream<TlsStream<TcpStream>>>;

    async fn serve(_: usize) -> Result<Serving<Self::Caller>, Failure> {
        let endpoint = tls::serve(tls::server_config(&[])?, |stream| async {
            limit::serve(accept_async_with_config(stream, Some(buffers())).await?).await
        });
        Ok(Serving::without_callers(endpoint.await?))
    }

    async fn connect(server: Endpoint, connections: usize) -> Result<Self::Caller, Failure> {
        let config = tls::client_config(&[])?;
        let connect = |index| {
            let (config, server) = (config.clone(), server.clone());
            async move {
                let stream = tls::dial(&config, &server, index).await?;
                let url = "wss://localhost/";
                let upgraded = client_async_with_config(url, stream, Some(buffers())).await?;
                Ok(upgraded.0)
            }
        };
        Ok(Pipelines::new(connect_all(connections, connect).await?))
    }
}

fn buffers() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
}

impl<S> Frames for WebSocketStream<S>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        loop {
            match Stream::poll_next(Pin::new(self), cx)? {
                Poll::Ready(Some(Message::Binary(body))) => return Poll::Ready(Ok(Some(body))),
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Sink::poll_ready(Pin::new(self), cx).map_err(Failure::from)
    }

    fn put(&mut self, frame: Bytes) -> Result<(), Failure> {
        Ok(Pin::new(self).start_send(Message::Binary(frame))?)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Sink::poll_flush(Pin::new(self), cx).map_err(Failure::from)
    }
}
