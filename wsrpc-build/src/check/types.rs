//! Messages and enums: names that Rust can use and that do not meet there, references that lead somewhere, and whatever
//! else protoc sees to, for descriptors may be made by hand.

use std::collections::{HashMap, HashSet};

use prost_types::field_descriptor_proto::Type;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
};

use super::{NO_IDENTIFIER, Place};
use crate::{Error, names};

/// How deep messages may lie in one another. Nobody goes to ten; prost counts to 255, then panics.
const MAX_DEPTH: usize = 64;
const MAX_FIELD_NUMBER: i32 = (1 << 29) - 1;

/// The full names of all messages and enums, each with a dot in front.
#[derive(Default)]
pub(crate) struct Types {
    messages: HashSet<String>,
    enums: HashSet<String>,
}

impl Types {
    pub(crate) fn new(files: &[FileDescriptorProto]) -> Result<Self, Error> {
        let mut types = Self::default();
        for file in files {
            let scope = names::scope(file.package());
            for message in &file.message_type {
                types.add_message(file, message, &scope, 0)?;
            }
            for enumeration in &file.enum_type {
                types.add(file, format!("{scope}.{}", enumeration.name()), false)?;
            }
        }
        Ok(types)
    }

    fn add_message(
        &mut self,
        file: &FileDescriptorProto,
        message: &DescriptorProto,
        scope: &str,
        depth: usize,
    ) -> Result<(), Error> {
        let name = format!("{scope}.{}", message.name());
        if depth > MAX_DEPTH {
            return Err(Error::new(format!(
                "{}: messages are nested more than {MAX_DEPTH} deep",
                file.name()
            )));
        }
        for nested in &message.nested_type {
            self.add_message(file, nested, &name, depth + 1)?;
        }
        for enumeration in &message.enum_type {
            self.add(file, format!("{name}.{}", enumeration.name()), false)?;
        }
        self.add(file, name, true)
    }

    fn add(
        &mut self,
        file: &FileDescriptorProto,
        name: String,
        is_message: bool,
    ) -> Result<(), Error> {
        if self.messages.contains(&name) || self.enums.contains(&name) {
            return Err(Error::new(format!(
                "{}: {:?} is defined twice",
                file.name(),
                name.trim_start_matches('.')
            )));
        }
        let names = if is_message {
            &mut self.messages
        } else {
            &mut self.enums
        };
        names.insert(name);
        Ok(())
    }

    pub(crate) fn has_message(&self, name: &str) -> bool {
        self.messages.contains(name)
    }
}

/// Checks the messages and enums of all files of one run. The first mistake is the error.
pub(crate) fn check(files: &[FileDescriptorProto], types: &Types) -> Result<(), Error> {
    // Across the files of a package, for they share its module.
    let mut taken = HashMap::new();
    for file in files {
        let walk = Walk {
            file: file.name(),
            types,
        };
        let package = file.package();
        for message in &file.message_type {
            let name = names::full(package, message.name());
            let place = walk.place("message", &name);
            place.is_free(&mut taken, package, message.name())?;
            walk.message(message, &name)?;
        }
        for enumeration in &file.enum_type {
            let name = names::full(package, enumeration.name());
            let place = walk.place("enum", &name);
            place.is_free(&mut taken, package, enumeration.name())?;
            walk.enumeration(enumeration, &name)?;
        }
    }
    Ok(())
}

impl Place<'_> {
    /// Whether the type's name in Rust is not yet that of another in the same module.
    fn is_free<'n>(
        &self,
        taken: &mut HashMap<(String, String), &'n str>,
        scope: &str,
        name: &'n str,
    ) -> Result<(), Error> {
        if !names::is_identifier(name) {
            return Err(self.error(NO_IDENTIFIER));
        }
        let rust = names::camel(name);
        match taken.insert((scope.to_owned(), rust.clone()), name) {
            None => Ok(()),
            Some(other) => Err(self.error(format!(
                "it and `{other}` are both `{rust}` in Rust: rename one"
            ))),
        }
    }

    fn field_error(&self, field: &FieldDescriptorProto, what: &str) -> Error {
        self.error(format!("field `{}`: {what}", field.name()))
    }
}

struct Walk<'a> {
    file: &'a str,
    types: &'a Types,
}

