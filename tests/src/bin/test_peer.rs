//! A server or an agent that answers TestService, as a process of its own, to be killed.
//!
//! `test_peer server <address>` listens there and prints where; `test_peer agent <address>` dials.

// A peer that fails has nothing better to do than to fail the test that started it.
#![allow(clippy::unwrap_used)]

use std::env;

use integration::{
    grpc_testing::test_service_server::TestServiceServer, keys::Who, link::hasty,
    test_service::TestService,
};
use wsrpc::{Client, Server};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [role, address] = &arguments[..] else {
        panic!("a role and an address are needed");
    };
    let service = TestServiceServer::new(TestService::default());
    if role == "server" {
        let builder = Server::builder(Who::Server.secret())
            .allow([Who::Alice.public()])
            .add_service(service);
        let server = builder.bind(address).await.unwrap();
        println!("{}", server.local_addr().unwrap());
        server.serve().await;
    } else {
        let client = Client::builder(Who::Alice.secret(), Who::Server.public())
            .add_service(service)
            .reconnect(hasty());
        client.connect(address).await.unwrap().closed().await;
    }
}
