//! The golden files compile, in a crate as strict as a user's may be, and calls go through them.

#![deny(warnings, missing_docs)]
#![allow(
    unreachable_pub,
    reason = "everything that prost writes is public, in a test too"
)]

// Absolute, for there is a package `std` as well.
use ::std::sync::Arc;

use ::wsrpc::{
    Channel, Idempotency, Request, Response, Service, Status,
    testing::{Services, Side, pair},
};

/// The runtime under another name.
pub mod renamed {
    pub use ::wsrpc as rpc;
}

// Private, as in a program, which uses one side only.
mod client_only_ping {
    include!("golden/client_only/ping.rs");
}
mod server_only_ping {
    include!("golden/server_only/ping.rs");
}
mod runtime_path {
    include!("golden/runtime_path/ping.rs");
}

// Public, as in a library.
/// Generated.
pub mod client_only {
    include!("golden/client_only/r.r#type.rs");
}
/// Generated.
pub mod server_only {
    include!("golden/server_only/r.r#type.rs");
}
/// Generated.
pub mod neither {
    include!("golden/neither/ping.rs");
}
/// Generated.
pub mod services_only {
    pub use crate::ping::{GnipRequest, GnipResponse, PingRequest, PingResponse};
    include!("golden/services_only/ping.wsrpc.rs");
}
/// Generated.
pub mod settings {
    include!("golden/settings/mod.rs");
}
/// Messages from elsewhere.
pub mod elsewhere {
    /// One.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Thing {}
}

// By the include file.
include!("golden/collisions/mod.rs");
include!("golden/docs/mod.rs");
include!("golden/edition/mod.rs");
include!("golden/imports/mod.rs");
include!("golden/names/mod.rs");
include!("golden/no_package/mod.rs");
include!("golden/optional/mod.rs");
include!("golden/ping/mod.rs");
include!("golden/proto2/mod.rs");
include!("golden/twins/mod.rs");

/// A channel to `service`, for as long as the sides are kept.
fn serve(service: impl Service) -> (Channel, [Side; 2]) {
    let (client, server) = pair(Services::new(), Services::new().add(service));
    (client.channel(), [client, server])
}

struct MyPing;

impl ping::ping_server::Ping for MyPing {
    async fn ping(
        &self,
        request: Request<ping::PingRequest>,
    ) -> Result<Response<ping::PingResponse>, Status> {
        Ok(Response::new(ping::PingResponse {
            body: request.into_inner().body + "pong",
        }))
    }
}

#[tokio::test]
async fn a_call_goes_through() {
    let server = ping::ping_server::PingServer::from_arc(Arc::new(MyPing));
    assert_eq!(server.descriptor().name(), "ping.Ping");
    assert_eq!(format!("{:?}", server.clone()), "PingServer { .. }");

    let (channel, _sides) = serve(server);
    let client = ping::ping_client::PingClient::new(channel);
    let request = ping::PingRequest {
        body: "ping".into(),
    };
    let answer = client.clone().ping(request).await.expect("an answer");
    assert_eq!(answer.body, "pingpong");
}

/// Fails each method with the method's name.
struct Odd;

type Answer<T> = Result<Response<T>, Status>;

fn fails<T>(name: &str) -> Answer<T> {
    Err(Status::aborted(name))
}

impl r::r#type::type_server::Type for Odd {
    async fn r#match(&self, _: Request<r::r#type::Message>) -> Answer<r::r#type::Result> {
        fails("match")
    }
    async fn new_(&self, _: Request<r::r#type::Option>) -> Answer<r::r#type::Option> {
        fails("new")
    }
    async fn self_(&self, _: Request<r::r#type::Message>) -> Answer<r::r#type::Message> {
        fails("self")
    }
    async fn clone(&self, _: Request<r::r#type::Rt>) -> Answer<r::r#type::Rt> {
        fails("clone")
    }
    async fn from_user(
        &self,
        _: Request<r::r#type::outer::Inner>,
    ) -> Answer<r::r#type::outer::Inner> {
        fails("from_user")
    }
    async fn descriptor(&self, _: Request<r::r#type::Call>) -> Answer<r::r#type::Call> {
        fails("descriptor")
    }
    async fn unary(&self, _: Request<r::r#type::String>) -> Answer<r::r#type::String> {
        fails("unary")
    }
}

impl r::r#type::t_server::T for Odd {
    async fn t(&self, _: Request<r::r#type::Message>) -> Answer<r::r#type::Message> {
        fails("t")
    }
}

impl r::r#type::empty_server::Empty for Odd {}

impl r::r#type::self_server::Self_ for Odd {
    async fn r#async(&self, _: Request<r::r#type::Message>) -> Answer<r::r#type::Message> {
        fails("async")
    }
}

/// The text that a call failed with.
macro_rules! text {
    ($call:expr) => {
        $call.await.expect_err("it always fails").message()
    };
}

