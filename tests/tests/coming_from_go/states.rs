//! The rows of a client's life: states, closing, reconnecting, patience.

use std::{future::IntoFuture, time::Duration};

use integration::{
    behaviour::{Obedient, gnip, ping},
    keys::Who,
    ping::{PingRequest, ping_client::PingClient, ping_server::PingServer},
    proxy::Proxy,
    raw::{Key, Listener},
    scene::{Scene, settings, soon, until},
};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};
use wsrpc::{Client, Code, ConnectError, Outcome, ReconnectConfig, Server, State};

use super::bob;

/// `GetState`, `WaitForStateChange`, `WaitForReady`.
#[tokio::test]
async fn states_can_be_read_watched_and_awaited() {
    let key = Key::new();
    let listener = Listener::bind().await;
    let client = Client::builder(Who::Bob.secret(), key.public())
        .session(settings())
        .reconnect(ReconnectConfig::default().base(Duration::from_millis(200)))
        .connect_lazy(listener.address())
        .unwrap();
    let mut states = client.watch_state();
    assert_eq!(
        (client.state(), states.current()),
        (State::Connecting, State::Connecting)
    );
    // An attempt that fails, and one that does not.
    drop(soon(listener.tcp()).await);
    soon(states.wait_for(State::TransientFailure))
        .await
        .unwrap();
    assert!(client.last_error().is_some());
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.ready().await }
    });
    let server = soon(listener.upgraded(&key)).await;
    soon(waiting).await.unwrap().unwrap();
    soon(states.wait_for(State::Ready)).await.unwrap();
    assert!(client.last_error().is_none());
    // The session is lost, and the pause may be a long one, for it did not last.
    drop(server);
    let lost = soon(states.changed()).await;
    assert!(matches!(lost, Some(State::Idle | State::TransientFailure)));
    assert!(matches!(
        client.last_error(),
        Some(ConnectError::SessionEnded(_))
    ));
    soon(states.wait_for(State::Connecting)).await.unwrap();
    drop(listener);
    soon(client.close()).await;
    soon(states.wait_for(State::Ready))
        .await
        .ok_or(())
        .unwrap_err();
    assert_eq!(client.state(), State::Shutdown);
    soon(client.ready()).await.unwrap_err();
    assert_eq!(soon(states.changed()).await, None);
}

/// `Close`.
#[tokio::test]
async fn close_waits_for_all_tasks_and_closed_tells_others() {
    let scene = Scene::new().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let client = soon(bob().connect(scene.address.to_string()))
        .await
        .unwrap();
    soon(scene.peers.connected(Who::Bob.public())).await;
    let channel = client.channel();
    let pending = tokio::spawn(async move { ping(&channel, "sleep:60000").await });
    let to_client = scene.peers.channel(Who::Bob.public());
    let handling = tokio::spawn(async move { gnip(&to_client, "sleep:60000").await });
    let told = tokio::spawn({
        let client = client.clone();
        async move { client.closed().await }
    });
    // Both are on their way.
    soon(ping(&client.channel(), "hi")).await.unwrap();
    soon(gnip(&scene.peers.channel(Who::Bob.public()), "hi"))
        .await
        .unwrap();
    soon(client.close()).await;
    soon(told).await.unwrap();
    assert_eq!(
        soon(pending).await.unwrap().unwrap_err().code(),
        Code::UNAVAILABLE
    );
    assert_eq!(
        soon(handling).await.unwrap().unwrap_err().code(),
        Code::UNAVAILABLE
    );
    until(|| tasks() <= before).await;
    // Closing twice is no mistake.
    soon(client.close()).await;
    scene.finish().await;
}

/// Go closes when told to only; here the last handle that goes does too.
#[tokio::test]
async fn the_last_handle_that_is_dropped_closes() {
    let scene = Scene::new().await;
    let client = soon(bob().connect(scene.address.to_string()))
        .await
        .unwrap();
    let channel = client.channel();
    drop(client);
    // A channel keeps it open.
    assert_eq!(soon(ping(&channel, "hi")).await.unwrap(), "pong:hi");
    drop(channel);
    until(|| !scene.peers.is_connected(&Who::Bob.public())).await;
    scene.finish().await;
}

