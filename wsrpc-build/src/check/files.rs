//! The files themselves: what they are called, what they are written in, what they import.

use std::collections::HashMap;

use prost_types::FileDescriptorProto;

use crate::{Error, names};

/// What may become the name of a file, with what is added to it, on every system.
const MAX_PACKAGE: usize = 200;

/// Checks all files of one run. `messages`: whether prost is to see what is in them besides services.
pub(crate) fn check(files: &[FileDescriptorProto], messages: bool) -> Result<(), Error> {
    let mut known = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        name(file.name())?;
        if known.insert(file.name(), index).is_some() {
            return Err(Error::new(format!("{}: it is there twice", file.name())));
        }
        package(file)?;
        if messages {
            syntax(file)?;
        }
    }
    imports(files, &known)
}

fn name(name: &str) -> Result<(), Error> {
    let leads_out = name.starts_with('/') || name.split('/').any(|part| part == "..");
    match name {
        "" => Err(Error::new(
            "a file has no name: use descriptors that protoc made",
        )),
        _ if leads_out || name.contains('\\') || name.chars().any(char::is_control) => {
            Err(Error::new(format!(
                "{name:?}: a file is named by its path within an include path, without `..`"
            )))
        }
        _ => Ok(()),
    }
}

/// The package becomes the name of a file and of modules.
fn package(file: &FileDescriptorProto) -> Result<(), Error> {
    let package = file.package();
    if !package.is_empty() && !package.split('.').all(names::is_identifier) {
        return Err(Error::new(format!(
            "{}: its package {package:?} is no name that Rust can use: rename it",
            file.name()
        )));
    }
    if package.len() > MAX_PACKAGE {
        return Err(Error::new(format!(
            "{}: the name of its package is too long for a file: it has {} bytes of at most {MAX_PACKAGE}",
            file.name(),
            package.len()
        )));
    }
    Ok(())
}

fn syntax(file: &FileDescriptorProto) -> Result<(), Error> {
    match file.syntax() {
        "" | "proto2" | "proto3" => Ok(()),
        "editions" => Err(Error::new(format!(
            "{}: it is written in an edition, and prost cannot generate the messages of one yet: write it in proto3 or \
             proto2, or generate the services only",
            file.name()
        ))),
        other => Err(Error::new(format!(
            "{}: its syntax is {other:?}, which is not supported: write it in proto3 or proto2",
            file.name()
        ))),
    }
}

/// Each import is there, and they do not go round in circles.
fn imports(files: &[FileDescriptorProto], known: &HashMap<&str, usize>) -> Result<(), Error> {
    let mut importers: Vec<Vec<usize>> = vec![Vec::new(); files.len()];
    let mut missing: Vec<usize> = vec![0; files.len()];
    for (index, file) in files.iter().enumerate() {
        for import in &file.dependency {
            let Some(&imported) = known.get(import.as_str()) else {
                return Err(Error::new(format!(
                    "{}: it imports {import:?}, which is not among the descriptors: make them with --include_imports",
                    file.name()
                )));
            };
            importers[imported].push(index);
            missing[index] += 1;
        }
    }

    // Take away what has all its imports, until only circles and what hangs on them are left.
    let mut ready: Vec<usize> = (0..files.len())
        .filter(|&index| missing[index] == 0)
        .collect();
    while let Some(done) = ready.pop() {
        for &importer in &importers[done] {
            missing[importer] -= 1;
            if missing[importer] == 0 {
                ready.push(importer);
            }
        }
    }
    let stuck = files.iter().zip(missing).find(|(_, missing)| *missing > 0);
    match stuck {
        None => Ok(()),
        Some((file, _)) => Err(Error::new(format!(
            "{}: its imports go round in a circle",
            file.name()
        ))),
    }
}
