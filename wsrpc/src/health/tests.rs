use std::time::Duration;

use super::{
    HealthReporter, ServingStatus,
    v1::{
        HealthCheckRequest, HealthCheckResponse, HealthListRequest, health_client::HealthClient,
        health_server::HealthServer,
    },
};
use crate::{
    Channel, Code, MethodDescriptor, NamedService, ProtocolVersion, Service, ServiceDescriptor,
    SessionConfig, Streaming,
    service::{HandlerFuture, IncomingCall, RouterBuilder, test_support::settle},
    testing::{Services, Side, pair},
};

const SERVING: ServingStatus = ServingStatus::Serving;
const NOT_SERVING: ServingStatus = ServingStatus::NotServing;
const SERVICE_UNKNOWN: ServingStatus = ServingStatus::ServiceUnknown;

fn named(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.into(),
    }
}

/// A client of the health service of the first side.
fn served(reporter: &HealthReporter) -> (HealthClient, [Side; 2]) {
    let (client, server) = pair(Services::new().add(reporter.service()), Services::new());
    (HealthClient::new(server.channel()), [client, server])
}

async fn watch(channel: Channel, service: &str) -> Streaming<HealthCheckResponse> {
    let health = HealthClient::new(channel);
    health.watch(named(service)).await.unwrap().into_inner()
}

async fn told(watching: &mut Streaming<HealthCheckResponse>) -> Option<ServingStatus> {
    let message = watching.message().await.unwrap();
    message.map(|message| message.status())
}

#[tokio::test]
async fn either_side_checks_what_the_other_said() {
    let (one, other) = (HealthReporter::new(), HealthReporter::new());
    let (client, server) = pair(
        Services::new().add(one.service()),
        Services::new().add(other.service()),
    );
    one.set_serving("a.A");
    one.set_not_serving("");
    other.set_not_serving("a.A");
    for (side, whole, service) in [
        (&server, NOT_SERVING, SERVING),
        (&client, SERVING, NOT_SERVING),
    ] {
        let health = HealthClient::new(side.channel());
        let answer = health.check(named("")).await.unwrap();
        assert_eq!(answer.status(), whole);
        let answer = health.check(named("a.A")).await.unwrap();
        assert_eq!(answer.status(), service);
        let error = health.check(named("b.B")).await.unwrap_err();
        assert_eq!(error.code(), Code::NOT_FOUND);
    }
    one.clear("a.A");
    let health = HealthClient::new(server.channel());
    let error = health.check(named("a.A")).await.unwrap_err();
    assert_eq!(error.code(), Code::NOT_FOUND);
}

#[tokio::test]
async fn the_list_has_all_services_up_to_a_hundred() {
    let reporter = HealthReporter::new();
    let (health, _sides) = served(&reporter);
    reporter.set_not_serving("a.A");
    let list = health.list(HealthListRequest {}).await.unwrap();
    let list = list.statuses.iter();
    let list: Vec<_> = list
        .map(|(name, is)| (name.as_str(), is.status()))
        .collect();
    assert_eq!(list, [("", SERVING), ("a.A", NOT_SERVING)]);
    for number in 0..98 {
        reporter.set_serving(format!("b.B{number}"));
    }
    let list = health.list(HealthListRequest {}).await.unwrap();
    assert_eq!(list.statuses.len(), 100);
    reporter.set_serving("c.C");
    let error = health.list(HealthListRequest {}).await.unwrap_err();
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
}

#[tokio::test]
async fn a_watcher_is_told_the_status_at_once_and_each_change_of_it() {
    let reporter = HealthReporter::new();
    let (_, [_client, server]) = served(&reporter);
    let mut watching = watch(server.channel(), "a.A").await;
    assert_eq!(told(&mut watching).await, Some(SERVICE_UNKNOWN));
    reporter.set_serving("b.B");
    reporter.set_serving("a.A");
    assert_eq!(told(&mut watching).await, Some(SERVING));
    reporter.set_serving("a.A");
    reporter.set_not_serving("a.A");
    assert_eq!(told(&mut watching).await, Some(NOT_SERVING));
    reporter.clear("a.A");
    assert_eq!(told(&mut watching).await, Some(SERVICE_UNKNOWN));
}

