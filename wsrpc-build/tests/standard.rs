//! The runtime's own services are what this generator makes of `proto/grpc`. `UPDATE_GOLDEN=1` writes them anew.

use std::path::{Path, PathBuf};
use std::{env, fs};

use wsrpc_build::configure;

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn check(proto: &str, package: &str, module: &str) {
    let out = tempfile::tempdir().expect("a temporary directory");
    configure()
        .emit_rerun_if_changed(false)
        .runtime_path("crate")
        .embed_descriptors(true)
        .bytes("FileDescriptorResponse.file_descriptor_proto")
        .btree_map(".grpc.health")
        .out_dir(out.path())
        .compile_protos(&[workspace("proto").join(proto)], &[workspace("proto")])
        .expect("a good file");
    let name = format!("{package}.rs");
    let generated = fs::read_to_string(out.path().join(&name)).expect("a generated file");
    let committed = workspace("wsrpc/src").join(module).join(&name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&committed, &generated).expect("a writable file");
    }
    let committed = fs::read_to_string(committed).expect("the committed file");
    assert!(
        committed == generated,
        "{name} is stale: UPDATE_GOLDEN=1 writes it anew"
    );
}

#[test]
fn the_health_service_is_up_to_date() {
    check("grpc/health/v1/health.proto", "grpc.health.v1", "health");
}

#[test]
fn the_reflection_service_is_up_to_date() {
    check(
        "grpc/reflection/v1/reflection.proto",
        "grpc.reflection.v1",
        "reflection",
    );
}
