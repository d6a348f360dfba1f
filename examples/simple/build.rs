//! Generates the services of `proto/ping.proto`.

fn main() -> Result<(), wsrpc_build::Error> {
    wsrpc_build::compile_protos(&["../../proto/ping.proto"], &["../../proto"])
}
