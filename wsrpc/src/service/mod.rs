//! What answers calls: services, their descriptors, and the table that finds a method by its name.

mod around;
mod descriptor;
mod handover;
mod incoming;
mod intercepted;
mod layered;
mod message;
mod responses;
mod router;
#[cfg(test)]
pub(crate) mod test_support;
mod trailers;

pub use self::router::ServiceError;
pub use self::{
    descriptor::{Idempotency, MethodDescriptor, MethodKind, NamedService, ServiceDescriptor},
    incoming::{HandlerFuture, IncomingCall, Service, Spawned},
    intercepted::Intercepted,
    layered::Layered,
    message::{Request, Response},
    responses::Responses,
    trailers::Trailers,
};
pub(crate) use self::{
    handover::Handover,
    message::Origin,
    router::{Router, RouterBuilder},
};
