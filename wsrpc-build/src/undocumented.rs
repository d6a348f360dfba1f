//! `#[allow(missing_docs)]` where the `.proto` has no comment, and nowhere else, so that a user's own
//! `#![deny(missing_docs)]` holds.
//!
//! One exception: prost applies an attribute of a message to the messages nested in it too.

use std::collections::HashSet;

use prost_build::Config;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};

use crate::names;

const ALLOW: &str = "#[allow(missing_docs)]";

/// Adds the attribute to every message, field, enum and value that has no comment.
pub(crate) fn allow(config: &mut Config, files: &[FileDescriptorProto]) {
    for file in files {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        let documented = locations
            .filter(|location| {
                [location.leading_comments(), location.trailing_comments()]
                    .iter()
                    .any(|comment| !comment.is_empty())
            })
            .map(|location| location.path.as_slice())
            .collect();
        let mut walk = Walk { config, documented };
        let package = names::scope(file.package());
        for (message, index) in file.message_type.iter().zip(0..) {
            walk.message(message, &package, &[4, index], false);
        }
        for (value, index) in file.enum_type.iter().zip(0..) {
            walk.enumeration(value, &package, &[5, index]);
        }
    }
}

struct Walk<'a> {
    config: &'a mut Config,
    /// The places that have a comment, in the numbering of `SourceCodeInfo`.
    documented: HashSet<&'a [i32]>,
}

impl Walk<'_> {
    fn has_docs(&self, parent: &[i32], tag: i32, index: i32) -> bool {
        self.documented
            .contains([parent, &[tag, index]].concat().as_slice())
    }

    fn message(&mut self, message: &DescriptorProto, scope: &str, path: &[i32], allowed: bool) {
        if names::is_map_entry(message) {
            return;
        }
        let name = format!("{scope}.{}", message.name());
        let documented = self.documented.contains(path);
        if !documented && !allowed {
            self.config.message_attribute(&name, ALLOW);
        }
        let allowed = allowed || !documented;

        if !allowed {
            for (field, index) in message.field.iter().zip(0..) {
                if names::oneof_of(field).is_none() && !self.has_docs(path, 2, index) {
                    self.field(&name, field.name());
                }
            }
        }
        for (oneof, index) in message.oneof_decl.iter().zip(0..) {
            self.oneof(message, &name, oneof.name(), index, path, allowed);
        }
        for (nested, index) in message.nested_type.iter().zip(0..) {
            self.message(nested, &name, &[path, &[3, index]].concat(), allowed);
        }
        for (nested, index) in message.enum_type.iter().zip(0..) {
            self.enumeration(nested, &name, &[path, &[4, index]].concat());
        }
    }

    /// A oneof is a field of the message, and an enum with the oneof's fields as variants.
    fn oneof(
        &mut self,
        message: &DescriptorProto,
        scope: &str,
        oneof: &str,
        index: i32,
        path: &[i32],
        allowed: bool,
    ) {
        if !self.has_docs(path, 8, index) {
            self.config
                .enum_attribute(format!("{scope}.{oneof}"), ALLOW);
            if !allowed {
                self.field(scope, oneof);
            }
            return;
        }
        for (field, place) in message.field.iter().zip(0..) {
            if names::oneof_of(field) == Some(index) && !self.has_docs(path, 2, place) {
                self.field(&format!("{scope}.{oneof}"), field.name());
            }
        }
    }

    fn enumeration(&mut self, enumeration: &EnumDescriptorProto, scope: &str, path: &[i32]) {
        let name = format!("{scope}.{}", enumeration.name());
        if !self.documented.contains(path) {
            self.config.enum_attribute(&name, ALLOW);
            return;
        }
        for (value, index) in enumeration.value.iter().zip(0..) {
            if !self.has_docs(path, 2, index) {
                self.field(&name, value.name());
            }
        }
    }

    fn field(&mut self, scope: &str, name: &str) {
        self.config
            .field_attribute(format!("{scope}.{name}"), ALLOW);
    }
}
