//! Services and methods as generated code describes them.

/// A service of a .proto file.
#[derive(Debug)]
pub struct ServiceDescriptor {
    /// The full name, `ping.Ping`.
    pub name: &'static str,
    /// The methods, in the order of the .proto file.
    pub methods: &'static [MethodDescriptor],
}

/// A method of a service.
#[derive(Debug)]
pub struct MethodDescriptor {
    service: &'static str,
    name: &'static str,
    idempotency: Idempotency,
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
    /// A method with one request and one response.
    pub const fn unary(service: &'static str, name: &'static str) -> Self {
        Self {
            service,
            name,
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
        self.service
    }

    /// Its bare name, `Ping`, which is all that version 1 of the wire carries.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether a call may be made twice.
    pub const fn idempotency(&self) -> Idempotency {
        self.idempotency
    }
}
