//! Who may connect.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::{ConnectError, SecretKey, service::test_support::Served};

/// Whether a client of this key gets in.
async fn gets_in(server: &Served, key: &SecretKey) -> bool {
    match server.client(key).connect(&server.address).await {
        Ok(client) => {
            client.close().await;
            true
        }
        Err(ConnectError::KeyRefused { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn nobody_gets_in_who_is_not_allowed() {
    let [alice, bob, carol] = [(); 3].map(|()| SecretKey::generate());
    let server =
        Served::start(|server| server.allow([alice.public_key()]).allow([bob.public_key()])).await;
    assert!(gets_in(&server, &alice).await);
    assert!(gets_in(&server, &bob).await);
    assert!(!gets_in(&server, &carol).await);
}

#[tokio::test]
async fn the_list_can_be_changed_while_the_server_serves() {
    let [alice, bob] = [(); 2].map(|()| SecretKey::generate());
    let server = Served::start(|server| server).await;
    let list = server.peers.allow_list();
    assert_eq!(list.keys(), Some(vec![]));
    assert!(!gets_in(&server, &alice).await);

    assert!(list.insert(alice.public_key()));
    assert!(!list.insert(alice.public_key()));
    assert!(list.contains(&alice.public_key()));
    assert!(gets_in(&server, &alice).await);

    assert_eq!(list.replace([bob.public_key()]).await, 0);
    assert_eq!(list.keys(), Some(vec![bob.public_key()]));
    assert!(!gets_in(&server, &alice).await);
    assert!(gets_in(&server, &bob).await);

    assert_eq!(list.remove(&bob.public_key()).await, 0);
    assert!(!gets_in(&server, &bob).await);

    list.allow_any();
    assert_eq!(list.keys(), None);
    assert!(!list.insert(alice.public_key()));
    assert!(gets_in(&server, &alice).await);
}

#[tokio::test]
async fn while_any_key_is_allowed_a_removal_only_cuts_off() {
    let server = Served::start(|server| server.allow_any()).await;
    let key = SecretKey::generate();
    let client = server.client(&key).connect(&server.address).await.unwrap();
    let mut events = server.peers.events();
    let first = events.next().await.unwrap().epoch;
    assert_eq!(server.peers.allow_list().remove(&key.public_key()).await, 0);
    // It comes back by itself.
    while events.next().await.unwrap().epoch <= first {}
    client.ready().await.unwrap();
}

#[tokio::test]
async fn an_admission_hook_puts_keys_on_the_list() {
    let [alice, bob] = [(); 2].map(|()| SecretKey::generate());
    let admitted = alice.public_key();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = Served::start(|server| {
        server.admit(move |key| {
            count.fetch_add(1, Ordering::SeqCst);
            *key == admitted
        })
    })
    .await;
    let list = server.peers.allow_list();
    assert!(gets_in(&server, &alice).await);
    assert!(list.contains(&alice.public_key()));
    assert!(gets_in(&server, &alice).await);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(!gets_in(&server, &bob).await);
    assert!(!list.contains(&bob.public_key()));
    // A removed key is asked about again.
    assert_eq!(list.remove(&alice.public_key()).await, 0);
    assert!(gets_in(&server, &alice).await);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}
