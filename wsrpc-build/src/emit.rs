//! The emitter: from the intermediate form to Rust.
//!
//! What is written names only what the runtime's `codegen::v1` has, and the messages. In the two modules of a service
//! that one is `rt`: nothing else in them has a name in lower case, for messages are reached through `super`. Outside of
//! them there is one static, whose name begins with underscores, as no name of prost's does.
//!
//! The `allow`s: a crate may use one side of a service only, include it privately, or call a method `FromX`, which clippy
//! has views on.

use prost_types::method_options::IdempotencyLevel;

use crate::Error;
use crate::attributes::Attributes;
use crate::service::{Method, Service};

/// What to write for each service.
#[derive(Clone, Debug)]
pub(crate) struct Emitter {
    pub(crate) client: bool,
    pub(crate) server: bool,
    /// The path of the runtime's crate: `::wsrpc`.
    pub(crate) runtime: String,
    /// Whether the package's code has its descriptors.
    pub(crate) embed: bool,
    pub(crate) client_mod_attributes: Attributes,
    pub(crate) client_attributes: Attributes,
    pub(crate) server_mod_attributes: Attributes,
    pub(crate) trait_attributes: Attributes,
    pub(crate) server_attributes: Attributes,
}

impl Emitter {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let attributes = [
            &self.client_mod_attributes,
            &self.client_attributes,
            &self.server_mod_attributes,
            &self.trait_attributes,
            &self.server_attributes,
        ];
        attributes
            .iter()
            .try_for_each(|attributes| attributes.check())
    }

    pub(crate) fn emit(&self, service: &Service) -> String {
        let mut out = String::new();
        if self.server || (self.client && !service.methods.is_empty()) {
            out.push_str(&self.table(service));
        }
        if self.client {
            out.push_str(&self.client(service));
        }
        if self.server {
            out.push_str(&self.server(service));
        }
        out
    }

    fn table(&self, service: &Service) -> String {
        let Service { full_name, .. } = service;
        let v1 = format!("{}::codegen::v1", self.runtime);
        let table = table_name(service);
        let methods: String = service
            .methods
            .iter()
            .map(|method| {
                let name = &method.proto_name;
                let kind = method.kind.name();
                let idempotency = match method.idempotency {
                    IdempotencyLevel::IdempotencyUnknown => "",
                    IdempotencyLevel::Idempotent => ".idempotent()",
                    IdempotencyLevel::NoSideEffects => ".no_side_effects()",
                };
                format!(
                    r#"
        {v1}::MethodDescriptor::{kind}("{full_name}", "{name}"){idempotency},"#
                )
            })
            .collect();
        let descriptors = if self.embed {
            ".with_file_descriptor_set(FILE_DESCRIPTOR_SET)"
        } else {
            ""
        };
        format!(
            r#"
/// The methods of `{full_name}`, for both of its sides.
static {table}: {v1}::ServiceDescriptor = {v1}::ServiceDescriptor::new(
    "{full_name}",
    &[{methods}
    ],
){descriptors};
"#
        )
    }

    fn client(&self, service: &Service) -> String {
        let Service {
            full_name,
            stem,
            name,
            ..
        } = service;
        let runtime = &self.runtime;
        let base = name.trim_end_matches('_');
        let docs = docs(4, &service.docs, &format!("Calls `{full_name}`."));
        let deprecated = if service.deprecated {
            "\n#[deprecated]"
        } else {
            ""
        };
        let methods: String = service
            .methods
            .iter()
            .enumerate()
            .map(|(index, method)| client_method(service, index, method))
            .collect();
        let on_mod = attributes(0, &self.client_mod_attributes, full_name);
        let on_struct = attributes(4, &self.client_attributes, full_name);
        format!(
            r#"
/// Client of `{full_name}`.{deprecated}
#[allow(dead_code, unreachable_pub, clippy::all)]{on_mod}
pub mod {stem}_client {{
    use {runtime}::codegen::v1 as rt;
{docs}
    #[derive(Clone, Debug)]{on_struct}
    pub struct {base}Client {{
        channel: rt::Channel,
    }}

    impl {base}Client {{
        /// A client that calls through `channel`.
        pub fn new(channel: rt::Channel) -> Self {{
            Self {{ channel }}
        }}
{methods}
    }}
}}
"#
        )
    }

    fn server(&self, service: &Service) -> String {
        let Service {
            full_name,
            stem,
            name,
            ..
        } = service;
        let runtime = &self.runtime;
        let base = name.trim_end_matches('_');
        let table = table_name(service);
        let docs = docs(4, &service.docs, &format!("Answers `{full_name}`."));
        let methods: String = service.methods.iter().map(server_method).collect();
        let handlers: Vec<String> = service
            .methods
            .iter()
            .map(|method| format!("{} {}", method.kind.name(), method.name))
            .collect();
        let handlers = handlers.join(", ");
        let on_mod = attributes(0, &self.server_mod_attributes, full_name);
        let on_trait = attributes(4, &self.trait_attributes, full_name);
        let on_struct: Vec<&str> = self.server_attributes.of(full_name).collect();
        let on_struct = on_struct.join(" ");
        format!(
            r#"
/// Server of `{full_name}`.
#[allow(dead_code, unreachable_pub, clippy::all)]{on_mod}
pub mod {stem}_server {{
    use {runtime}::codegen::v1 as rt;
{docs}
    #[diagnostic::on_unimplemented(message = "`{{Self}}` does not implement `{full_name}`")]{on_trait}
    pub trait {name}: rt::Send + rt::Sync + 'static {{{methods}
    }}

    rt::server!({on_struct}{base}Server, {name}, super::{table}, [{handlers}]);
}}
"#
        )
    }
}

