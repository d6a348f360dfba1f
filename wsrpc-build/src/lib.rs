//! Generates typed clients and servers for [wsrpc](https://docs.rs/wsrpc) from `.proto` files, in a `build.rs`.
//!
//! ```no_run
//! // build.rs
//! fn main() -> Result<(), wsrpc_build::Error> {
//!     wsrpc_build::compile_protos(&["proto/ping.proto"], &["proto"])
//! }
//! ```
//!
//! ```ignore
//! // src/lib.rs, for `package ping;`
//! pub mod ping {
//!     include!(concat!(env!("OUT_DIR"), "/ping.rs"));
//! }
//! ```
//!
//! The messages need the crate `prost` among the dependencies, and `prost-types` if they hold well-known types.
//!
//! For each package there is one file: its messages as `prost` writes them, and for each service, `Ping` say,
//!
//! - `ping_client::PingClient`, with one method per method of the service,
//! - `ping_server::Ping`, the trait that a server implements, and `ping_server::PingServer`, which serves it.
//!
//! [`configure`] gives the settings, and [`Builder::compile_protos_with_config`] takes a project's own
//! [`prost_build::Config`].
//!
//! A method called `New` becomes `new_` in Rust, for `new` makes the client.
//!
//! What a method takes and gives depends on which of its sides are streams:
//!
//! | | the client's method | the trait's, an `async fn` |
//! | --- | --- | --- |
//! | `(Q) returns (R)` | takes `Q`, gives `Call<R>` | `Request<Q>`, `Response<R>` |
//! | `(Q) returns (stream R)` | `Q`, `Call<Streaming<R>>` | `Request<Q>`, `Response<impl Stream>` |
//! | `(stream Q) returns (R)` | `impl Stream<Item = Q>`, `Call<R>` | `Request<Streaming<Q>>`, `Response<R>` |
//! | `(stream Q) returns (stream R)` | `impl Stream<Item = Q>`, `Call<Streaming<R>>` | `Request<Streaming<Q>>`, `Response<impl Stream>` |
//!
//! A handler's stream has `Item = Result<R, Status>`, is `Send`, and may borrow from `self`. Write `impl Stream<…> +
//! Send` in the signature even where the type has a name, or rustc warns that it says more than the trait asks for
//! (`refining_impl_trait`).
//!
//! # Features
//!
//! - `vendored-protoc` (default): brings a `protoc` along, so that none has to be installed. The environment variable
//!   `PROTOC` overrides it, and so does [`Builder::protoc`].

mod attributes;
mod builder;
mod check;
mod comments;
mod compile;
mod deprecated;
mod embed;
mod emit;
mod error;
mod hook;
mod include;
mod locations;
mod messages;
mod names;
mod net;
mod options;
mod protoc;
mod select;
mod service;
mod undocumented;

use std::path::Path;

pub use builder::{Builder, configure};
pub use error::Error;
pub use options::options_help;
pub use {prost_build, prost_types};

/// Compiles `.proto` files, with the default settings, into `OUT_DIR`.
///
/// Imports are looked up in `includes`; so are the `protos`, which must lie in one of them.
///
/// # Errors
///
/// What is wrong with the files, or with writing the output.
pub fn compile_protos(
    protos: &[impl AsRef<Path>],
    includes: &[impl AsRef<Path>],
) -> Result<(), Error> {
    configure().compile_protos(protos, includes)
}
