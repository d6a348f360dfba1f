//! Generates the service, over messages of the crate `common`.

fn main() -> Result<(), wsrpc_build::Error> {
    wsrpc_build::configure()
        .extern_path(".shop.common", "::common::shop::common")
        .include_file("api.rs")
        .compile_protos(&["../proto/shop/orders.proto"], &["../proto"])
}
