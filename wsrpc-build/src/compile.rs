//! The way from `.proto` files or descriptors to code.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use prost::Message;
use prost_build::{Config, Module};
use prost_types::{FileDescriptorProto, FileDescriptorSet};

use crate::hook::{Hook, Planned, Progress};
use crate::{
    Builder, Error, check, comments, deprecated, embed, include, locations, names, net, protoc,
    select, undocumented,
};

/// What is between the name of a package and `.rs` where there are services only.
const SERVICES_ONLY: &str = ".wsrpc";

/// From files to files.
impl Builder {
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
    /// generator is replaced; the `protoc` is that of [`protoc`](Self::protoc).
    ///
    /// ```no_run
    /// # fn main() -> Result<(), wsrpc_build::Error> {
    /// let mut config = wsrpc_build::prost_build::Config::new();
    /// config.enable_type_names();
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
        protoc::choose(&mut config, self.protoc.as_deref());
        if let Some(path) = &self.descriptor_set {
            config.file_descriptor_set_path(path);
        }
        let descriptors = net::catch(|| config.load_fds(protos, includes))
            .map_err(Error::new)?
            .map_err(|error| Error::new(error.to_string()))?;
        if self.emit_rerun_if_changed {
            protoc::watch(protos, includes, &descriptors);
        }
        self.compile_fds_with_config(config, descriptors)
    }

    /// Compiles descriptors that a `protoc` made before: with `--include_imports`, and with `--include_source_info` for
    /// the comments.
    ///
    /// # Errors
    ///
    /// What is wrong with the descriptors, the settings, or with writing the output.
    pub fn compile_fds(&self, descriptors: FileDescriptorSet) -> Result<(), Error> {
        self.compile_fds_with_config(Config::new(), descriptors)
    }

    /// Like [`compile_fds`](Self::compile_fds), from the encoded descriptors.
    ///
    /// # Errors
    ///
    /// What is wrong with the descriptors, the settings, or with writing the output.
    pub fn compile_fds_bytes(&self, descriptors: &[u8]) -> Result<(), Error> {
        let descriptors = FileDescriptorSet::decode(descriptors)
            .map_err(|error| Error::new(format!("this is no descriptor set: {error}")))?;
        self.compile_fds(descriptors)
    }

    /// Like [`compile_fds`](Self::compile_fds), from a file, as `protoc -o` or `buf build -o` writes it.
    ///
    /// # Errors
    ///
    /// What is wrong with the descriptors, the settings, or with reading the file or writing the output.
    pub fn compile_fds_path(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        if self.emit_rerun_if_changed {
            protoc::watch_file(path);
        }
        let bytes = fs::read(path)
            .map_err(|error| Error::io(format!("cannot read {}", path.display()), error))?;
        self.compile_fds_bytes(&bytes)
    }

    /// Like [`compile_fds`](Self::compile_fds), with a project's own settings for prost, of which the service generator
    /// is replaced.
    ///
    /// # Errors
    ///
    /// What is wrong with the descriptors, the settings, or with writing the output.
    pub fn compile_fds_with_config(
        &self,
        mut config: Config,
        descriptors: FileDescriptorSet,
    ) -> Result<(), Error> {
        if let Some(dir) = &self.out_dir {
            fs::create_dir_all(dir)
                .map_err(|error| Error::io(format!("cannot make {}", dir.display()), error))?;
            config.out_dir(dir);
        }
        if !self.with_messages {
            let files = self.run(config, descriptors.file, None)?;
            return write(&self.target()?, &files);
        }
        if self.include_file.is_some() {
            config.out_dir(self.target()?).default_package_filename("_");
        }
        let (files, progress) = self.prepare(&mut config, descriptors.file, None)?;
        let result = net::catch(|| config.compile_fds(FileDescriptorSet { file: files }));
        result
            .map_err(|panic| caught(&progress, &panic))?
            .map_err(refused)?;
        match self.include(&progress) {
            Some(file) => write(&self.target()?, &[file]),
            None => Ok(()),
        }
    }

    /// Compiles descriptors to text, as a plugin of `protoc` does: of `files`, which have all imports among them, those
    /// that are `asked` for. What comes out are names of files and what goes into them.
    ///
    /// # Errors
    ///
    /// What is wrong with the descriptors or the settings.
    pub fn generate(
        &self,
        files: Vec<FileDescriptorProto>,
        asked: &[String],
    ) -> Result<Vec<(String, String)>, Error> {
        if asked.is_empty() {
            return Err(Error::new(
                "there is nothing to compile: no file is asked for",
            ));
        }
        let known: HashSet<&str> = files.iter().map(|file| file.name()).collect();
        if let Some(unknown) = asked.iter().find(|name| !known.contains(name.as_str())) {
            return Err(Error::new(format!(
                "{unknown:?} is to be compiled, and is not among the descriptors"
            )));
        }
        let asked = asked.iter().map(String::as_str).collect();
        self.run(Config::new(), files, Some(&asked))
    }

    fn run(
        &self,
        mut config: Config,
        files: Vec<FileDescriptorProto>,
        asked: Option<&HashSet<&str>>,
    ) -> Result<Vec<(String, String)>, Error> {
        // No package has this name. What is there was needed to understand the rest.
        let discarded = Module::from_parts(["0"]);
        let (files, progress) = self.prepare(&mut config, files, asked)?;
        let requests = files.into_iter().map(|file| {
            let module = match asked.is_none_or(|asked| asked.contains(file.name())) {
                true => Module::from_protobuf_package_name(file.package()),
                false => discarded.clone(),
            };
            (module, file)
        });
        let requests = requests.collect();
        let result = net::catch(|| config.generate(requests));
        let mut modules = result
            .map_err(|panic| caught(&progress, &panic))?
            .map_err(refused)?;
        modules.remove(&discarded);
        let mut files: Vec<(String, String)> = modules
            .into_iter()
            .map(|(module, code)| (include::file_name(&module, self.suffix()), code))
            .chain(self.include(&progress))
            .collect();
        files.sort();
        Ok(files)
    }

    /// What every way has in common: check everything, for prost panics where it finds a mistake; take away what is not
    /// wanted; and tell prost what is.
    fn prepare(
        &self,
        config: &mut Config,
        mut files: Vec<FileDescriptorProto>,
        asked: Option<&HashSet<&str>>,
    ) -> Result<(Vec<FileDescriptorProto>, Progress), Error> {
        self.check()?;
        for file in &mut files {
            // To prost, an empty name is another package than none.
            file.package = file.package.take().filter(|package| !package.is_empty());
        }
        check::files(&files, self.with_messages)?;
        self.check_include_file(&files)?;
        let types = check::Types::new(&files)?;
        if self.with_messages {
            check::types(&files, &types)?;
            check::derives(&files)?;
        }

        let is_asked = |name: &str| asked.is_none_or(|asked| asked.contains(name));
        let progress = self.plan(&files, is_asked);
        select::services(&mut files, &self.only, &self.messages.extern_paths)?;
        for file in &mut files {
            if !is_asked(file.name()) || !(self.emitter.client || self.emitter.server) {
                file.service.clear();
            }
        }
        check::services(&files, &types)?;
        check::modules(&files)?;
        for file in &mut files {
            if !self.with_messages {
                file.syntax = None;
                file.message_type.clear();
                file.enum_type.clear();
            }
            locations::complete(file);
            deprecated::note(file);
            comments::tame(file);
        }
        self.messages.apply(config);
        undocumented::allow(config, &files);
        config.service_generator(Box::new(Hook::new(self.emitter.clone(), progress.clone())));
        Ok((files, progress))
    }

    /// Whether the settings are what Rust understands.
    fn check(&self) -> Result<(), Error> {
        let runtime = &self.emitter.runtime;
        if !names::is_absolute_path(runtime) {
            return Err(Error::new(format!(
                "the runtime path `{runtime}` is no absolute path of Rust: write it like `::wsrpc` or `crate::rpc`"
            )));
        }
        if let Some(name) = &self.include_file {
            if name.contains(['/', '\\']) || [".", "..", ""].contains(&name.as_str()) {
                return Err(Error::new(format!(
                    "the include file {name:?} has to lie beside the others: give its name, without a directory"
                )));
            }
        }
        self.emitter.check()?;
        self.messages.check()
    }

    fn check_include_file(&self, files: &[FileDescriptorProto]) -> Result<(), Error> {
        let is_taken = |file: &&FileDescriptorProto| {
            let module = Module::from_protobuf_package_name(file.package());
            let name = include::file_name(&module, self.suffix());
            self.include_file.as_ref() == Some(&name)
        };
        match files.iter().find(is_taken) {
            None => Ok(()),
            Some(file) => Err(Error::new(format!(
                "{}: what is in its package goes into a file with the name of the include file: choose another for that",
                file.name()
            ))),
        }
    }

    fn plan(&self, files: &[FileDescriptorProto], is_asked: impl Fn(&str) -> bool) -> Progress {
        let mut last: HashMap<&str, usize> = HashMap::new();
        if self.emitter.embed {
            let asked = files
                .iter()
                .zip(0..)
                .filter(|(file, _)| is_asked(file.name()));
            last.extend(asked.map(|(file, index)| (file.package(), index)));
        }
        let plan = files.iter().zip(0..).map(|(file, index)| {
            let package = file.package();
            let is_last = last.get(package) == Some(&index);
            Planned {
                name: file.name().to_owned(),
                package: is_asked(file.name()).then(|| package.to_owned()),
                descriptors: is_last.then(|| embed::encoded(files, package)),
            }
        });
        Progress::new(plan)
    }

    fn suffix(&self) -> &'static str {
        if self.with_messages {
            ""
        } else {
            SERVICES_ONLY
        }
    }

    /// The name of the include file, if there is to be one, and what goes into it.
    fn include(&self, progress: &Progress) -> Option<(String, String)> {
        let name = self.include_file.clone()?;
        let in_out_dir = self.out_dir.is_none() && env::var_os("OUT_DIR").is_some();
        let text = include::text(&progress.modules(), self.suffix(), in_out_dir);
        Some((name, text))
    }

    /// Where what is written by us goes.
    fn target(&self) -> Result<PathBuf, Error> {
        let out_dir = || env::var_os("OUT_DIR").map(PathBuf::from);
        self.out_dir.clone().or_else(out_dir).ok_or_else(|| {
            Error::new("there is no OUT_DIR, as in a build.rs: say where to write, with `out_dir`")
        })
    }
}

/// Only what differs, so that cargo does not compile again.
fn write(dir: &Path, files: &[(String, String)]) -> Result<(), Error> {
    for (name, text) in files {
        let path = dir.join(name);
        if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            continue;
        }
        fs::write(&path, text)
            .map_err(|error| Error::io(format!("cannot write {}", path.display()), error))?;
    }
    Ok(())
}

/// The error for a panic of prost's.
fn caught(progress: &Progress, panic: &str) -> Error {
    Error::new(match progress.current() {
        Some(file) => format!("{file}: prost cannot generate it: {panic}"),
        None => {
            format!("prost did not write sound Rust: is an attribute or a path mistaken? {panic}")
        }
    })
}

/// The error for what prost gives back: mostly an error of writing.
fn refused(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidInput => Error::new(error.to_string()),
        _ => Error::io("cannot write the generated code", error),
    }
}
