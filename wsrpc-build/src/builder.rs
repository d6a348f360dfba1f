//! The settings, and the way from descriptors to files.

use std::fs;
use std::path::{Path, PathBuf};

use prost_build::{Config, Module};
use prost_types::{FileDescriptorProto, FileDescriptorSet};

use crate::emit::Emitter;
use crate::{Error, check, comments, names, protoc, undocumented};

/// The default settings, to be changed.
///
/// ```no_run
/// fn main() -> Result<(), wsrpc_build::Error> {
///     wsrpc_build::configure()
///         .build_server(false)
///         .compile_protos(&["proto/ping.proto"], &["proto"])
/// }
/// ```
pub fn configure() -> Builder {
    Builder {
        emitter: Emitter {
            client: true,
            server: true,
            runtime: "::wsrpc".to_owned(),
        },
        out_dir: None,
        emit_rerun_if_changed: true,
    }
}

/// What to generate, and where. Made by [`configure`].
#[derive(Clone, Debug)]
#[must_use = "it generates nothing until one of its `compile_` methods is called"]
pub struct Builder {
    emitter: Emitter,
    out_dir: Option<PathBuf>,
    emit_rerun_if_changed: bool,
}

impl Builder {
    /// Whether to generate clients. Default: yes.
    pub fn build_client(mut self, enable: bool) -> Self {
        self.emitter.client = enable;
        self
    }

    /// Whether to generate servers. Default: yes.
    pub fn build_server(mut self, enable: bool) -> Self {
        self.emitter.server = enable;
        self
    }

    /// Where to write, made if it is not there. Default: what the [`Config`] says, else cargo's `OUT_DIR`.
    pub fn out_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.out_dir = Some(path.as_ref().to_owned());
        self
    }

    /// The path under which the generated code finds the crate `wsrpc`: for a project that renames or re-exports it.
    /// Default: `::wsrpc`.
    ///
    /// It is written into modules of different depths, so it begins with `::` or `crate::`.
    pub fn runtime_path(mut self, path: impl Into<String>) -> Self {
        self.emitter.runtime = path.into();
        self
    }

    /// Whether to tell cargo, on standard output, which files and variables to watch. Default: yes. To be turned off
    /// outside of a `build.rs`.
    pub fn emit_rerun_if_changed(mut self, enable: bool) -> Self {
        self.emit_rerun_if_changed = enable;
        self
    }

    /// Compiles `.proto` files. Imports are looked up in `includes`; so are the `protos`, which must lie in one of them.
    ///
    /// # Errors
    ///
    /// What is wrong with the files, the settings, or with writing the output.
    pub fn compile_protos(
        &self,
        protos: &[impl AsRef<Path>],
        includes: &[impl AsRef<Path>],
    ) -> Result<(), Error> {
        self.compile_protos_with_config(Config::new(), protos, includes)
    }

    /// Like [`compile_protos`](Self::compile_protos), with a project's own settings for prost. Of those, the service
    /// generator is replaced, and so is the `protoc` executable: it is the vendored one, or the variable `PROTOC`.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), wsrpc_build::Error> {
    /// let mut config = wsrpc_build::prost_build::Config::new();
    /// config.bytes(["."]);
    /// wsrpc_build::configure().compile_protos_with_config(config, &["proto/ping.proto"], &["proto"])
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What is wrong with the files, the settings, or with writing the output.
    pub fn compile_protos_with_config(
        &self,
        mut config: Config,
        protos: &[impl AsRef<Path>],
        includes: &[impl AsRef<Path>],
    ) -> Result<(), Error> {
        protoc::choose(&mut config);
        let descriptors = config
            .load_fds(protos, includes)
            .map_err(|error| Error::new(error.to_string()))?;
        if self.emit_rerun_if_changed {
            protoc::watch(protos, includes, &descriptors);
        }
        self.compile_fds_with_config(config, descriptors)
    }

    /// Like [`compile_protos_with_config`](Self::compile_protos_with_config), from descriptors that a `protoc` made
    /// before: with `--include_imports`, and with `--include_source_info` for the comments.
    ///
    /// # Errors
    ///
    /// What is wrong with the descriptors, the settings, or with writing the output.
    pub fn compile_fds_with_config(
        &self,
        mut config: Config,
        mut descriptors: FileDescriptorSet,
    ) -> Result<(), Error> {
        self.prepare(&mut config, &mut descriptors.file)?;
        undocumented::allow(&mut config, &descriptors.file);
        if let Some(dir) = &self.out_dir {
            fs::create_dir_all(dir)
                .map_err(|error| Error::io(format!("cannot make {}", dir.display()), error))?;
            config.out_dir(dir);
        }
        config
            .compile_fds(descriptors)
            .map_err(|error| Error::io("cannot write the generated code", error))
    }

    /// Generates the services of these files alone, for use beside messages that something else generates: for each
    /// package the name of a file, and what goes into it.
    ///
    /// # Errors
    ///
    /// What is wrong with the descriptors or the settings.
    pub fn generate_services(
        &self,
        mut files: Vec<FileDescriptorProto>,
    ) -> Result<Vec<(String, String)>, Error> {
        let mut config = Config::new();
        self.prepare(&mut config, &mut files)?;
        let requests = files
            .into_iter()
            .map(|mut file| {
                file.message_type.clear();
                file.enum_type.clear();
                (Module::from_protobuf_package_name(file.package()), file)
            })
            .collect();
        let modules = config
            .generate(requests)
            .map_err(|error| Error::new(error.to_string()))?;
        let mut files: Vec<(String, String)> = modules
            .into_iter()
            .map(|(module, code)| {
                let name = module.to_file_name_or("_");
                let package = name.strip_suffix(".rs").unwrap_or(&name);
                (format!("{package}.wsrpc.rs"), code)
            })
            .collect();
        files.sort();
        Ok(files)
    }

    /// What every way has in common: check everything, for prost panics where it finds a mistake; then let it loose.
    fn prepare(&self, config: &mut Config, files: &mut [FileDescriptorProto]) -> Result<(), Error> {
        let Emitter {
            client,
            server,
            runtime,
        } = &self.emitter;
        if !names::is_absolute_path(runtime) {
            return Err(Error::new(format!(
                "the runtime path `{runtime}` is no absolute path of Rust: write it like `::wsrpc` or `crate::rpc`"
            )));
        }
        check::files(files)?;
        files.iter_mut().for_each(comments::tame);
        if *client || *server {
            config.service_generator(Box::new(self.emitter.clone()));
        }
        Ok(())
    }
}
