//! The settings.

use std::path::{Path, PathBuf};

use crate::emit::Emitter;
use crate::messages::Messages;

/// The default settings, to be changed.
///
/// ```no_run
/// fn main() -> Result<(), wsrpc_build::Error> {
///     wsrpc_build::configure()
///         .build_server(false)
///         .type_attribute(".", "#[derive(serde::Serialize)]")
///         .compile_protos(&["proto/ping.proto"], &["proto"])
/// }
/// ```
pub fn configure() -> Builder {
    Builder {
        emitter: Emitter {
            client: true,
            server: true,
            runtime: "::wsrpc".to_owned(),
            embed: false,
            client_mod_attributes: Default::default(),
            client_attributes: Default::default(),
            server_mod_attributes: Default::default(),
            trait_attributes: Default::default(),
            server_attributes: Default::default(),
        },
        with_messages: true,
        messages: Messages::default(),
        only: Vec::new(),
        out_dir: None,
        include_file: None,
        descriptor_set: None,
        protoc: None,
        emit_rerun_if_changed: true,
    }
}

/// What to generate, and where. Made by [`configure`].
///
/// Where a setting takes a `path`, that is one of protobuf: `.` for everything, `.ping` for a package, `.ping.PingRequest`
/// for a message, a service or an enum, `.ping.PingRequest.body` for a field. Without the dot in front it matches at the
/// end: `PingRequest` in every package. An attribute goes to whatever is inside of its path too.
#[derive(Clone, Debug)]
#[must_use = "it generates nothing until one of its `compile_` methods is called"]
pub struct Builder {
    pub(crate) emitter: Emitter,
    pub(crate) with_messages: bool,
    pub(crate) messages: Messages,
    pub(crate) only: Vec<String>,
    pub(crate) out_dir: Option<PathBuf>,
    pub(crate) include_file: Option<String>,
    pub(crate) descriptor_set: Option<PathBuf>,
    pub(crate) protoc: Option<PathBuf>,
    pub(crate) emit_rerun_if_changed: bool,
}

/// What is generated.
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

    /// Whether to generate messages. Default: yes.
    ///
    /// Without them, the services of package `ping` go into `ping.wsrpc.rs`, to be included in the module that has the
    /// messages, or anywhere if [`extern_path`](Self::extern_path)s lead to these.
    pub fn build_messages(mut self, enable: bool) -> Self {
        self.with_messages = enable;
        self
    }

    /// Generates this service, `ping.Ping`, and no other that is not named likewise. Default: all services, also those
    /// of imported files.
    pub fn only_service(mut self, full_name: impl Into<String>) -> Self {
        self.only.push(full_name.into());
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

    /// Whether each package's code has `FILE_DESCRIPTOR_SET`, the descriptors of the package and all that it imports, and
    /// its services know of it: for reflection, which the runtime answers from there. Default: no.
    pub fn embed_descriptors(mut self, enable: bool) -> Self {
        self.emitter.embed = enable;
        self
    }

    /// The types of a package, or one type, are not generated but found at a path of Rust, for example in another crate
    /// of the workspace: `extern_path(".shop.common", "::shop_common")`. Neither are the package's services.
    pub fn extern_path(mut self, path: impl Into<String>, rust: impl Into<String>) -> Self {
        self.messages.extern_paths.push((path.into(), rust.into()));
        self
    }

    /// `bytes` fields are `Bytes`, which is a slice of what was received, instead of `Vec<u8>`.
    pub fn bytes(mut self, path: impl Into<String>) -> Self {
        self.messages.bytes.push(path.into());
        self
    }

    /// Maps are `BTreeMap`s instead of `HashMap`s.
    pub fn btree_map(mut self, path: impl Into<String>) -> Self {
        self.messages.btree_map.push(path.into());
        self
    }

    /// Whether to generate the well-known types, instead of using those of `prost-types` and Rust's own. Default: no.
    pub fn compile_well_known_types(mut self, enable: bool) -> Self {
        self.messages.compile_well_known_types = enable;
        self
    }

    /// The path under which the messages find the crate `prost`. Default: `::prost`.
    pub fn prost_path(mut self, path: impl Into<String>) -> Self {
        self.messages.prost_path = Some(path.into());
        self
    }

    /// The path under which the messages find the crate `prost-types`. Default: `::prost_types`.
    pub fn prost_types_path(mut self, path: impl Into<String>) -> Self {
        self.messages.prost_types_path = Some(path.into());
        self
    }
}

