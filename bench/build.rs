//! Generates the service twice: with wsrpc's generator, and with tonic's on the same messages.

use std::{env, error::Error, fs, path::PathBuf};

const PROTO: &str = "proto/bench.proto";

fn main() -> Result<(), Box<dyn Error>> {
    wsrpc_build::configure()
        .bytes(".")
        .compile_protos(&[PROTO], &["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("tonic");
    fs::create_dir_all(&out)?;
    let mut config = prost_build::Config::new();
    config.protoc_executable(protoc_bin_vendored::protoc_bin_path()?);
    tonic_prost_build::configure()
        .out_dir(out)
        .extern_path(".bench", "crate::proto")
        .compile_with_config(config, &[PROTO], &["proto"])?;
    Ok(())
}