/// Reconnecting with back-off: it comes back by itself, and a call may wait for it.
#[tokio::test]
async fn a_lost_connection_is_made_again_with_pauses_that_are_settings() {
    let scene = Scene::new().await;
    let proxy = Proxy::new(&scene.address.to_string()).await;
    let pauses = ReconnectConfig::default()
        .base(Duration::from_millis(10))
        .factor(1.6)
        .cap(Duration::from_millis(50))
        .stable_after(Duration::from_secs(1));
    let client = soon(bob().reconnect(pauses).connect(proxy.address()))
        .await
        .unwrap();
    let channel = client.channel().wait_for_ready(true);
    for times in 1..=3 {
        assert_eq!(proxy.accepted(), times);
        proxy.cut();
        until(|| proxy.accepted() > times).await;
        assert_eq!(soon(ping(&channel, "hi")).await.unwrap(), "pong:hi");
    }
    scene.finish().await;
}

/// `UniClientConn`: a call outlasts an absence of the server, within its deadline.
#[tokio::test]
async fn a_patient_call_outlasts_an_absence_of_the_server() {
    let reserved = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let client = bob()
        .wait_for_ready(true)
        .connect_lazy(address.to_string())
        .unwrap();
    let mut states = client.watch_state();
    soon(states.wait_for(State::TransientFailure))
        .await
        .unwrap();
    // For a client, a channel or a call: patient, and until its deadline only.
    let stub = PingClient::new(client.channel());
    let request = || PingRequest { body: "hi".into() };
    let began = Instant::now();
    let error = stub
        .ping(request())
        .timeout(Duration::from_millis(100))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::DEADLINE_EXCEEDED, Outcome::NotSent)
    );
    assert!(began.elapsed() >= Duration::from_millis(100));
    let waiting = tokio::spawn(stub.ping(request()).into_future());
    let server = Server::builder(Who::Server.secret())
        .allow([Who::Bob.public()])
        .add_service(PingServer::new(Obedient))
        .bind(address)
        .await
        .unwrap();
    let serving = tokio::spawn(server.serve());
    assert_eq!(soon(waiting).await.unwrap().unwrap().body, "pong:hi");
    // And one that is not, fails at once while there is no server.
    serving.abort();
    soon(states.wait_for(State::TransientFailure))
        .await
        .unwrap();
    let impatient = stub.ping(request()).wait_for_ready(false);
    let failed = timeout(Duration::from_secs(1), impatient.into_future())
        .await
        .unwrap();
    match failed {
        Err(error) => assert_eq!(
            (error.code(), error.outcome()),
            (Code::UNAVAILABLE, Outcome::NotSent)
        ),
        Ok(answer) => panic!("{answer:?}"),
    }
}

/// Where Go's `UniClientConn` is wrong: it sends a call again that may have run.
#[tokio::test]
async fn a_patient_call_that_was_sent_is_not_sent_again() {
    let key = Key::new();
    let listener = Listener::bind().await;
    let client = Client::builder(Who::Bob.secret(), key.public())
        .session(settings())
        .reconnect(ReconnectConfig::default().base(Duration::from_millis(10)))
        .wait_for_ready(true)
        .connect_lazy(listener.address())
        .unwrap();
    let channel = client.channel();
    let call = tokio::spawn(async move { ping(&channel, "pay").await });
    let mut server = soon(listener.upgraded(&key)).await;
    soon(server.next_request()).await;
    drop(server);
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::UNAVAILABLE, Outcome::Unknown)
    );
    // The next connection brings the next call, and not that one.
    let channel = client.channel();
    let call = tokio::spawn(async move { ping(&channel, "next").await });
    let mut server = soon(listener.upgraded(&key)).await;
    let request = soon(server.next_request()).await;
    assert!(request.payload.ends_with(b"next"));
    server.send_response(&request.call_id, "").await;
    soon(call).await.unwrap().unwrap();
}