/// Attributes on what is generated.
impl Builder {
    /// On messages, enums and oneofs.
    pub fn type_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.messages.type_attributes.add(path, attribute);
        self
    }

    /// On messages.
    pub fn message_attribute(
        mut self,
        path: impl Into<String>,
        attribute: impl Into<String>,
    ) -> Self {
        self.messages.message_attributes.add(path, attribute);
        self
    }

    /// On enums and oneofs.
    pub fn enum_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.messages.enum_attributes.add(path, attribute);
        self
    }

    /// On fields, and on the values of enums.
    pub fn field_attribute(
        mut self,
        path: impl Into<String>,
        attribute: impl Into<String>,
    ) -> Self {
        self.messages.field_attributes.add(path, attribute);
        self
    }

    /// On the module of a service's client: `ping_client`.
    pub fn client_mod_attribute(
        mut self,
        path: impl Into<String>,
        attribute: impl Into<String>,
    ) -> Self {
        self.emitter.client_mod_attributes.add(path, attribute);
        self
    }

    /// On the client of a service: `PingClient`.
    pub fn client_attribute(
        mut self,
        path: impl Into<String>,
        attribute: impl Into<String>,
    ) -> Self {
        self.emitter.client_attributes.add(path, attribute);
        self
    }

    /// On the module of a service's server: `ping_server`.
    pub fn server_mod_attribute(
        mut self,
        path: impl Into<String>,
        attribute: impl Into<String>,
    ) -> Self {
        self.emitter.server_mod_attributes.add(path, attribute);
        self
    }

    /// On the trait that a server of a service implements: `Ping`.
    pub fn trait_attribute(
        mut self,
        path: impl Into<String>,
        attribute: impl Into<String>,
    ) -> Self {
        self.emitter.trait_attributes.add(path, attribute);
        self
    }

    /// On the server of a service: `PingServer`.
    pub fn server_attribute(
        mut self,
        path: impl Into<String>,
        attribute: impl Into<String>,
    ) -> Self {
        self.emitter.server_attributes.add(path, attribute);
        self
    }
}

/// Where it comes from and goes to.
impl Builder {
    /// Where to write, made if it is not there. Default: what the [`Config`](prost_build::Config) says, else cargo's
    /// `OUT_DIR`.
    pub fn out_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.out_dir = Some(path.as_ref().to_owned());
        self
    }

    /// Also writes a file of this name that includes all others, each in the modules of its package.
    ///
    /// Prefer it to that of [`Config`](prost_build::Config), whose modules have no docs. The files are then written to
    /// [`out_dir`](Self::out_dir) or `OUT_DIR`, under the names that they have by default, whatever the `Config` says.
    pub fn include_file(mut self, name: impl Into<String>) -> Self {
        self.include_file = Some(name.into());
        self
    }

    /// Keeps the descriptors that `protoc` makes of `.proto` files, encoded, in this file.
    pub fn file_descriptor_set_path(mut self, path: impl AsRef<Path>) -> Self {
        self.descriptor_set = Some(path.as_ref().to_owned());
        self
    }

    /// The `protoc` to run. Default: the one that the environment variable `PROTOC` names, else the vendored one, else
    /// what the [`Config`](prost_build::Config) says.
    pub fn protoc(mut self, path: impl AsRef<Path>) -> Self {
        self.protoc = Some(path.as_ref().to_owned());
        self
    }

    /// Whether to tell cargo, on standard output, which files and variables to watch. Default: yes. To be turned off
    /// outside of a `build.rs`.
    pub fn emit_rerun_if_changed(mut self, enable: bool) -> Self {
        self.emit_rerun_if_changed = enable;
        self
    }
}
