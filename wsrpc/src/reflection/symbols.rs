//! What a file declares.

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
};

/// The full names of all that a file declares, and what it extends.
#[derive(Default)]
pub(super) struct Symbols {
    pub(super) names: Vec<String>,
    /// The full name of the message that is extended, and the number.
    pub(super) extensions: Vec<(String, i32)>,
}

impl Symbols {
    pub(super) fn of(file: &FileDescriptorProto) -> Self {
        let mut symbols = Self::default();
        let package = file.package();
        symbols.add_types(package, &file.message_type, &file.enum_type);
        symbols.add_extensions(package, &file.extension);
        for service in &file.service {
            let name = symbols.add(package, service.name());
            for method in &service.method {
                symbols.add(&name, method.name());
            }
        }
        symbols
    }

    fn add(&mut self, scope: &str, name: &str) -> String {
        let full = match scope {
            "" => name.to_owned(),
            scope => format!("{scope}.{name}"),
        };
        self.names.push(full.clone());
        full
    }

    // As deep as messages are nested, which decoding has put a bound to.
    fn add_types(
        &mut self,
        scope: &str,
        messages: &[DescriptorProto],
        enums: &[EnumDescriptorProto],
    ) {
        for message in messages {
            let name = self.add(scope, message.name());
            self.add_types(&name, &message.nested_type, &message.enum_type);
            self.add_extensions(&name, &message.extension);
            for field in &message.field {
                self.add(&name, field.name());
            }
            for oneof in &message.oneof_decl {
                self.add(&name, oneof.name());
            }
        }
        for r#enum in enums {
            self.add(scope, r#enum.name());
            // The values of an enum are its siblings, as in C++.
            for value in &r#enum.value {
                self.add(scope, value.name());
            }
        }
    }

    fn add_extensions(&mut self, scope: &str, extensions: &[FieldDescriptorProto]) {
        for extension in extensions {
            self.add(scope, extension.name());
            let extended = extension.extendee().trim_start_matches('.').to_owned();
            self.extensions.push((extended, extension.number()));
        }
    }
}
