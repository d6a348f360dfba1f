use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto,
    FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, OneofDescriptorProto,
    ServiceDescriptorProto,
};

use super::{
    InvalidDescriptors, ReflectionBuilder,
    v1::{
        self, ErrorResponse, ExtensionNumberResponse, ExtensionRequest, ServerReflectionRequest,
        ServerReflectionResponse, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest as Ask,
        server_reflection_response::MessageResponse as Told,
    },
};
use crate::{
    CallError, Channel, Code, Service, ServiceDescriptor, ServiceError,
    service::{HandlerFuture, IncomingCall, RouterBuilder, test_support::Echo},
    testing::{Services, pair},
};

const OWN: &str = "grpc.reflection.v1.ServerReflection";
const OWN_FILE: &str = "grpc/reflection/v1/reflection.proto";

/// Questions, at once.
struct Requests(std::vec::IntoIter<ServerReflectionRequest>);

impl Stream for Requests {
    type Item = ServerReflectionRequest;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }
}

fn request(asked: Ask) -> ServerReflectionRequest {
    ServerReflectionRequest {
        host: "host".into(),
        message_request: Some(asked),
    }
}

async fn send(
    channel: Channel,
    requests: Vec<ServerReflectionRequest>,
) -> Result<Vec<ServerReflectionResponse>, CallError> {
    let client = ServerReflectionClient::new(channel);
    let requests = Requests(requests.into_iter());
    let mut stream = client.server_reflection_info(requests).await?.into_inner();
    let mut answers = Vec::new();
    while let Some(answer) = stream.message().await? {
        answers.push(answer);
    }
    Ok(answers)
}

/// Asks all of it in one stream, of a side that serves this.
async fn ask(services: Services, asked: impl IntoIterator<Item = Ask>) -> Vec<Told> {
    let (client, _server) = pair(Services::new(), services);
    let requests: Vec<_> = asked.into_iter().map(request).collect();
    let answers = send(client.channel(), requests.clone()).await.unwrap();
    assert_eq!(answers.len(), requests.len());
    let answers = answers.into_iter().zip(requests);
    let answers = answers.map(|(answer, request)| {
        assert_eq!(answer.valid_host, "host");
        assert_eq!(answer.original_request, Some(request));
        answer.message_response.unwrap()
    });
    answers.collect()
}

fn services(told: &Told) -> Vec<&str> {
    let Told::ListServicesResponse(list) = told else {
        panic!("{told:?}");
    };
    list.service.iter().map(|service| &*service.name).collect()
}

fn files(told: &Told) -> Vec<FileDescriptorProto> {
    let Told::FileDescriptorResponse(files) = told else {
        panic!("{told:?}");
    };
    let files = files.file_descriptor_proto.iter();
    files
        .map(|file| FileDescriptorProto::decode(file.clone()).unwrap())
        .collect()
}

fn names(told: &Told) -> Vec<String> {
    let files = files(told).into_iter();
    files.map(|file| file.name().to_owned()).collect()
}

fn code(told: &Told) -> u32 {
    let Told::ErrorResponse(ErrorResponse { error_code, .. }) = told else {
        panic!("{told:?}");
    };
    (*error_code).try_into().unwrap()
}

fn file(name: &str, imports: &[&str]) -> FileDescriptorProto {
    FileDescriptorProto {
        name: Some(name.into()),
        package: Some("shop".into()),
        dependency: imports.iter().map(|&import| import.into()).collect(),
        ..Default::default()
    }
}

fn field(name: &str, number: i32, extendee: Option<&str>) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        extendee: extendee.map(str::to_owned),
        ..Default::default()
    }
}

/// `orders.proto`, which imports `items.proto` and, through `money.proto`, `units.proto`.
fn shop() -> FileDescriptorSet {
    let color = EnumDescriptorProto {
        name: Some("Color".into()),
        value: vec![EnumValueDescriptorProto {
            name: Some("RED".into()),
            ..Default::default()
        }],
        ..Default::default()
    };
    let inner = DescriptorProto {
        name: Some("Inner".into()),
        enum_type: vec![color],
        extension: vec![field("nested", 101, Some(".shop.Item"))],
        ..Default::default()
    };
    let item = DescriptorProto {
        name: Some("Item".into()),
        field: vec![field("title", 1, None)],
        nested_type: vec![inner],
        oneof_decl: vec![OneofDescriptorProto {
            name: Some("price".into()),
            ..Default::default()
        }],
        ..Default::default()
    };
    let orders = ServiceDescriptorProto {
        name: Some("Orders".into()),
        method: vec![MethodDescriptorProto {
            name: Some("Place".into()),
            ..Default::default()
        }],
        ..Default::default()
    };
    FileDescriptorSet {
        file: vec![
            file("units.proto", &["orders.proto"]), // round in a circle, which no protoc makes
            file("money.proto", &["units.proto", "missing.proto"]),
            FileDescriptorProto {
                message_type: vec![item],
                ..file("items.proto", &[])
            },
            FileDescriptorProto {
                service: vec![orders],
                extension: vec![field("color", 100, Some(".shop.Item"))],
                ..file("orders.proto", &["items.proto", "money.proto"])
            },
        ],
    }
}

