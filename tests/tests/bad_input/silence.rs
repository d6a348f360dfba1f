//! Clients that say nothing, or next to nothing.

use std::time::Duration;

use integration::{
    raw::{self, Key, UPGRADE},
    scene::{Scene, end_of, settings, soon},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::{Instant, interval},
};
use wsrpc::SessionEnd;

const LIMIT: Duration = Duration::from_millis(600);

async fn strict_scene() -> Scene {
    Scene::with(|server| server.handshake_timeout(LIMIT)).await
}

/// The stream is closed once the limit is over, and not before.
async fn is_closed_in_time<S: AsyncRead + Unpin>(stream: &mut S, began: Instant) {
    soon(raw::end_of(stream)).await.ok();
    let after = began.elapsed();
    assert!(
        after >= LIMIT - Duration::from_millis(50),
        "closed after {after:?}"
    );
}

#[tokio::test]
async fn a_client_that_never_begins_tls_is_closed() {
    let scene = strict_scene().await;
    let began = Instant::now();
    let mut stream = raw::tcp(scene.address).await;
    is_closed_in_time(&mut stream, began).await;
    scene.finish().await;
}

#[tokio::test]
async fn a_client_that_never_ends_its_tls_handshake_is_closed() {
    let scene = strict_scene().await;
    let began = Instant::now();
    let mut stream = raw::tcp(scene.address).await;
    // The beginning of a ClientHello of 512 bytes.
    stream
        .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        .await
        .unwrap();
    is_closed_in_time(&mut stream, began).await;
    scene.finish().await;
}

#[tokio::test]
async fn a_client_that_never_asks_for_the_upgrade_is_closed() {
    let scene = strict_scene().await;
    let began = Instant::now();
    let mut stream = raw::tls(scene.address, &Key::new()).await;
    is_closed_in_time(&mut stream, began).await;
    scene.finish().await;
}

#[tokio::test]
async fn a_client_that_sends_half_a_request_is_closed() {
    let scene = strict_scene().await;
    let began = Instant::now();
    let mut stream = raw::tls(scene.address, &Key::new()).await;
    let half = &UPGRADE.as_bytes()[..UPGRADE.len() / 2];
    stream.write_all(half).await.unwrap();
    stream.flush().await.unwrap();
    is_closed_in_time(&mut stream, began).await;
    scene.finish().await;
}

#[tokio::test]
async fn a_client_that_sends_a_byte_now_and_then_is_closed_all_the_same() {
    let scene = strict_scene().await;
    let began = Instant::now();
    let mut tcp = raw::tcp(scene.address).await;
    let mut tls = raw::tls(scene.address, &Key::new()).await;
    tokio::join!(
        soon(trickle(
            &mut tcp,
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
        )),
        soon(trickle(&mut tls, UPGRADE.as_bytes())),
    );
    is_closed_in_time(&mut tcp, began).await;
    is_closed_in_time(&mut tls, began).await;
    scene.finish().await;
}

/// Sends byte after byte, slowly, and then the same again, until it cannot.
async fn trickle<S: AsyncWrite + AsyncRead + Unpin>(stream: &mut S, bytes: &[u8]) {
    let mut pace = interval(Duration::from_millis(20));
    for byte in bytes.iter().take(bytes.len() - 1) {
        pace.tick().await;
        let sent = async {
            stream.write_all(&[*byte]).await?;
            stream.flush().await
        };
        if sent.await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_session_that_falls_silent_is_ended() {
    let settings = settings()
        .keepalive_interval(Duration::from_millis(200))
        .keepalive_timeout(Duration::from_secs(1));
    let scene = Scene::with(|server| server.session(settings)).await;
    let mut events = scene.peers.events();
    let key = Key::new();
    // It reads nothing, and so answers no ping.
    let _silent = raw::connect(scene.address, &key).await;
    let end = end_of(&mut events, key.public()).await;
    assert_eq!(end, SessionEnd::KeepaliveTimeout(Duration::from_secs(1)));
    scene.finish().await;
}

#[tokio::test]
async fn a_session_whose_bytes_come_one_by_one_lives() {
    let settings = settings()
        .keepalive_interval(Duration::from_millis(200))
        .keepalive_timeout(Duration::from_secs(1));
    let scene = Scene::with(|server| server.session(settings)).await;
    let mut peer = raw::connect(scene.address, &Key::new()).await;
    // One message of many bytes, without a pong among them: any byte counts as life.
    let message = peer.binary(
        vec![0x7a; 1]
            .into_iter()
            .chain([45])
            .chain([b'x'; 45])
            .collect::<Vec<u8>>(),
    );
    let mut pace = interval(Duration::from_millis(30));
    for byte in message {
        pace.tick().await;
        peer.write(&[byte]).await.unwrap();
    }
    peer.send_request("Ping", "1", "").await;
    assert_eq!(soon(peer.next_response()).await.call_id, "1");
    scene.finish().await;
}

#[tokio::test]
async fn many_silent_clients_keep_nobody_out() {
    let scene = Scene::new().await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(raw::tcp(scene.address).await);
    }
    for _ in 0..20 {
        silent.push(raw::tls(scene.address, &Key::new()).await.into_inner().0);
    }
    let mut good = soon(raw::connect(scene.address, &Key::new())).await;
    good.send_request("Ping", "1", "").await;
    assert_eq!(soon(good.next_response()).await.call_id, "1");
    scene.finish().await;
}

#[tokio::test]
async fn silent_clients_over_the_limit_of_handshakes_make_room_in_time() {
    let scene = Scene::with(|server| server.handshake_timeout(LIMIT).max_handshakes(4)).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(raw::tcp(scene.address).await);
    }
    // One more is turned away at once, and not kept waiting.
    let mut refused = raw::tcp(scene.address).await;
    let began = Instant::now();
    soon(raw::end_of(&mut refused)).await.ok();
    assert!(began.elapsed() < LIMIT);
    // One that dials again, as any client does, gets in.
    let client =
        wsrpc::Client::builder(Key::new().secret(), integration::keys::Who::Server.public())
            .reconnect(wsrpc::ReconnectConfig::default().base(Duration::from_millis(50)));
    let client = soon(client.connect(scene.address.to_string()))
        .await
        .unwrap();
    client.close().await;
    scene.finish().await;
}
