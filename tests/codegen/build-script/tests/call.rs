//! A call through the generated code, in memory.

use build_script::hello::greeter_client::GreeterClient;
use build_script::hello::greeter_server::{Greeter, GreeterServer};
use build_script::hello::{GreetRequest, GreetResponse};
use wsrpc::testing::{Services, pair};
use wsrpc::{Request, Response, Status};

struct MyGreeter;

impl Greeter for MyGreeter {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let text = format!("Hello, {}!", request.name);
        Ok(Response::new(GreetResponse { text }))
    }
}

#[tokio::test]
async fn a_call() {
    let services = Services::new().add(GreeterServer::new(MyGreeter));
    let (client, _server) = pair(Services::new(), services);
    let greeter = GreeterClient::new(client.channel());
    let request = GreetRequest {
        name: "Alice".into(),
    };
    let answer = greeter.greet(request).await.expect("an answer");
    assert_eq!(answer.text, "Hello, Alice!");
}
