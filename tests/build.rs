//! Generates the example's services, those of gRPC's interop tests and the wire schema, and finds out whether there is a Go to test against.

use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    wsrpc_build::compile_protos(&["../proto/ping.proto"], &["../proto"])?;
    wsrpc_build::compile_protos(&["../proto/wsrpc.proto"], &["../proto"])?;
    wsrpc_build::configure()
        .bytes(".")
        .compile_protos(&["proto/load.proto"], &["proto"])?;
    wsrpc_build::compile_protos(&["proto/grpc_testing.proto"], &["proto"])?;
    println!("cargo:rustc-check-cfg=cfg(has_go)");
    println!("cargo:rerun-if-env-changed=PATH");
    let go = Command::new("go").arg("version").output();
    if go.is_ok_and(|go| go.status.success()) {
        println!("cargo:rustc-cfg=has_go");
    }
    Ok(())
}
