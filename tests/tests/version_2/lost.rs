//! Streams whose session ends: by a network that fails, or by a process that is killed.

use std::{future::IntoFuture, process::Stdio};

use integration::{
    grpc_testing::{
        Empty, ResponseParameters, StreamingOutputCallRequest, StreamingOutputCallResponse,
        test_service_client::TestServiceClient,
    },
    keys::Who,
    link::{Callee, Link, hasty},
    scene::{soon, until},
    test_service::zeros,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use wsrpc::{Blame, CallError, Client, Code, Outcome, Server, Streaming};

/// Responses of these sizes come, and after them none for a long time.
const SIZES: [i32; 3] = [31_415, 9, 2_653];

#[tokio::test]
async fn what_the_server_had_sent_comes_before_the_failure_of_a_connection() {
    lose_the_connection_to(Callee::Server).await;
}

#[tokio::test]
async fn what_the_agent_had_sent_comes_before_the_failure_of_a_connection() {
    lose_the_connection_to(Callee::Agent).await;
}

async fn lose_the_connection_to(callee: Callee) {
    let link = Link::that_can_be_cut().await;
    let calls = link.calls_to(callee);
    let mut responses = begin_to_stream(&calls.stubs).await;
    let mut states = link.client.watch_state();
    link.cut();
    // The caller reads only after all is over.
    soon(states.changed()).await.unwrap();
    calls.callee.running(0).await;
    assert_all_came(&mut responses).await;
    assert_lost(&responses.message().await.unwrap_err());
    let patient = TestServiceClient::new(calls.channel.wait_for_ready(true));
    soon(patient.empty_call(Empty {}).into_future())
        .await
        .unwrap();
    link.finish().await;
}

#[tokio::test]
async fn calls_that_wait_for_ready_go_to_a_server_that_came_back_after_it_was_killed() {
    let (server, address) = serve("127.0.0.1:0").await;
    let builder = Client::builder(Who::Alice.secret(), Who::Server.public()).reconnect(hasty());
    let client = soon(builder.connect(&address)).await.unwrap();
    let stubs = TestServiceClient::new(client.channel());
    let mut responses = begin_to_stream(&stubs).await;
    kill(server).await;
    assert_all_came(&mut responses).await;
    assert_lost(&soon(responses.message()).await.unwrap_err());
    let patient = TestServiceClient::new(client.channel().wait_for_ready(true));
    let waiting = tokio::spawn(patient.empty_call(Empty {}).into_future());
    let (_server, _) = serve(&address).await;
    soon(waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn calls_that_wait_for_ready_go_to_an_agent_that_came_back_after_it_was_killed() {
    let builder = Server::builder(Who::Server.secret()).allow([Who::Alice.public()]);
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap().to_string();
    let peers = server.peers();
    let _serving = tokio::spawn(server.serve());
    let agent = start("agent", &address);
    assert!(soon(peers.connected(Who::Alice.public())).await);
    let channel = peers.channel(Who::Alice.public());
    let mut responses = begin_to_stream(&TestServiceClient::new(channel.clone())).await;
    kill(agent).await;
    assert_all_came(&mut responses).await;
    assert_lost(&soon(responses.message()).await.unwrap_err());
    until(|| peers.count() == 0).await;
    let patient = TestServiceClient::new(channel.wait_for_ready(true));
    let waiting = tokio::spawn(patient.empty_call(Empty {}).into_future());
    let _agent = start("agent", &address);
    soon(waiting).await.unwrap().unwrap();
}

/// A stream that never ends by itself, all of whose responses are here, and not read.
async fn begin_to_stream(stubs: &TestServiceClient) -> Streaming<StreamingOutputCallResponse> {
    const LONG: i32 = 1_000_000_000;
    let mut wanted = crate::request(&SIZES).response_parameters;
    wanted.push(ResponseParameters {
        interval_us: LONG,
        ..ResponseParameters::default()
    });
    let request = StreamingOutputCallRequest {
        response_parameters: wanted,
        ..StreamingOutputCallRequest::default()
    };
    let call = stubs.streaming_output_call(request).into_future();
    let responses = soon(call).await.unwrap().into_inner();
    // Calls take turns frame by frame: by each of these answers another response has come.
    for _ in 0..=SIZES.len() {
        soon(stubs.empty_call(Empty {}).into_future())
            .await
            .unwrap();
    }
    responses
}

async fn assert_all_came(responses: &mut Streaming<StreamingOutputCallResponse>) {
    for size in SIZES {
        let response = responses.message().await.unwrap().unwrap();
        assert_eq!(response.payload, Some(zeros(size as usize)));
    }
}

#[track_caller]
fn assert_lost(error: &CallError) {
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.blame(), Blame::Transport);
}

/// Starts a server, and tells where it listens.
async fn serve(address: &str) -> (Child, String) {
    let mut server = start("server", address);
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = soon(lines.next_line()).await.unwrap().unwrap();
    (server, address)
}

fn start(role: &str, address: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_test_peer"))
        .args([role, address])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn kill(mut process: Child) {
    soon(process.kill()).await.unwrap();
}
