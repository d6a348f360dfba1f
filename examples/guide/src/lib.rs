//! The pages of `docs/guide`: each is the documentation of a module here, so that its examples compile and run as
//! tests. A page is added with a line below.

/// What is generated from `proto/ping.proto`, at the top of the repository.
pub mod ping {
    wsrpc::include_proto!("ping");
}

/// What is generated from `proto/notes.proto`, beside this crate.
pub mod notes {
    wsrpc::include_proto!("notes");
}

macro_rules! pages {
    ($($name:ident = $file:literal,)+) => {$(
        #[doc = include_str!(concat!("../../../docs/", $file))]
        pub mod $name {}
    )+};
}

pages! {
    index = "guide/README.md",
    statuses = "guide/statuses.md",
    metadata = "guide/metadata.md",
    deadlines = "guide/deadlines.md",
    cancel = "guide/cancel.md",
    streams = "guide/streams.md",
    large_messages = "guide/large-messages.md",
    draining = "guide/draining.md",
    many_connections = "guide/many-connections.md",
    versions = "guide/versions.md",
    testing = "guide/testing.md",
    grpc = "guide/grpc.md",
    layers = "guide/layers.md",
    retries = "guide/retries.md",
    compression = "guide/compression.md",
    health_and_reflection = "guide/health-and-reflection.md",
    coming_from_tonic = "coming-from-tonic.md",
}
