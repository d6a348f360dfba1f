//! A call with a message of another crate, in memory.

use common::shop::common::Item;
use orders::shop::orders::Receipt;
use orders::shop::orders::orders_client::OrdersClient;
use orders::shop::orders::orders_server::{Orders, OrdersServer};
use wsrpc::testing::{Services, pair};
use wsrpc::{Request, Response, Status};

struct Shop;

impl Orders for Shop {
    async fn place(&self, request: Request<Item>) -> Result<Response<Receipt>, Status> {
        let item = Some(request.into_inner());
        Ok(Response::new(Receipt { item }))
    }
}

#[tokio::test]
async fn a_call() {
    let services = Services::new().add(OrdersServer::new(Shop));
    let (client, _server) = pair(Services::new(), services);
    let orders = OrdersClient::new(client.channel());
    let item = Item {
        name: "kettle".into(),
    };
    let receipt = orders.place(item.clone()).await.expect("an answer");
    assert_eq!(receipt.item, Some(item));
}
