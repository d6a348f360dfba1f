//! Generates the messages that the crates of the workspace share.

fn main() -> Result<(), wsrpc_build::Error> {
    wsrpc_build::configure()
        .include_file("api.rs")
        .compile_protos(&["../proto/shop/common.proto"], &["../proto"])
}
