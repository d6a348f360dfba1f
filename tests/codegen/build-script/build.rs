//! Generates the code of the .proto files.

fn main() -> Result<(), wsrpc_build::Error> {
    wsrpc_build::compile_protos(&["proto/hello.proto"], &["proto"])
}
