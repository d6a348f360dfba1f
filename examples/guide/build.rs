//! Generates the services that the pages use.

fn main() -> Result<(), wsrpc_build::Error> {
    wsrpc_build::compile_protos(
        &["../../proto/ping.proto", "proto/notes.proto"],
        &["../../proto", "proto"],
    )
}