fn serving(set: &FileDescriptorSet) -> Services {
    let builder = ReflectionBuilder::new().list("shop.Orders");
    let builder = builder.file_descriptor_set(set.encode_to_vec()).unwrap();
    Services::new().add(builder.build())
}

fn symbol(name: &str) -> Ask {
    Ask::FileContainingSymbol(name.into())
}

fn by_name(name: &str) -> Ask {
    Ask::FileByFilename(name.into())
}

fn extension(name: &str, number: i32) -> Ask {
    Ask::FileContainingExtension(ExtensionRequest {
        containing_type: name.into(),
        extension_number: number,
    })
}

#[tokio::test]
async fn either_side_lists_its_services_and_reflection_among_them() {
    let (client, server) = pair(
        Services::new().reflection(),
        Services::new().reflection().add(Echo::plain()),
    );
    let list = || vec![request(Ask::ListServices("whatever".into()))];
    let of_client = send(server.channel(), list()).await.unwrap();
    let of_server = send(client.channel(), list()).await.unwrap();
    let told = |answers: &[ServerReflectionResponse]| answers[0].message_response.clone().unwrap();
    assert_eq!(services(&told(&of_client)), [OWN]);
    assert_eq!(services(&told(&of_server)), [OWN, "test.Echo"]);
}

#[cfg(feature = "health")]
#[tokio::test]
async fn the_health_service_is_told_of_too() {
    let health = crate::health::HealthReporter::new().service();
    let list = Ask::ListServices(String::new());
    let name = "grpc.health.v1.Health";
    let told = ask(
        Services::new().add(health).reflection(),
        [list, symbol(name)],
    )
    .await;
    assert_eq!(services(&told[0]), [name, OWN]);
    let set = FileDescriptorSet::decode(crate::health::v1::FILE_DESCRIPTOR_SET).unwrap();
    assert_eq!(files(&told[1]), set.file);
}

#[tokio::test]
async fn what_is_told_of_generated_code_is_what_was_embedded_in_it() {
    let asked = [
        by_name(OWN_FILE),
        symbol(OWN),
        symbol("grpc.reflection.v1.ServerReflection.ServerReflectionInfo"),
        symbol("grpc.reflection.v1.ServerReflectionRequest"),
        symbol("grpc.reflection.v1.ServerReflectionRequest.host"),
        symbol("grpc.reflection.v1.ServerReflectionRequest.message_request"),
    ];
    let set = FileDescriptorSet::decode(v1::FILE_DESCRIPTOR_SET).unwrap();
    for told in ask(Services::new().reflection(), asked).await {
        assert_eq!(files(&told), set.file);
    }
}

#[tokio::test]
async fn a_file_comes_first_and_what_it_imports_behind_it_once_a_stream() {
    let asked = ["orders.proto", "orders.proto", "items.proto"].map(by_name);
    let told = ask(serving(&shop()), asked).await;
    let all = ["orders.proto", "items.proto", "money.proto", "units.proto"];
    assert_eq!(names(&told[0]), all);
    assert_eq!(names(&told[1]), ["orders.proto"]);
    assert_eq!(names(&told[2]), ["items.proto"]);
    assert_eq!(files(&told[0])[0], shop().file[3]);
}

#[tokio::test]
async fn every_kind_of_symbol_leads_to_its_file() {
    let in_items = [
        "shop.Item",
        "shop.Item.title",
        "shop.Item.price",
        "shop.Item.Inner",
        "shop.Item.Inner.Color",
        "shop.Item.Inner.RED",
        "shop.Item.Inner.nested",
    ];
    for told in ask(serving(&shop()), in_items.map(symbol)).await {
        assert_eq!(names(&told)[0], "items.proto");
    }
    let in_orders = ["shop.Orders", "shop.Orders.Place", "shop.color"];
    for told in ask(serving(&shop()), in_orders.map(symbol)).await {
        assert_eq!(names(&told)[0], "orders.proto");
    }
}

#[tokio::test]
async fn extensions_are_found_by_what_they_extend() {
    let numbers = |of: &str| Ask::AllExtensionNumbersOfType(of.into());
    let asked = [
        extension("shop.Item", 100),
        extension("shop.Item", 101),
        numbers("shop.Item"),
        numbers("shop.Item.Inner"),
    ];
    let told = ask(serving(&shop()), asked).await;
    assert_eq!(names(&told[0])[0], "orders.proto");
    assert_eq!(names(&told[1])[0], "items.proto");
    let expected = |of: &str, numbers: &[i32]| {
        Told::AllExtensionNumbersResponse(ExtensionNumberResponse {
            base_type_name: of.into(),
            extension_number: numbers.to_vec(),
        })
    };
    assert_eq!(told[2], expected("shop.Item", &[100, 101]));
    assert_eq!(told[3], expected("shop.Item.Inner", &[]));
}

