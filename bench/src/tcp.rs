//! TCP between a server and its clients, on loopback.

use std::{future::Future, net::Ipv4Addr};

use tokio::net::{TcpListener, TcpStream};

use crate::contestant::{Endpoint, Failure};

/// Listens on a free port of all loopback addresses, see [`Endpoint::address_of`].
async fn listen() -> Result<(TcpListener, Endpoint), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    let port = listener.local_addr()?.port();
    let endpoint = Endpoint {
        address: (Ipv4Addr::LOCALHOST, port).into(),
        key: None,
    };
    Ok((listener, endpoint))
}

/// Listens, and serves each connection in a task of its own. A connection that fails ends alone: its client says so.
pub async fn serve<F>(
    connection: impl Fn(TcpStream) -> F + Send + 'static,
) -> Result<Endpoint, Failure>
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let (listener, endpoint) = listen().await?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if stream.set_nodelay(true).is_ok() {
                tokio::spawn(connection(stream));
            }
        }
    });
    Ok(endpoint)
}

/// Makes the connection of this index.
pub async fn dial(server: &Endpoint, index: usize) -> Result<TcpStream, Failure> {
    let address = server.address_of(index);
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| format!("cannot connect to {address}: {error}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
