//! Services and methods as generated code describes them.

use crate::proto::MethodName;

/// A service of a .proto file.
#[derive(Debug)]
pub struct ServiceDescriptor {
    name: &'static str,
    methods: &'static [MethodDescriptor],
    file_descriptor_set: Option<&'static [u8]>,
}

impl ServiceDescriptor {
    /// The service of this full name, `ping.Ping`, with its methods in the order of the .proto file.
    pub const fn new(name: &'static str, methods: &'static [MethodDescriptor]) -> Self {
        Self {
            name,
            methods,
            file_descriptor_set: None,
        }
    }

    /// The same service with the descriptors of its file and all that it imports: an encoded `FileDescriptorSet`.
    pub const fn with_file_descriptor_set(mut self, encoded: &'static [u8]) -> Self {
        self.file_descriptor_set = Some(encoded);
        self
    }

    /// The full name, `ping.Ping`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The methods, in the order of the .proto file.
    pub const fn methods(&self) -> &'static [MethodDescriptor] {
        self.methods
    }

    /// The descriptors of its file and all that it imports, an encoded `FileDescriptorSet`, if the code was generated
    /// with `embed_descriptors`.
    pub const fn file_descriptor_set(&self) -> Option<&'static [u8]> {
        self.file_descriptor_set
    }
}

/// A type whose service is known without a value of it: what `PingServer<T>` of generated code is.
pub trait NamedService {
    /// The service's full name, `ping.Ping`.
    const NAME: &'static str;
}

/// A method of a service.
#[derive(Debug)]
pub struct MethodDescriptor {
    name: MethodName,
    kind: MethodKind,
    idempotency: Idempotency,
}

/// Which sides of a method are streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// One request, one response.
    Unary,
    /// One request, many responses.
    ServerStreaming,
    /// Many requests, one response.
    ClientStreaming,
    /// Many requests and many responses, in whatever order the two sides agree on.
    BidiStreaming,
}

impl MethodKind {
    /// Whether there may be many requests.
    pub const fn streams_requests(self) -> bool {
        matches!(self, Self::ClientStreaming | Self::BidiStreaming)
    }

    /// Whether there may be many responses.
    pub const fn streams_responses(self) -> bool {
        matches!(self, Self::ServerStreaming | Self::BidiStreaming)
    }
}

/// What a .proto file says with `option idempotency_level`: whether a call may be made twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Idempotency {
    /// Nothing is said.
    #[default]
    Unknown,
    /// Calling twice does what calling once does.
    Idempotent,
    /// Calling changes nothing.
    NoSideEffects,
}

impl MethodDescriptor {
    /// A method with one request and one response, of the service of this full name.
    pub const fn unary(service: &'static str, name: &'static str) -> Self {
        Self::new(service, name, MethodKind::Unary)
    }

    /// A method with one request and a stream of responses.
    pub const fn server_streaming(service: &'static str, name: &'static str) -> Self {
        Self::new(service, name, MethodKind::ServerStreaming)
    }

    /// A method with a stream of requests and one response.
    pub const fn client_streaming(service: &'static str, name: &'static str) -> Self {
        Self::new(service, name, MethodKind::ClientStreaming)
    }

    /// A method with a stream of requests and a stream of responses.
    pub const fn bidi_streaming(service: &'static str, name: &'static str) -> Self {
        Self::new(service, name, MethodKind::BidiStreaming)
    }

    const fn new(service: &'static str, name: &'static str, kind: MethodKind) -> Self {
        Self {
            name: MethodName { service, name },
            kind,
            idempotency: Idempotency::Unknown,
        }
    }

    /// The same method with `option idempotency_level = IDEMPOTENT`.
    pub const fn idempotent(mut self) -> Self {
        self.idempotency = Idempotency::Idempotent;
        self
    }

    /// The same method with `option idempotency_level = NO_SIDE_EFFECTS`.
    pub const fn no_side_effects(mut self) -> Self {
        self.idempotency = Idempotency::NoSideEffects;
        self
    }

    /// The full name of its service, `ping.Ping`.
    pub const fn service(&self) -> &'static str {
        self.name.service
    }

    /// Its bare name, `Ping`, which is all that version 1 of the wire carries.
    pub const fn name(&self) -> &'static str {
        self.name.name
    }

    /// Both names, as the protocol takes them.
    pub(crate) const fn full_name(&self) -> &MethodName {
        &self.name
    }

    /// Which of its sides are streams.
    pub const fn kind(&self) -> MethodKind {
        self.kind
    }

    /// Whether a call may be made twice.
    pub const fn idempotency(&self) -> Idempotency {
        self.idempotency
    }

    /// Whether this is its full name, `ping.Ping/Ping`.
    pub(crate) fn is_named(&self, full: &str) -> bool {
        full.strip_prefix(self.service())
            .and_then(|rest| rest.strip_prefix('/'))
            .is_some_and(|name| name == self.name())
    }
}

impl std::fmt::Display for MethodDescriptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.service(), self.name())
    }
}