#[tokio::test]
async fn what_is_unknown_is_not_found_and_the_stream_goes_on() {
    let asked = [
        by_name("none.proto"),
        symbol("shop.None"),
        symbol(""),
        symbol(".shop.Item"),
        extension("shop.Item", 102),
        extension("shop.None", 100),
        extension("", i32::MIN),
        Ask::AllExtensionNumbersOfType("shop.None".into()),
    ];
    for told in ask(serving(&shop()), asked).await {
        assert_eq!(code(&told), u32::from(Code::NOT_FOUND));
    }
}

#[tokio::test]
async fn a_service_without_descriptors_is_listed_and_says_what_it_lacks() {
    let asked = [Ask::ListServices(String::new()), symbol("test.Echo")];
    let services = Services::new().add(Echo::plain()).reflection();
    let told = ask(services, asked).await;
    assert_eq!(self::services(&told[0]), [OWN, "test.Echo"]);
    let Told::ErrorResponse(error) = &told[1] else {
        panic!("{told:?}");
    };
    assert!(error.error_message.ends_with("without embed_descriptors"));
}

#[tokio::test]
async fn a_question_that_is_none_is_answered_and_one_that_is_too_long_ends_the_stream() {
    let (client, _server) = pair(Services::new(), Services::new().reflection());
    let nothing = vec![ServerReflectionRequest::default()];
    let answers = send(client.channel(), nothing).await.unwrap();
    let told = answers[0].message_response.as_ref().unwrap();
    assert_eq!(code(told), u32::from(Code::INVALID_ARGUMENT));
    let long = vec![request(symbol(&"a".repeat(1024 * 1024)))];
    let error = send(client.channel(), long).await.unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
}

#[tokio::test]
async fn imports_that_are_large_are_left_to_be_asked_for() {
    let large = |name| FileDescriptorProto {
        syntax: Some("x".repeat(600_000)),
        ..file(name, &[])
    };
    let set = FileDescriptorSet {
        file: vec![
            file("root.proto", &["a.proto", "b.proto", "c.proto"]),
            large("a.proto"),
            large("b.proto"),
            large("c.proto"),
        ],
    };
    let asked = ["root.proto", "root.proto", "b.proto"].map(by_name);
    let told = ask(serving(&set), asked).await;
    assert_eq!(names(&told[0]), ["root.proto", "a.proto", "b.proto"]);
    assert_eq!(names(&told[1]), ["root.proto", "c.proto"]);
    assert_eq!(names(&told[2]), ["b.proto"]);
}

#[tokio::test]
async fn of_two_files_with_one_name_the_first_counts() {
    let first = FileDescriptorSet {
        file: vec![file("shop.proto", &[])],
    };
    let other = FileDescriptorSet {
        file: vec![file("shop.proto", &["elsewhere.proto"])],
    };
    let builder = ReflectionBuilder::new();
    let builder = builder.file_descriptor_set(first.encode_to_vec()).unwrap();
    let builder = builder.file_descriptor_set(other.encode_to_vec()).unwrap();
    let services = Services::new().add(builder.build());
    let told = ask(services, [by_name("shop.proto")]).await;
    assert_eq!(files(&told[0]), first.file);
}

fn add(encoded: impl Into<Bytes>) -> Result<(), InvalidDescriptors> {
    let added = ReflectionBuilder::new().file_descriptor_set(encoded);
    added.map(|_| ())
}

#[test]
fn malformed_descriptors_are_an_error_and_no_panic() {
    add(Bytes::new()).unwrap();
    let error = add(&b"garbage"[..]).unwrap_err().to_string();
    assert!(error.starts_with("these are no descriptors"), "{error}");
    let nameless = FileDescriptorSet {
        file: vec![FileDescriptorProto::default()],
    };
    let error = add(nameless.encode_to_vec()).unwrap_err().to_string();
    assert!(error.ends_with("a file has no name"), "{error}");

    let sound = Bytes::from(shop().encode_to_vec());
    for end in 0..sound.len() {
        // An end between two files is none of the errors.
        add(sound.slice(..end)).ok();
    }
    for at in 0..sound.len() {
        let mut bent = sound.to_vec();
        for bit in 0..8 {
            bent[at] ^= 1 << bit;
            add(bent.clone()).ok();
        }
    }
}

/// A service whose generated code was tampered with.
struct Tampered;

static TAMPERED: ServiceDescriptor =
    ServiceDescriptor::new("test.Tampered", &[]).with_file_descriptor_set(b"garbage");

impl Service for Tampered {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &TAMPERED
    }

    fn call(&self, _: usize, call: IncomingCall) -> HandlerFuture {
        call.unimplemented()
    }
}

#[test]
fn a_service_with_malformed_descriptors_is_an_error_where_it_is_to_be_served() {
    let mut services = RouterBuilder::default();
    services.reflection();
    services.add(Arc::new(Tampered));
    let error = services.build().unwrap_err();
    assert!(matches!(
        &error,
        ServiceError::Descriptors {
            service: "test.Tampered",
            ..
        }
    ));
    assert!(
        error.to_string().starts_with("the service test.Tampered: "),
        "{error}"
    );
}
