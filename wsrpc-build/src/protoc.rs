//! Which `protoc` runs, and which files cargo has to watch.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use prost_build::Config;
use prost_types::FileDescriptorSet;

/// Makes `config` run the vendored `protoc`, with the well-known types that belong to it, unless `PROTOC` is set.
///
/// Where none is vendored for the platform, the one on the `PATH` runs.
pub(crate) fn choose(config: &mut Config) {
    if env::var_os("PROTOC").is_some() {
        return;
    }
    if let Ok(protoc) = protoc_bin_vendored::protoc_bin_path() {
        config.protoc_executable(protoc);
        if let Ok(include) = protoc_bin_vendored::include_path() {
            // After the user's own, so that these win.
            config.protoc_arg("-I").protoc_arg(include);
        }
    }
}

/// Tells cargo to run the build script again when one of `protos` changes, or one of their imports.
pub(crate) fn watch(
    protos: &[impl AsRef<Path>],
    includes: &[impl AsRef<Path>],
    compiled: &FileDescriptorSet,
) {
    let imports = compiled.file.iter().filter_map(|file| {
        includes
            .iter()
            .map(|include| include.as_ref().join(file.name()))
            .find(|path| path.exists())
    });
    let files: BTreeSet<PathBuf> = protos
        .iter()
        .map(|proto| proto.as_ref().to_owned())
        .chain(imports)
        .collect();
    for file in files {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    println!("cargo:rerun-if-env-changed=PROTOC");
}
