//! The rows of calls: services, stubs, who the peer is, and errors.

use std::{sync::Arc, time::Duration};

use integration::{
    behaviour::{Obedient, gnip, ping},
    keys::Who,
    ping::{
        GnipRequest, GnipResponse, PingRequest, PingResponse,
        gnip_client::GnipClient,
        gnip_server::{Gnip, GnipServer},
        ping_client::PingClient,
        ping_server::{Ping, PingServer},
    },
    scene::soon,
};
use wsrpc::{
    Blame, Channel, Client, Code, Outcome, Peers, PublicKey, Request, Response, Server, Service,
    Status,
};

/// A client, and the server's peers.
async fn connected(
    server: impl Service,
    more: impl Service,
    client: impl Service,
    client_more: impl Service,
) -> (Client, Peers) {
    let server = Server::builder(Who::Server.secret())
        .allow([Who::Alice.public()])
        .add_service(server)
        .add_service(more)
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let (address, peers) = (server.local_addr().unwrap().to_string(), server.peers());
    tokio::spawn(server.serve());
    let client = Client::builder(Who::Alice.secret(), Who::Server.public())
        .add_service(client)
        .add_service(client_more)
        .connect(address);
    let client = soon(client).await.unwrap();
    soon(peers.connected(Who::Alice.public())).await;
    (client, peers)
}

/// A client with both services, and a server with both.
async fn all_four() -> (Client, Peers) {
    connected(
        PingServer::new(Obedient),
        GnipServer::new(Obedient),
        PingServer::new(Obedient),
        GnipServer::new(Obedient),
    )
    .await
}

/// `RegisterPingServer`, `RegisterGnipServer`: on either side, several on each.
#[tokio::test]
async fn services_are_added_on_both_sides_and_several_on_each() {
    let (client, peers) = all_four().await;
    for channel in [client.channel(), peers.channel(Who::Alice.public())] {
        assert_eq!(soon(ping(&channel, "1")).await.unwrap(), "pong:1");
        assert_eq!(soon(gnip(&channel, "2")).await.unwrap(), "gnip:2");
    }
}

/// Calls back with a stub on the request's channel, whichever side it runs on.
struct CallsBack;

impl Ping for CallsBack {
    async fn ping(&self, request: Request<PingRequest>) -> Result<Response<PingResponse>, Status> {
        let back = GnipClient::new(request.channel());
        let body = back
            .gnip(GnipRequest {
                body: "back".into(),
            })
            .await?
            .into_inner()
            .body;
        Ok(Response::new(PingResponse { body }))
    }
}

/// `NewPingClient(conn)`, `NewGnipClient(server)` with `peer.NewCallContext`: one type for all.
#[tokio::test]
async fn one_stub_type_calls_over_three_kinds_of_channel() {
    let (client, peers) = connected(
        PingServer::new(CallsBack),
        GnipServer::new(Obedient),
        PingServer::new(Obedient),
        GnipServer::new(Mirror),
    )
    .await;
    let stubs: [GnipClient; 2] = [
        GnipClient::new(client.channel()),
        GnipClient::new(peers.channel(Who::Alice.public())),
    ];
    let mut answers = Vec::new();
    for stub in &stubs {
        let body = "hello".into();
        answers.push(
            soon(stub.gnip(GnipRequest { body }).into_future())
                .await
                .unwrap()
                .body
                .clone(),
        );
    }
    assert_eq!(answers, ["gnip:hello", "olleh"]);
    // The third is used by the server's handler.
    assert_eq!(soon(ping(&client.channel(), "")).await.unwrap(), "kcab");
}

struct Mirror;

impl Gnip for Mirror {
    async fn gnip(&self, request: Request<GnipRequest>) -> Result<Response<GnipResponse>, Status> {
        let body = request.body.chars().rev().collect();
        Ok(Response::new(GnipResponse { body }))
    }
}

/// Answers with who calls.
#[derive(Clone)]
struct WhoAmI;

impl Ping for WhoAmI {
    async fn ping(&self, request: Request<PingRequest>) -> Result<Response<PingResponse>, Status> {
        let peer: PublicKey = request.peer();
        Ok(Response::new(PingResponse {
            body: peer.to_string(),
        }))
    }
}

