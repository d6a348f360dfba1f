//! Which services are generated.

use prost_types::FileDescriptorProto;

use crate::{Error, names};

/// Takes away the services that are not wanted: if any are named, all others, and those of packages whose messages are
/// elsewhere.
pub(crate) fn services(
    files: &mut [FileDescriptorProto],
    only: &[String],
    extern_paths: &[(String, String)],
) -> Result<(), Error> {
    check(files, only)?;
    for file in files {
        let package = file.package().to_owned();
        if extern_paths.iter().any(|(path, _)| is_in(&package, path)) {
            file.service.clear();
        }
        file.service.retain(|service| {
            only.is_empty() || only.contains(&names::full(&package, service.name()))
        });
    }
    Ok(())
}

/// Whether each of the names is that of a service.
fn check(files: &[FileDescriptorProto], only: &[String]) -> Result<(), Error> {
    let mut known: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let services = file.service.iter();
            services.map(|service| names::full(file.package(), service.name()))
        })
        .collect();
    known.sort();
    match only.iter().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => Err(Error::new(format!(
            "there is no service `{name}` in these files: there are {}",
            match known.as_slice() {
                [] => "none".to_owned(),
                known => known.join(", "),
            }
        ))),
    }
}

/// Whether the path, `.shop` or `.`, leads to the package or to one around it.
fn is_in(package: &str, path: &str) -> bool {
    match path.strip_prefix('.') {
        Some("") => true,
        Some(path) => package
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        None => false,
    }
}
