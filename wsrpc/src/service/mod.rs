//! What answers calls: services, their descriptors, and the table that finds a method by its name.

mod descriptor;
mod incoming;
mod message;
mod router;
#[cfg(test)]
pub(crate) mod test_support;
mod trailers;

pub use self::router::ServiceError;
pub use self::{
    descriptor::{Idempotency, MethodDescriptor, MethodKind, NamedService, ServiceDescriptor},
    incoming::{HandlerFuture, IncomingCall, Responses, Service, Spawned},
    message::{Request, Response},
    trailers::Trailers,
};
pub(crate) use self::{
    message::Origin,
    router::{Router, RouterBuilder},
};
