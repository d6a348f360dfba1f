//! Which `protoc` runs, and which files cargo has to watch.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use prost_build::Config;
use prost_types::FileDescriptorSet;

/// Makes `config` run the `protoc` that the user names, or the vendored one unless `PROTOC` is set.
pub(crate) fn choose(config: &mut Config, path: Option<&Path>) {
    if let Some(path) = path {
        config.protoc_executable(path);
    } else if let Some(path) = env::var_os("PROTOC") {
        config.protoc_executable(path);
    } else {
        vendored(config);
    }
}

/// Where none is vendored for the platform, the `Config`'s own runs.
#[cfg(feature = "vendored-protoc")]
fn vendored(config: &mut Config) {
    if let Ok(protoc) = protoc_bin_vendored::protoc_bin_path() {
        config.protoc_executable(protoc);
        if let Ok(include) = protoc_bin_vendored::include_path() {
            // After the user's own, so that these win.
            config.protoc_arg("-I").protoc_arg(include);
        }
    }
}

#[cfg(not(feature = "vendored-protoc"))]
fn vendored(_: &mut Config) {}

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
        watch_file(&file);
    }
    println!("cargo:rerun-if-env-changed=PROTOC");
}

pub(crate) fn watch_file(path: &Path) {
    println!("cargo:rerun-if-changed={}", path.display());
}