impl<'a> Walk<'a> {
    fn place(&self, kind: &'static str, name: &str) -> Place<'a> {
        Place {
            file: self.file,
            kind,
            name: name.to_owned(),
        }
    }

    fn message(&self, message: &DescriptorProto, name: &str) -> Result<(), Error> {
        let place = self.place("message", name);
        if names::is_map_entry(message) && !is_map_entry_sound(message) {
            return Err(place.error("it is no map: use descriptors that protoc made"));
        }
        let mut members: HashMap<String, &str> = HashMap::new();
        let mut variants = HashMap::new();
        for member in members_of(message) {
            if !names::is_identifier(member) {
                return Err(place.error(format!("field {member:?}: {NO_IDENTIFIER}")));
            }
            let rust = names::snake(member);
            if let Some(other) = members.insert(rust.clone(), member) {
                return Err(place.error(format!(
                    "fields `{other}` and `{member}` are both `{rust}` in Rust: rename one"
                )));
            }
        }
        for field in &message.field {
            self.field(&place, message, field)?;
            if let Some(oneof) = names::oneof_of(field) {
                place.is_free(&mut variants, &oneof.to_string(), field.name())?;
            }
        }

        let mut taken = HashMap::new();
        for nested in &message.nested_type {
            let full = format!("{name}.{}", nested.name());
            self.place("message", &full)
                .is_free(&mut taken, name, nested.name())?;
            self.message(nested, &full)?;
        }
        for nested in &message.enum_type {
            let full = format!("{name}.{}", nested.name());
            self.place("enum", &full)
                .is_free(&mut taken, name, nested.name())?;
            self.enumeration(nested, &full)?;
        }
        Ok(())
    }

    fn field(
        &self,
        place: &Place<'_>,
        message: &DescriptorProto,
        field: &FieldDescriptorProto,
    ) -> Result<(), Error> {
        let error = |what: &str| Err(place.field_error(field, what));
        if !names::is_identifier(field.name()) {
            return error(NO_IDENTIFIER);
        }
        if !(1..=MAX_FIELD_NUMBER).contains(&field.number()) {
            return error(&format!("its number, {}, is out of range", field.number()));
        }
        let Some(Ok(kind)) = field.r#type.map(Type::try_from) else {
            return error("its type is unknown: use descriptors that protoc made");
        };
        let known = match kind {
            Type::Message | Type::Group => self.types.messages.contains(field.type_name()),
            Type::Enum => self.types.enums.contains(field.type_name()),
            _ => true,
        };
        if !known {
            return error(&format!(
                "its type {:?} is not among the descriptors: make them with --include_imports",
                field.type_name()
            ));
        }
        let oneof = field.oneof_index.map(usize::try_from);
        if oneof.is_some_and(|index| !index.is_ok_and(|index| index < message.oneof_decl.len())) {
            return error("its oneof is not there: use descriptors that protoc made");
        }
        if let (Type::Bytes, Some(default)) = (kind, &field.default_value) {
            if !is_escaped(default) {
                return error(
                    "its default value is no escaped text: use descriptors that protoc made",
                );
            }
        }
        Ok(())
    }

    fn enumeration(&self, enumeration: &EnumDescriptorProto, name: &str) -> Result<(), Error> {
        let place = self.place("enum", name);
        if enumeration.value.is_empty() {
            return Err(place.error("it has no values: add one"));
        }
        for value in &enumeration.value {
            if !names::is_identifier(value.name()) {
                return Err(place.error(format!("value {:?}: {NO_IDENTIFIER}", value.name())));
            }
        }
        Ok(())
    }
}

/// What is a field in Rust: the fields outside of oneofs, and the oneofs that have fields.
fn members_of(message: &DescriptorProto) -> impl Iterator<Item = &str> {
    let oneofs: HashSet<i32> = message.field.iter().filter_map(names::oneof_of).collect();
    let fields = message
        .field
        .iter()
        .filter(|field| names::oneof_of(field).is_none());
    let oneofs = message
        .oneof_decl
        .iter()
        .zip(0..)
        .filter(move |(_, index)| oneofs.contains(index));
    fields
        .map(FieldDescriptorProto::name)
        .chain(oneofs.map(|(oneof, _)| oneof.name()))
}

/// Whether a key that can be hashed leads to a value.
fn is_map_entry_sound(message: &DescriptorProto) -> bool {
    let [key, value] = message.field.as_slice() else {
        return false;
    };
    let is_key = !matches!(
        key.r#type(),
        Type::Float | Type::Double | Type::Bytes | Type::Message | Type::Group | Type::Enum
    );
    is_key && key.name() == "key" && value.name() == "value"
}

/// Whether the default value of a `bytes` field is escaped as C does it, and as prost reads it.
fn is_escaped(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            continue;
        }
        let is_sound = match bytes.next() {
            Some(b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'\\' | b'?' | b'\'' | b'"') => {
                true
            }
            Some(first @ b'0'..=b'7') => {
                // Up to three digits make a byte: no more than 377.
                let octal = bytes
                    .clone()
                    .take(2)
                    .take_while(|b| matches!(b, b'0'..=b'7'));
                first <= b'3' || octal.count() < 2
            }
            Some(b'x' | b'X') => {
                let digits = [bytes.next(), bytes.next()];
                digits
                    .iter()
                    .flatten()
                    .filter(|b| b.is_ascii_hexdigit())
                    .count()
                    == 2
            }
            _ => false,
        };
        if !is_sound {
            return false;
        }
    }
    true
}
