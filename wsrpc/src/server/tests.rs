//! Over real sockets and real TLS.

use std::time::Duration;

use crate::{
    Client, SecretKey, Server,
    service::test_support::{Echo, echo},
};

#[tokio::test]
async fn end_to_end() {
    let server_key = SecretKey::generate();
    let client_key = SecretKey::generate();
    let alice = client_key.public_key();
    let server = Server::builder(server_key.clone())
        .allow([alice])
        .add_service(Echo::plain())
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let address = server.local_addr().unwrap().to_string();
    let peers = server.peers();
    let handle = server.handle();
    let serving = tokio::spawn(server.serve());
    let client = Client::builder(client_key, server_key.public_key())
        .add_service(Echo::plain())
        .connect(&address)
        .await
        .unwrap();
    assert_eq!(echo(&client.channel(), "up").await.unwrap().body, "up");
    let back = peers.channel(alice);
    assert_eq!(echo(&back, "down").await.unwrap().body, "down");
    let charlie = Client::builder(SecretKey::generate(), server_key.public_key())
        .connect(&address)
        .await
        .unwrap_err();
    assert!(charlie.is_refusal(), "{charlie}");
    client.close().await;
    handle.shutdown(Duration::from_secs(1)).await;
    serving.await.unwrap();
}