fn client_method(service: &Service, index: usize, method: &Method) -> String {
    let Method {
        proto_name,
        name,
        kind,
        request,
        response,
        ..
    } = method;
    let table = table_name(service);
    let (parameter, argument) = if kind.client_streams {
        let streams = format!("impl rt::Stream<Item = {request}> + rt::Send + 'static");
        (format!("requests: {streams}"), "requests")
    } else {
        (format!("request: {request}"), "&request")
    };
    let response = if kind.server_streams {
        format!("rt::Streaming<{response}>")
    } else {
        response.clone()
    };
    let kind = kind.name();
    let docs = docs(8, &method.docs, &format!("Calls `{proto_name}`."));
    let deprecated = if method.deprecated {
        "\n        #[deprecated]"
    } else {
        ""
    };
    format!(
        r#"
{docs}{deprecated}
        pub fn {name}(&self, {parameter}) -> rt::Call<{response}> {{
            rt::Call::{kind}(&self.channel, &super::{table}.methods()[{index}], {argument})
        }}"#
    )
}

fn server_method(method: &Method) -> String {
    let Method {
        proto_name,
        name,
        kind,
        request,
        response,
        ..
    } = method;
    let request = if kind.client_streams {
        format!("rt::Streaming<{request}>")
    } else {
        request.clone()
    };
    // No associated type, so that a handler is an `async fn` and its stream may borrow from `self`.
    let response = if kind.server_streams {
        format!("impl rt::Stream<Item = rt::Result<{response}, rt::Status>> + rt::Send")
    } else {
        response.clone()
    };
    let docs = docs(8, &method.docs, &format!("Answers `{proto_name}`."));
    format!(
        r#"
{docs}
        fn {name}(
            &self,
            request: rt::Request<{request}>,
        ) -> impl rt::Future<Output = rt::Result<rt::Response<{response}>, rt::Status>> + rt::Send;"#
    )
}

/// The user's attributes of the service, each on a line of its own, behind what is there.
fn attributes(indent: usize, attributes: &Attributes, full_name: &str) -> String {
    let of_service = attributes.of(full_name);
    let lines = of_service.map(|attribute| format!("\n{:indent$}{attribute}", ""));
    lines.collect()
}

/// The name of the static that has the service's descriptors.
fn table_name(service: &Service) -> String {
    format!("__{}", service.stem.to_uppercase())
}

/// A doc comment: the `.proto`'s if it has one, else `otherwise`.
fn docs(indent: usize, lines: &[String], otherwise: &str) -> String {
    let otherwise = [format!(" {otherwise}")];
    let lines = if lines.is_empty() { &otherwise } else { lines };
    let lines: Vec<String> = lines
        .iter()
        .map(|line| format!("{:indent$}///{line}", ""))
        .collect();
    lines.join("\n")
}