#[tokio::test(start_paused = true)]
async fn a_slow_watcher_gets_the_latest_status_and_not_all_of_them() {
    const CHANGES: usize = 5000;
    let reporter = HealthReporter::new();
    // Two hundred statuses fill this window, and a thousand more the queue behind it.
    let narrow = Services::new().session(SessionConfig::default().stream_window(0));
    let (_client, server) = pair(Services::new().add(reporter.service()), narrow);
    let mut watching = watch(server.channel(), "").await;
    for change in 0..CHANGES {
        match change % 2 {
            0 => reporter.set_not_serving(""),
            _ => reporter.set_serving(""),
        }
        settle().await;
    }
    reporter.clear("");
    let mut seen = 0;
    while told(&mut watching).await != Some(SERVICE_UNKNOWN) {
        seen += 1;
    }
    assert!((1..CHANGES / 2).contains(&seen), "{seen}");
}

#[tokio::test(start_paused = true)]
async fn watchers_of_unknown_names_leave_nothing_behind() {
    let reporter = HealthReporter::new();
    let (health, [_client, server]) = served(&reporter);
    for number in 0..50 {
        let mut watching = watch(server.channel(), &format!("unknown.Service{number}")).await;
        assert_eq!(told(&mut watching).await, Some(SERVICE_UNKNOWN));
    }
    settle().await;
    assert_eq!(format!("{reporter:?}"), "{\"\": Serving}");
    assert_eq!(reporter.watchers(), 0);

    let long = "a".repeat(1025);
    let error = health.watch(named(&long)).await.unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
}

#[test]
fn a_generated_server_knows_the_name_of_its_service() {
    type Own = HealthServer<HealthReporter>;
    let reporter = HealthReporter::new();
    assert_eq!(Own::NAME, reporter.service().descriptor().name());
    reporter.set_not_serving_for::<Own>();
    assert_eq!(reporter.status("grpc.health.v1.Health"), Some(NOT_SERVING));
    reporter.set_serving_for::<Own>();
    assert_eq!(reporter.status("grpc.health.v1.Health"), Some(SERVING));
}

/// A user's service, with a method that the health service has too.
struct Lists;

static LISTS: ServiceDescriptor = ServiceDescriptor::new(
    "shop.Lists",
    &[MethodDescriptor::unary("shop.Lists", "List")],
);

impl Service for Lists {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &LISTS
    }

    fn call(&self, _: usize, call: IncomingCall) -> HandlerFuture {
        call.unimplemented()
    }
}

#[test]
fn it_takes_no_bare_name_from_a_service_of_the_users() {
    let mut services = RouterBuilder::default();
    services.strict(true);
    services.add(std::sync::Arc::new(HealthReporter::new().service()));
    services.add(std::sync::Arc::new(Lists));
    let router = services.build().unwrap();
    let found = router.find(&"List".into(), ProtocolVersion::V1).unwrap();
    assert_eq!(found.descriptor.service(), "shop.Lists");
    let unknown = router
        .find(&"Check".into(), ProtocolVersion::V1)
        .map(|_| ());
    assert_eq!(unknown.unwrap_err().code(), Code::UNIMPLEMENTED);
    let found = router.find(&"grpc.health.v1.Health/List".into(), ProtocolVersion::V2);
    assert_eq!(found.unwrap().descriptor.name(), "List");
}

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#[tokio::test]
async fn watchers_on_either_side_are_told_of_a_shutdown_and_do_not_hold_it_up() {
    use crate::{SecretKey, service::test_support::Served};

    let key = SecretKey::generate();
    let reporter = HealthReporter::new();
    let server = Served::start(|server| server.allow_any().add_service(reporter.service())).await;
    let client = server.client(&key).add_service(reporter.service());
    let client = client.connect(&server.address).await.unwrap();
    let mut up = watch(client.channel(), "").await;
    let mut down = watch(server.peers.channel(key.public_key()), "").await;
    for watching in [&mut up, &mut down] {
        assert_eq!(told(watching).await, Some(SERVING));
    }
    let began = std::time::Instant::now();
    let read = async {
        for watching in [&mut up, &mut down] {
            assert_eq!(told(watching).await, Some(NOT_SERVING));
            assert_eq!(told(watching).await, None);
        }
    };
    tokio::join!(server.handle.shutdown(Duration::from_secs(3600)), read);
    assert!(began.elapsed() < Duration::from_secs(60));
    server.task.await.unwrap();
}
