//! A key that was removed, and TLS tickets.

use std::{io, net::SocketAddr};

use integration::{
    keys::Who,
    raw::{self, Certificates, Key},
    scene::{Scene, soon},
};
use rustls::{AlertDescription, ClientConfig, HandshakeKind};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::message;

/// Go: a TLS ticket lets it in, because resumption asks nobody about the key.
#[tokio::test]
async fn a_removed_key_does_not_get_back_in() {
    let scene = Scene::new().await;
    let key = Key::new();
    let list = scene.peers.allow_list();
    list.replace([Who::Alice.public(), key.public()]).await;
    // With rustls' defaults, this client keeps every ticket and shows it when it comes back.
    let config = raw::client_config(Certificates::One(&key));
    let mut session = connect_with(scene.address, &config).await.unwrap();
    session.send_request("Ping", "1", message("hello")).await;
    soon(session.next_response()).await;
    assert_eq!(list.remove(&key.public()).await, 0);
    assert_eq!(soon(session.close_frame()).await.0, 4001);
    for _ in 0..3 {
        let error = connect_with(scene.address, &config).await.unwrap_err();
        assert_eq!(raw::alert(&error), Some(AlertDescription::BadCertificate));
    }
    list.insert(key.public());
    connect_with(scene.address, &config).await.unwrap();
    scene.finish().await;
}

/// Connects anew with a configuration that may remember earlier connections.
async fn connect_with(
    address: SocketAddr,
    config: &ClientConfig,
) -> io::Result<raw::Socket<TlsStream<TcpStream>>> {
    let stream = raw::tcp(address).await;
    let stream = soon(raw::tls_over(stream, config.clone())).await?;
    let resumed = stream.get_ref().1.handshake_kind();
    assert_ne!(resumed, Some(HandshakeKind::Resumed));
    let socket = soon(raw::try_upgrade(stream)).await?;
    // Tickets come behind the handshake, and would have come by now.
    assert_eq!(socket.stream.get_ref().1.tls13_tickets_received(), 0);
    Ok(socket)
}
