//! Sessions over an in-memory pipe, with the clock paused.

use crate::{
    Code, Outcome,
    service::test_support::{Echo, echo},
    testing::{Services, pair},
};

#[tokio::test]
async fn both_sides_call_each_other() {
    let (client, server) = pair(
        Services::new().add(Echo::plain()),
        Services::new().add(Echo::plain()),
    );
    assert_eq!(echo(&client.channel(), "up").await.unwrap().body, "up");
    assert_eq!(echo(&server.channel(), "down").await.unwrap().body, "down");
}

#[tokio::test(start_paused = true)]
async fn a_side_without_services_answers_unimplemented() {
    let (client, server) = pair(Services::new(), Services::new());
    let error = echo(&client.channel(), "x").await.unwrap_err();
    assert_eq!(error.code(), Code::UNKNOWN);
    assert_eq!(error.outcome(), Outcome::Ran);
    assert!(error.message().starts_with("unimplemented: "), "{error}");
    drop(server);
}