/// `peer.FromContext`.
#[tokio::test]
async fn a_request_knows_its_peer_on_either_side() {
    let whoami = Arc::new(WhoAmI);
    let (client, peers) = connected(
        PingServer::from_arc(whoami.clone()),
        GnipServer::new(Obedient),
        PingServer::from_arc(whoami),
        GnipServer::new(Obedient),
    )
    .await;
    let asked = soon(ping(&client.channel(), "")).await.unwrap();
    assert_eq!(asked, Who::Alice.public().to_string());
    let asked = soon(ping(&peers.channel(Who::Alice.public()), ""))
        .await
        .unwrap();
    assert_eq!(asked, Who::Server.public().to_string());
}

/// Keeps the channel of its latest caller.
#[derive(Default)]
struct KeepsChannel(std::sync::Mutex<Option<Channel>>);

impl Ping for KeepsChannel {
    async fn ping(&self, request: Request<PingRequest>) -> Result<Response<PingResponse>, Status> {
        *self.0.lock().unwrap() = Some(request.channel());
        Ok(Response::default())
    }
}

/// A request's channel is bound to that session: it outlives the call and not the session.
#[tokio::test]
async fn the_channel_of_a_request_lasts_as_long_as_its_session() {
    let keeps = Arc::new(KeepsChannel::default());
    let (client, peers) = connected(
        PingServer::from_arc(keeps.clone()),
        GnipServer::new(Obedient),
        PingServer::new(Obedient),
        GnipServer::new(Obedient),
    )
    .await;
    soon(ping(&client.channel(), "")).await.unwrap();
    let channel = keeps.0.lock().unwrap().take().unwrap();
    assert_eq!(soon(gnip(&channel, "later")).await.unwrap(), "gnip:later");
    soon(client.close()).await;
    integration::scene::until(|| peers.count() == 0).await;
    let error = gnip(&channel.wait_for_ready(true), "too late")
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.outcome()),
        (Code::UNAVAILABLE, Outcome::NotSent)
    );
}

/// A call inside a call inside a call, both ways over one connection.
#[tokio::test]
async fn calls_nest_both_ways() {
    let (client, peers) = all_four().await;
    assert_eq!(
        soon(ping(&client.channel(), "back")).await.unwrap(),
        "gnip:from-ping"
    );
    let to_client = peers.channel(Who::Alice.public());
    assert_eq!(
        soon(gnip(&to_client, "back")).await.unwrap(),
        "pong:from-gnip"
    );
}

/// `ErrNotConnected`.
#[tokio::test]
async fn not_connected_is_unavailable_and_not_sent() {
    let (client, peers) = all_four().await;
    let error = soon(gnip(&peers.channel(Who::Bob.public()), ""))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(
        (error.outcome(), error.blame()),
        (Outcome::NotSent, Blame::Transport)
    );
    assert!(error.outcome().is_safe_to_retry());
    assert!(
        error.message().contains(&Who::Bob.public().to_string()),
        "{error}"
    );
    soon(client.close()).await;
    let error = soon(ping(&client.channel(), "")).await.unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(
        (error.outcome(), error.blame()),
        (Outcome::NotSent, Blame::Local)
    );
}

/// `call timeout`.
#[tokio::test]
async fn a_time_out_is_deadline_exceeded_and_unknown() {
    let (client, peers) = all_four().await;
    let short = Duration::from_millis(300);
    let to_server = PingClient::new(client.channel());
    let to_client = PingClient::new(peers.channel(Who::Alice.public()).timeout(short));
    let request = || PingRequest {
        body: "sleep:60000".into(),
    };
    for error in [
        soon(to_server.ping(request()).timeout(short).into_future())
            .await
            .unwrap_err(),
        soon(to_client.ping(request()).into_future())
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
        assert_eq!(
            (error.outcome(), error.blame()),
            (Outcome::Unknown, Blame::Local)
        );
        assert!(!error.outcome().is_safe_to_retry());
    }
    assert_eq!(
        soon(ping(&client.channel(), "on")).await.unwrap(),
        "pong:on"
    );
}

/// `errors.New(resp.Error)`.
#[tokio::test]
async fn a_handlers_error_comes_with_its_text_and_the_peers_blame() {
    let (client, peers) = all_four().await;
    for channel in [client.channel(), peers.channel(Who::Alice.public())] {
        let error = soon(ping(&channel, "error:out of ink")).await.unwrap_err();
        // Version 2 of the wire has the code as well, where Go's carries the text alone.
        assert_eq!(
            (error.code(), error.message()),
            (Code::INTERNAL, "out of ink")
        );
        assert_eq!(
            (error.outcome(), error.blame()),
            (Outcome::Ran, Blame::Remote)
        );
        // In a handler, `?` passes it on.
        assert_eq!(Status::from(error).message(), "out of ink");
    }
}
