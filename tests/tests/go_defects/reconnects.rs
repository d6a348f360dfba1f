//! Peers that go, and come back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use integration::{
    behaviour::{Obedient, gnip, ping},
    keys::Who,
    ping::{
        GnipRequest, GnipResponse,
        gnip_server::{Gnip, GnipServer},
    },
    proxy::Proxy,
    raw::{self, Key},
    scene::{Scene, soon, until},
};
use tokio::{runtime::Handle, sync::Notify, task::JoinSet, time::Instant};
use wsrpc::{Code, Outcome, ReconnectConfig, Request, Response, Status};

use super::bob;

/// Says when it has begun, and goes on when it is told to, whatever happens to its session.
#[derive(Clone, Default)]
struct Stubborn {
    begun: Arc<Notify>,
    go_on: Arc<Notify>,
    ended: Arc<AtomicBool>,
}

impl Gnip for Stubborn {
    async fn gnip(&self, _: Request<GnipRequest>) -> Result<Response<GnipResponse>, Status> {
        self.begun.notify_one();
        let ended = Ended(self.ended.clone());
        self.go_on.notified().await;
        drop(ended);
        Ok(Response::default())
    }
}

/// Set when a handler ends, in whatever way.
struct Ended(Arc<AtomicBool>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Go: the client crashes.
#[tokio::test]
async fn a_handler_that_outlives_its_session_harms_nobody() {
    let scene = Scene::new().await;
    let proxy = Proxy::new(&scene.address.to_string()).await;
    let handler = Stubborn::default();
    let client = bob().add_service(GnipServer::new(handler.clone()));
    let client = soon(client.connect(proxy.address())).await.unwrap();
    let channel = scene.peers.channel(Who::Bob.public());
    for _ in 0..3 {
        soon(scene.peers.connected(Who::Bob.public())).await;
        handler.ended.store(false, Ordering::SeqCst);
        let channel = channel.clone();
        let call = tokio::spawn(async move { gnip(&channel, "hello").await });
        soon(handler.begun.notified()).await;
        proxy.cut();
        let error = soon(call).await.unwrap().unwrap_err();
        assert_eq!(
            (error.code(), error.outcome()),
            (Code::UNAVAILABLE, Outcome::Unknown)
        );
        // It ends with its session; were it still at work, this would let it end now.
        handler.go_on.notify_waiters();
        until(|| handler.ended.load(Ordering::SeqCst)).await;
        let patient = client.channel().wait_for_ready(true);
        assert_eq!(soon(ping(&patient, "alive")).await.unwrap(), "pong:alive");
    }
    scene.finish().await;
}

/// Go: they wait for ever.
#[tokio::test]
async fn pending_calls_fail_at_once_when_the_peer_is_dropped() {
    let scene = Scene::new().await;
    for (way, reason) in [
        (Way::Vanish, "lost"),
        (Way::Close, "closed it"),
        (Way::Revoke, "allow list"),
    ] {
        let key = Key::new();
        let mut peer = raw::connect(scene.address, &key).await;
        soon(scene.peers.connected(key.public())).await;
        let channel = scene.peers.channel(key.public());
        let mut calls = JoinSet::new();
        for _ in 0..10 {
            let channel = channel.clone();
            calls.spawn(async move { gnip(&channel, "hello").await });
        }
        for _ in 0..10 {
            soon(peer.next_request()).await;
        }
        let began = Instant::now();
        match way {
            Way::Vanish => drop(peer),
            Way::Close => peer.write(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap(),
            Way::Revoke => drop(scene.peers.allow_list().remove(&key.public())),
        }
        while let Some(call) = soon(calls.join_next()).await {
            let error = call.unwrap().unwrap_err();
            assert_eq!(
                (error.code(), error.outcome()),
                (Code::UNAVAILABLE, Outcome::Unknown)
            );
            assert!(error.message().contains(reason), "{error}");
        }
        assert!(began.elapsed() < Duration::from_secs(1));
        // From now on it is known that nothing is sent.
        until(|| !scene.peers.is_connected(&key.public())).await;
        let error = gnip(&channel, "hello").await.unwrap_err();
        assert_eq!(
            (error.code(), error.outcome()),
            (Code::UNAVAILABLE, Outcome::NotSent)
        );
    }
    scene.finish().await;
}

/// How a peer goes.
enum Way {
    Vanish,
    Close,
    Revoke,
}

/// Go: the key is refused for 26 s, until the server has given the old connection up.
#[tokio::test]
async fn after_a_change_of_network_the_same_key_is_back_within_a_second() {
    let scene = Scene::new().await;
    let old_network = Proxy::new(&scene.address.to_string()).await;
    let mut events = scene.peers.events();
    let old = bob().add_service(GnipServer::new(Obedient));
    let _old = soon(old.connect(old_network.address())).await.unwrap();
    let channel = scene.peers.channel(Who::Bob.public());
    soon(scene.peers.connected(Who::Bob.public())).await;
    assert_eq!(soon(gnip(&channel, "one")).await.unwrap(), "gnip:one");
    let epoch = soon(async {
        loop {
            let event = events.next().await.unwrap();
            if event.key == Who::Bob.public() {
                return event.epoch;
            }
        }
    })
    .await;
    // The old network is gone: nothing comes through, and nobody is told.
    old_network.freeze(true);
    let began = Instant::now();
    let new = bob().add_service(GnipServer::new(Obedient));
    let new = soon(new.connect(scene.address.to_string())).await.unwrap();
    soon(async {
        // The old session's end and the new one's begin are one event, unless it is read in between.
        while events.next().await.unwrap().epoch <= epoch {}
    })
    .await;
    assert_eq!(soon(gnip(&channel, "two")).await.unwrap(), "gnip:two");
    assert_eq!(soon(ping(&new.channel(), "two")).await.unwrap(), "pong:two");
    let after = began.elapsed();
    assert!(after < Duration::from_secs(1), "back after {after:?}");
    scene.finish().await;
}

/// Go: each reconnect leaves a goroutine behind.
#[tokio::test]
async fn a_hundred_reconnects_leave_no_task_behind() {
    let scene = Scene::new().await;
    let proxy = Proxy::new(&scene.address.to_string()).await;
    let quick = ReconnectConfig::default()
        .base(Duration::from_millis(1))
        .cap(Duration::from_millis(2));
    let client = bob()
        .reconnect(quick)
        .add_service(GnipServer::new(Obedient))
        .connect(proxy.address());
    let client = soon(client).await.unwrap();
    let channel = client.channel().wait_for_ready(true);
    let to_client = scene.peers.channel(Who::Bob.public()).wait_for_ready(true);
    soon(ping(&channel, "hi")).await.unwrap();
    soon(gnip(&to_client, "hi")).await.unwrap();
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for reconnects in 1..=100 {
        // A call each way is pending when the connection goes.
        let pending = tokio::spawn({
            let (channel, to_client) = (channel.clone(), to_client.clone());
            async move {
                let asleep = "sleep:60000";
                tokio::join!(ping(&channel, asleep), gnip(&to_client, asleep))
            }
        });
        soon(ping(&channel, "hi")).await.unwrap();
        proxy.cut();
        let (to, fro) = soon(pending).await.unwrap();
        assert_eq!(to.unwrap_err().code(), Code::UNAVAILABLE);
        assert_eq!(fro.unwrap_err().code(), Code::UNAVAILABLE);
        until(|| proxy.accepted() > reconnects).await;
        soon(ping(&channel, "back")).await.unwrap();
    }
    until(|| tasks() <= before).await;
    soon(client.close()).await;
    scene.finish().await;
}