#[tokio::test]
async fn each_method_reaches_its_own_handler() {
    let (channel, _sides) = serve(r::r#type::type_server::TypeServer::new(Odd));
    let client = r::r#type::type_client::TypeClient::new(channel);
    assert_eq!(text!(client.r#match(Default::default())), "match");
    assert_eq!(text!(client.new_(Default::default())), "new");
    assert_eq!(text!(client.self_(Default::default())), "self");
    assert_eq!(text!(client.clone(Default::default())), "clone");
    assert_eq!(text!(client.from_user(Default::default())), "from_user");
    assert_eq!(text!(client.descriptor(Default::default())), "descriptor");
    assert_eq!(text!(client.unary(Default::default())), "unary");

    let (channel, _sides) = serve(r::r#type::t_server::TServer::new(Odd));
    let client = r::r#type::t_client::TClient::new(channel);
    assert_eq!(text!(client.t(Default::default())), "t");

    let (channel, _sides) = serve(r::r#type::self_server::SelfServer::new(Odd));
    let client = r::r#type::self_client::SelfClient::new(channel);
    assert_eq!(text!(client.r#async(Default::default())), "async");
}

#[test]
fn an_empty_service_has_no_methods() {
    let server = r::r#type::empty_server::EmptyServer::new(Odd);
    assert_eq!(server.descriptor().methods().len(), 0);
}

#[test]
fn idempotency_is_in_the_table() {
    struct Nothing;
    impl docs::library_server::Library for Nothing {
        async fn get(&self, _: Request<docs::Book>) -> Answer<docs::Book> {
            fails("get")
        }
        async fn put(&self, _: Request<docs::Book>) -> Answer<docs::Book> {
            fails("put")
        }
        async fn lose(&self, _: Request<docs::Book>) -> Answer<docs::Book> {
            fails("lose")
        }
        async fn undocumented(&self, _: Request<docs::Bare>) -> Answer<docs::Bare> {
            fails("undocumented")
        }
    }
    let server = docs::library_server::LibraryServer::new(Nothing);
    let methods = server.descriptor().methods().iter();
    let levels: Vec<_> = methods
        .map(|method| (method.name(), method.idempotency()))
        .collect();
    assert_eq!(
        levels,
        [
            ("Get", Idempotency::NoSideEffects),
            ("Put", Idempotency::Idempotent),
            ("Lose", Idempotency::Unknown),
            ("Undocumented", Idempotency::Unknown)
        ]
    );
}

#[tokio::test]
async fn two_services_with_one_short_name_are_two() {
    struct Twins;
    impl twins::a::twin_server::Twin for Twins {
        async fn meet(&self, _: Request<twins::a::b::Hello>) -> Answer<twins::a::Hello> {
            fails("a")
        }
    }
    impl twins::a::b::twin_server::Twin for Twins {
        async fn meet(&self, _: Request<twins::a::b::Hello>) -> Answer<twins::a::b::Hello> {
            fails("b")
        }
    }
    let (a, _a) = serve(twins::a::twin_server::TwinServer::new(Twins));
    let (b, _b) = serve(twins::a::b::twin_server::TwinServer::new(Twins));
    let a = twins::a::twin_client::TwinClient::new(a);
    let b = twins::a::b::twin_client::TwinClient::new(b);
    assert_eq!(text!(a.meet(Default::default())), "a");
    assert_eq!(text!(b.meet(Default::default())), "b");
}

#[test]
fn the_descriptors_are_those_of_the_package_and_its_imports() {
    let files = |bytes: &[u8]| {
        let set = <prost_types::FileDescriptorSet as prost::Message>::decode(bytes);
        let files = set.expect("a descriptor set").file.into_iter();
        files.map(|file| file.name().to_owned()).collect::<Vec<_>>()
    };
    let optional = files(settings::optional::FILE_DESCRIPTOR_SET);
    assert_eq!(optional, ["optional.proto"]);
    let twins = files(settings::twins::a::FILE_DESCRIPTOR_SET);
    assert_eq!(twins, ["twins_b.proto", "twins_a.proto"]);
}

#[test]
fn a_service_has_the_descriptors_that_are_embedded_beside_it() {
    struct Trees;
    impl settings::optional::trees_server::Trees for Trees {
        async fn grow(
            &self,
            tree: Request<settings::optional::Tree>,
        ) -> Answer<settings::optional::Tree> {
            Ok(Response::new(tree.into_inner()))
        }
    }
    let trees = settings::optional::trees_server::TreesServer::new(Trees);
    assert_eq!(
        trees.descriptor().file_descriptor_set(),
        Some(settings::optional::FILE_DESCRIPTOR_SET)
    );
    let ping = ping::ping_server::PingServer::new(MyPing);
    assert_eq!(ping.descriptor().file_descriptor_set(), None);
    let _ = Services::new().add(trees).add(ping).reflection();
}
