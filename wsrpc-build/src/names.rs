//! Names in the `.proto`, and what becomes of them in Rust. The rules are prost's; these are not written again here.

use heck::ToUpperCamelCase;
use prost_build::Module;
use prost_types::{DescriptorProto, FieldDescriptorProto};

/// The name in snake case, as prost writes it: `r#type` for `Type`, `self_` for `Self`.
pub(crate) fn snake(name: &str) -> String {
    // prost exports its conversion through the names of modules only.
    Module::from_protobuf_package_name(name).to_string()
}

/// The name of a type or of a variant, but for keywords.
pub(crate) fn camel(name: &str) -> String {
    name.to_upper_camel_case()
}

/// The stem of a service's modules: `ping` in `ping_client`, `type` in `type_client`.
pub(crate) fn stem(service: &str) -> String {
    let snake = snake(service);
    let plain = snake.strip_prefix("r#").unwrap_or(&snake);
    plain.trim_end_matches('_').to_owned()
}

/// The name of a method, on both sides.
pub(crate) fn method(name: &str) -> String {
    match snake(name) {
        taken if taken == "new" => "new_".to_owned(),
        free => free,
    }
}

/// A name with its package, as the wire has it: `ping.Ping`.
pub(crate) fn full(package: &str, name: &str) -> String {
    match package {
        "" => name.to_owned(),
        package => format!("{package}.{name}"),
    }
}

/// What is before the names of a package's types: `.ping`.
pub(crate) fn scope(package: &str) -> String {
    match package {
        "" => String::new(),
        package => format!(".{package}"),
    }
}

/// The index of the oneof that the field belongs to. That of a proto3 `optional` is no real one.
pub(crate) fn oneof_of(field: &FieldDescriptorProto) -> Option<i32> {
    field.oneof_index.filter(|_| !field.proto3_optional())
}

/// Whether protoc made the message for a map, so that it is no type in Rust.
pub(crate) fn is_map_entry(message: &DescriptorProto) -> bool {
    let options = message.options.as_ref();
    options.is_some_and(|options| options.map_entry())
}

/// Whether this is one identifier of the `.proto` language that has a letter or a digit for Rust to use.
pub(crate) fn is_identifier(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.chars().any(|c| c != '_')
}

/// Whether this is a path of Rust that means the same in every module.
pub(crate) fn is_absolute_path(path: &str) -> bool {
    let is_absolute = path.starts_with("::") || path == "crate" || path.starts_with("crate::");
    is_absolute && is_path(path)
}

/// Whether this is a path of Rust, without arguments.
pub(crate) fn is_path(path: &str) -> bool {
    path.strip_prefix("::")
        .unwrap_or(path)
        .split("::")
        .all(|segment| is_identifier(segment.strip_prefix("r#").unwrap_or(segment)))
}

/// `resolved`, prost's path from the package's module to a message, as written in a module inside of that one.
///
/// Paths within the generated code are relative and go up once more; those to types from elsewhere (`()`,
/// `::prost_types::Timestamp`) stay as they are. The two are told apart by what prost makes of a message's full name.
pub(crate) fn from_inside(resolved: &str, package: &str, proto_type: &str) -> String {
    let mut here = package.split('.').filter(|s| !s.is_empty()).peekable();
    let mut there: Vec<&str> = proto_type.split('.').filter(|s| !s.is_empty()).collect();
    there.pop();
    let mut there = there.into_iter().peekable();
    while here.peek().is_some() && here.peek() == there.peek() {
        here.next();
        there.next();
    }
    let expected = here.map(|_| "super".to_owned()).chain(there.map(snake));
    let (path, _) = resolved.rsplit_once("::").unwrap_or_default();
    let path = path
        .split("::")
        .filter(|s| !s.is_empty() || resolved.starts_with("::"));
    if expected.eq(path.map(str::to_owned)) {
        format!("super::{resolved}")
    } else {
        resolved.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_are_as_tonic_names_modules() {
        for (service, expected) in [
            ("Ping", "ping"),
            ("XMLHttp", "xml_http"),
            ("Type", "type"),
            ("Self", "self"),
            ("A_B", "a_b"),
            ("Foo2Bar", "foo2_bar"),
        ] {
            assert_eq!(stem(service), expected);
        }
    }

    #[test]
    fn absolute_paths() {
        for path in ["::wsrpc", "::a::b_2", "crate", "crate::rpc", "::r#type"] {
            assert!(is_absolute_path(path), "{path}");
        }
        for path in [
            "",
            "::",
            "wsrpc",
            "super::a",
            "::a::",
            "::a b",
            "crate::a;",
            "::a<b>",
        ] {
            assert!(!is_absolute_path(path), "{path}");
        }
    }

    #[test]
    fn paths_from_inside_a_module() {
        for (resolved, package, proto, expected) in [
            ("Request", "ping", ".ping.Request", "super::Request"),
            ("Request", "", ".Request", "super::Request"),
            (
                "outer::Inner",
                "ping",
                ".ping.Outer.Inner",
                "super::outer::Inner",
            ),
            ("super::b::M", "a", ".b.M", "super::super::b::M"),
            ("r#type::M", "", ".type.M", "super::r#type::M"),
            ("()", "ping", ".google.protobuf.Empty", "()"),
            ("bool", "ping", ".google.protobuf.BoolValue", "bool"),
            ("::elsewhere::M", "ping", ".ping.M", "::elsewhere::M"),
            ("crate::b::M", "a", ".b.M", "crate::b::M"),
            ("elsewhere::M", "a", ".b.M", "elsewhere::M"),
        ] {
            assert_eq!(from_inside(resolved, package, proto), expected);
        }
    }
}
