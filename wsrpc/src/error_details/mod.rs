//! Details of a [`Status`](crate::Status) for programs: the standard messages of `google/rpc/error_details.proto`,
//! which gRPC's libraries in every language know.
//!
//! [`Status::with_detail`](crate::Status::with_detail) adds one, [`Status::detail`](crate::Status::detail) asks for one
//! by its type. Messages of your own do as well, if they have a [`prost::Name`]: have them generated with
//! `prost_build::Config::enable_type_names`, which `wsrpc_build::Builder::compile_protos_with_config` takes.
//!
//! ```
//! use wsrpc::{Status, error_details::{BadRequest, FieldViolation}};
//!
//! let violation = FieldViolation {
//!     field: "body".into(),
//!     description: "is empty".into(),
//!     ..Default::default()
//! };
//! let status = Status::invalid_argument("body is empty").with_detail(&BadRequest {
//!     field_violations: vec![violation.clone()],
//! });
//!
//! assert_eq!(status.detail::<BadRequest>().unwrap().field_violations, [violation]);
//! ```
//!
//! Source: <https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto>.

mod messages;
mod packed;

pub use messages::{
    BadRequest, DebugInfo, ErrorInfo, FieldViolation, Help, Link, LocalizedMessage,
    PreconditionFailure, PreconditionViolation, QuotaFailure, QuotaViolation, RequestInfo,
    ResourceInfo, RetryInfo,
};
pub use prost_types::{Any, Duration};

#[cfg(test)]
mod tests;
