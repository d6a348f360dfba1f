//! The intermediate form: all that the emitter knows of a service. Every front makes it, through prost, from descriptors.

use prost_build::Comments;
use prost_types::method_options::IdempotencyLevel;

use crate::names;

/// One service.
pub(crate) struct Service {
    /// Its name on the wire: `ping.Ping`.
    pub(crate) full_name: String,
    /// The stem of its modules: `ping`.
    pub(crate) stem: String,
    /// Its trait: `Ping`.
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) deprecated: bool,
    pub(crate) methods: Vec<Method>,
}

/// One method. Its place among the others is its index in the table of descriptors.
pub(crate) struct Method {
    /// Its name on the wire: `Ping`.
    pub(crate) proto_name: String,
    /// `ping`.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The request's type, as a module inside of the package's names it.
    pub(crate) request: String,
    /// The response's type, likewise.
    pub(crate) response: String,
    pub(crate) docs: Vec<String>,
    pub(crate) deprecated: bool,
    pub(crate) idempotency: IdempotencyLevel,
}

/// Which of a method's sides are streams.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) client_streams: bool,
    pub(crate) server_streams: bool,
}

impl Kind {
    /// What the runtime calls it, in all of its names.
    pub(crate) fn name(self) -> &'static str {
        match (self.client_streams, self.server_streams) {
            (false, false) => "unary",
            (false, true) => "server_streaming",
            (true, false) => "client_streaming",
            (true, true) => "bidi_streaming",
        }
    }
}

impl From<prost_build::Service> for Service {
    fn from(service: prost_build::Service) -> Self {
        let package = &service.package;
        Self {
            full_name: names::full(package, &service.proto_name),
            stem: names::stem(&service.proto_name),
            methods: service
                .methods
                .into_iter()
                .map(|method| Method::new(method, package))
                .collect(),
            name: service.name,
            docs: docs(service.comments),
            deprecated: service.options.deprecated(),
        }
    }
}

impl Method {
    fn new(method: prost_build::Method, package: &str) -> Self {
        Self {
            name: names::method(&method.proto_name),
            kind: Kind {
                client_streams: method.client_streaming,
                server_streams: method.server_streaming,
            },
            request: names::from_inside(&method.input_type, package, &method.input_proto_type),
            response: names::from_inside(&method.output_type, package, &method.output_proto_type),
            docs: docs(method.comments),
            deprecated: method.options.deprecated(),
            idempotency: method.options.idempotency_level(),
            proto_name: method.proto_name,
        }
    }
}

/// The lines of a doc comment, each without its slashes.
fn docs(comments: Comments) -> Vec<String> {
    let Comments {
        leading, trailing, ..
    } = comments;
    let between = (!leading.is_empty() && !trailing.is_empty()).then(String::new);
    let lines = leading.into_iter().chain(between).chain(trailing);
    lines
        .map(|line| match line.as_str() {
            "" => line,
            text => format!(" {text}"),
        })
        .collect()
}
