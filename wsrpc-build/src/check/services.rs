//! The services that are generated.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost_types::{
    DescriptorProto, FileDescriptorProto, MethodDescriptorProto, ServiceDescriptorProto,
};

use super::{NO_IDENTIFIER, Place, Types};
use crate::{Error, names};

/// Checks the services of all files of one run. The first mistake is the error.
pub(crate) fn check(files: &[FileDescriptorProto], types: &Types) -> Result<(), Error> {
    for file in files {
        for service in &file.service {
            place(file, service).check(service, types)?;
        }
    }
    Ok(())
}

fn place<'a>(file: &'a FileDescriptorProto, service: &ServiceDescriptorProto) -> Place<'a> {
    Place {
        file: file.name(),
        kind: "service",
        name: names::full(file.package(), service.name()),
    }
}

impl Place<'_> {
    fn check(&self, service: &ServiceDescriptorProto, types: &Types) -> Result<(), Error> {
        if !names::is_identifier(service.name()) {
            return Err(self.error(NO_IDENTIFIER));
        }
        let mut taken: HashMap<String, &str> = HashMap::new();
        for method in &service.method {
            self.check_method(method, types)?;
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

    fn check_method(&self, method: &MethodDescriptorProto, types: &Types) -> Result<(), Error> {
        let name = method.name();
        let error = |what: &str| Err(self.error(format!("method `{name}`: {what}")));
        if !names::is_identifier(name) {
            return error(NO_IDENTIFIER);
        }
        for message in [method.input_type(), method.output_type()] {
            if !types.has_message(message) {
                return error(&format!(
                    "its message {message:?} is not among the descriptors: use what protoc made, with --include_imports"
                ));
            }
        }
        Ok(())
    }
}

/// The modules of services: no two with one name, and none with the name of a module of prost's.
pub(crate) fn modules(files: &[FileDescriptorProto]) -> Result<(), Error> {
    let prosts = modules_of_prost(files)?;
    let mut ours: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for file in files {
        for service in &file.service {
            let place = place(file, service);
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

/// The modules of packages and of messages, each with the package that it lies in.
fn modules_of_prost(files: &[FileDescriptorProto]) -> Result<HashSet<(&str, String)>, Error> {
    let packages: HashSet<&str> = files.iter().map(FileDescriptorProto::package).collect();
    let mut modules = HashSet::new();
    for package in packages {
        // Package `a.b` is a module in package `a`, and so in the one above that.
        for (dot, _) in package.match_indices('.') {
            let child = package.get(dot + 1..).unwrap_or_default();
            let child = child.split('.').next().unwrap_or_default();
            modules.insert((package.get(..dot).unwrap_or_default(), names::snake(child)));
        }
        let root = package.split('.').next().unwrap_or_default();
        if !root.is_empty() {
            modules.insert(("", names::snake(root)));
        }
    }
    for file in files {
        for message in file
            .message_type
            .iter()
            .filter(|message| has_module(message))
        {
            let module = names::snake(message.name());
            if !modules.insert((file.package(), module.clone())) {
                let place = Place {
                    file: file.name(),
                    kind: "message",
                    name: names::full(file.package(), message.name()),
                };
                return Err(place.error(format!(
                    "the module of its nested types, `{module}`, is also that of another message, or of a package: \
                     rename one"
                )));
            }
        }
    }
    Ok(modules)
}

/// Whether prost makes a module beside the message, for what is nested in it.
fn has_module(message: &DescriptorProto) -> bool {
    let nested = message.nested_type.iter();
    nested.filter(|nested| !names::is_map_entry(nested)).count() > 0
        || !message.enum_type.is_empty()
        || message
            .field
            .iter()
            .any(|field| names::oneof_of(field).is_some())
}
