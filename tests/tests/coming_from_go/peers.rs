//! The rows of peers: who may connect, and who is connected.

use std::{
    future::IntoFuture,
    sync::{Arc, Mutex},
    time::Duration,
};

use integration::{
    behaviour::ping,
    keys::Who,
    raw::Key,
    scene::{Scene, soon, until},
};
use wsrpc::{Client, ConnectError, PeerState, SessionEnd};

use super::{client, server};

/// `UpdatePublicKeys`.
#[tokio::test]
async fn the_allow_list_is_changed_while_serving() {
    let scene = Scene::new().await;
    let list = scene.peers.allow_list();
    assert_eq!(list.keys(), None);
    list.replace([Who::Alice.public()]).await;
    assert_eq!(list.keys(), Some(vec![Who::Alice.public()]));
    let address = scene.address.to_string();
    let refused = soon(client(Who::Bob).connect(&address)).await.unwrap_err();
    assert!(
        matches!(refused, ConnectError::KeyRefused { .. }),
        "{refused}"
    );
    assert!(list.insert(Who::Bob.public()) && !list.insert(Who::Bob.public()));
    let bob = soon(client(Who::Bob).connect(&address)).await.unwrap();
    soon(scene.peers.connected(Who::Bob.public())).await;
    // A key that is replaced away is cut off before the call returns.
    let revocation = list.replace([Who::Alice.public()]);
    assert!(!scene.peers.is_connected(&Who::Bob.public()) && !list.contains(&Who::Bob.public()));
    assert_eq!(soon(revocation.into_future()).await, 0);
    // The client keeps trying, and is back once it is allowed again.
    assert!(list.insert(Who::Bob.public()));
    let patient = bob.channel().wait_for_ready(true);
    assert_eq!(soon(ping(&patient, "again")).await.unwrap(), "pong:again");
    assert_eq!(soon(list.remove(&Who::Bob.public()).into_future()).await, 0);
    list.allow_any();
    assert_eq!(soon(ping(&patient, "any")).await.unwrap(), "pong:any");
    scene.finish().await;
}

/// Go has no such thing: a key that is on no list asks to be let in.
#[tokio::test]
async fn an_admission_hook_enrols_keys() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let server = server()
        .admit({
            let asked = asked.clone();
            move |key| {
                asked.lock().unwrap().push(*key);
                *key != Who::Charlie.public()
            }
        })
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let (address, list) = (
        server.local_addr().unwrap().to_string(),
        server.peers().allow_list(),
    );
    tokio::spawn(server.serve());
    let new = Key::new();
    let enrol = || Client::builder(new.secret(), Who::Server.public()).connect(&address);
    soon(enrol()).await.unwrap().close().await;
    assert!(list.contains(&new.public()));
    // It is asked once only, and not at all for one that is on the list.
    soon(enrol()).await.unwrap().close().await;
    soon(client(Who::Alice).connect(&address))
        .await
        .unwrap()
        .close()
        .await;
    let refused = soon(client(Who::Charlie).connect(&address))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, ConnectError::KeyRefused { .. }),
        "{refused}"
    );
    assert!(!list.contains(&Who::Charlie.public()));
    assert_eq!(
        *asked.lock().unwrap(),
        [new.public(), Who::Charlie.public()]
    );
}

/// `GetConnectedPeerPublicKeys`, `OpenConnections`.
#[tokio::test]
async fn connected_peers_are_listed_and_counted() {
    let server = server().bind("127.0.0.1:0").await.unwrap();
    let (address, peers) = (server.local_addr().unwrap().to_string(), server.peers());
    tokio::spawn(server.serve());
    assert_eq!((peers.count(), peers.list()), (0, vec![]));
    let alice = soon(client(Who::Alice).connect(&address)).await.unwrap();
    soon(peers.connected(Who::Alice.public())).await;
    let bob = soon(client(Who::Bob).connect(&address)).await.unwrap();
    soon(peers.connected(Who::Bob.public())).await;
    let mut listed = peers.list();
    listed.sort();
    assert_eq!(listed, [Who::Alice.public(), Who::Bob.public()]);
    assert_eq!(peers.count(), 2);
    soon(alice.close()).await;
    until(|| peers.count() == 1).await;
    assert_eq!(peers.list(), [Who::Bob.public()]);
    soon(bob.close()).await;
    until(|| peers.count() == 0).await;
}

/// `GetConnectionNotifyChan`, which tells that something has changed and not what.
#[tokio::test]
async fn events_tell_who_came_and_went_and_why() {
    let server = server().bind("127.0.0.1:0").await.unwrap();
    let (address, peers) = (server.local_addr().unwrap().to_string(), server.peers());
    let handle = server.handle();
    let serving = tokio::spawn(server.serve());
    let mut events = peers.events();
    let alice = soon(client(Who::Alice).connect(&address)).await.unwrap();
    let came = soon(events.next()).await.unwrap();
    assert_eq!(
        (came.key, &came.state),
        (Who::Alice.public(), &PeerState::Connected)
    );
    // A later subscriber learns first who is there.
    let mut later = peers.events();
    assert_eq!(soon(later.next()).await.unwrap(), came);
    soon(alice.close()).await;
    let went = soon(events.next()).await.unwrap();
    assert_eq!((went.key, went.epoch), (came.key, came.epoch));
    assert!(matches!(
        went.state,
        PeerState::Disconnected(SessionEnd::PeerClosed { code: 1001, .. })
    ));
    // One who does not look learns the latest state, and how much was missed.
    for _ in 0..2 {
        let alice = soon(client(Who::Alice).connect(&address)).await.unwrap();
        soon(events.next()).await.unwrap();
        soon(alice.close()).await;
        soon(events.next()).await.unwrap();
    }
    let merged = soon(later.next()).await.unwrap();
    assert!(matches!(merged.state, PeerState::Disconnected(_)));
    assert_eq!(merged.merged, 4);
    assert!(merged.epoch > came.epoch && !merged.cloned);
    soon(handle.shutdown(Duration::ZERO)).await;
    soon(serving).await.unwrap();
    assert_eq!(soon(events.next()).await, None);
}
