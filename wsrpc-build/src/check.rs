//! What is wrong with a set of descriptors, found before prost sees them: it panics where it finds a mistake, and would
//! generate code that does not compile.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost_types::{
    DescriptorProto, FileDescriptorProto, MethodDescriptorProto, ServiceDescriptorProto,
};

use crate::{Error, names};

/// Checks all the files of one run. The first mistake is the error.
pub(crate) fn files(files: &[FileDescriptorProto]) -> Result<(), Error> {
    for file in files {
        syntax(file)?;
        for service in &file.service {
            Place::new(file, service).check(service)?;
        }
    }
    modules(files)
}

fn syntax(file: &FileDescriptorProto) -> Result<(), Error> {
    match file.syntax() {
        "" | "proto2" | "proto3" => Ok(()),
        other => Err(Error::new(format!(
            "{}: its syntax is `{other}`, which is not supported: write it in proto3 or proto2",
            file.name()
        ))),
    }
}

/// The service that is being checked.
struct Place<'a> {
    file: &'a str,
    service: String,
}

impl<'a> Place<'a> {
    fn new(file: &'a FileDescriptorProto, service: &ServiceDescriptorProto) -> Self {
        Self {
            file: file.name(),
            service: names::full(file.package(), service.name()),
        }
    }

    fn error(&self, what: impl std::fmt::Display) -> Error {
        Error::new(format!("{}: service `{}`: {what}", self.file, self.service))
    }

    fn check(&self, service: &ServiceDescriptorProto) -> Result<(), Error> {
        if !self.service.split('.').all(names::is_identifier) {
            return Err(self.error("its name is no identifier that Rust can use: rename it"));
        }
        let mut taken: HashMap<String, &str> = HashMap::new();
        for method in &service.method {
            self.check_method(method)?;
            let name = names::method(method.name());
            if let Some(other) = taken.insert(name.clone(), method.name()) {
                return Err(self.error(format!(
                    "methods `{other}` and `{}` are both `{name}` in Rust: rename one",
                    method.name()
                )));
            }
        }
        Ok(())
    }

    fn check_method(&self, method: &MethodDescriptorProto) -> Result<(), Error> {
        let name = method.name();
        let error = |what: &str| Err(self.error(format!("method `{name}`: {what}")));
        if !names::is_identifier(name) {
            return error("its name is no identifier that Rust can use: rename it");
        }
        for message in [method.input_type(), method.output_type()] {
            let components = message.strip_prefix('.').unwrap_or_default();
            if !components.split('.').all(names::is_identifier) {
                return error(
                    "its messages are not named in full: use descriptors that protoc made",
                );
            }
        }
        match (method.client_streaming(), method.server_streaming()) {
            (false, false) => Ok(()),
            (true, false) => error(&streaming("requests")),
            (false, true) => error(&streaming("responses")),
            (true, true) => error(&streaming("requests and its responses")),
        }
    }
}

fn streaming(what: &str) -> String {
    format!(
        "it streams its {what}, and streaming is part of version 2 of the protocol, which is not supported yet: \
         make it unary, without `stream`"
    )
}

/// The modules of services: no two with one name, and none with the name of a module of prost's.
fn modules(files: &[FileDescriptorProto]) -> Result<(), Error> {
    let packages: HashSet<&str> = files.iter().map(FileDescriptorProto::package).collect();
    let mut prosts: HashSet<(&str, String)> = HashSet::new();
    for package in packages {
        // Package `a.b` is a module in package `a`, and so in the one above that.
        for (dot, _) in package.match_indices('.') {
            let child = package.get(dot + 1..).unwrap_or_default();
            let child = child.split('.').next().unwrap_or_default();
            prosts.insert((package.get(..dot).unwrap_or_default(), names::snake(child)));
        }
        let root = package.split('.').next().unwrap_or_default();
        prosts.insert(("", names::snake(root)));
    }
    for file in files {
        let nesting = file
            .message_type
            .iter()
            .filter(|message| has_module(message));
        prosts.extend(nesting.map(|message| (file.package(), names::snake(message.name()))));
    }

    let mut ours: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for file in files {
        for service in &file.service {
            let place = Place::new(file, service);
            let stem = names::stem(service.name());
            for side in ["client", "server"] {
                let module = (file.package(), format!("{stem}_{side}"));
                if prosts.contains(&module) {
                    return Err(place.error(format!(
                        "its module `{}` is also the module of a message's nested types, or of a package: rename one",
                        module.1
                    )));
                }
            }
            if let Some(other) = ours.insert((file.package(), stem), service.name()) {
                return Err(place.error(format!(
                    "it has the name of service `{other}` in Rust: rename one"
                )));
            }
        }
    }
    Ok(())
}

/// Whether prost makes a module beside the message, for what is nested in it.
fn has_module(message: &DescriptorProto) -> bool {
    !message.nested_type.is_empty()
        || !message.enum_type.is_empty()
        || !message.oneof_decl.is_empty()
}
