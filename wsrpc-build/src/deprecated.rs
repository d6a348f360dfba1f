//! What is `deprecated` in a `.proto`, where prost does not say so.
//!
//! A message or an enum gets a word in its docs. An attribute would warn wherever generated code uses it, in the crate of
//! a user who can do nothing about it; services, methods and fields have the attribute, for only callers use them.

use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};

/// Adds "Deprecated." to the comments of every message and enum that is. A set of descriptors without comments stays
/// without them.
pub(crate) fn note(file: &mut FileDescriptorProto) {
    let mut places = Vec::new();
    for (message, index) in file.message_type.iter().zip(0..) {
        in_message(message, vec![4, index], &mut places);
    }
    in_enums(&file.enum_type, &[5], &mut places);
    let locations = file.source_code_info.iter_mut();
    for location in locations.flat_map(|info| &mut info.location) {
        if places.contains(&location.path) {
            let comment = location.leading_comments.get_or_insert_default();
            let gap = if comment.is_empty() { "" } else { "\n" };
            *comment += &format!("{gap} Deprecated.\n");
        }
    }
}

fn in_message(message: &DescriptorProto, path: Vec<i32>, places: &mut Vec<Vec<i32>>) {
    for (nested, index) in message.nested_type.iter().zip(0..) {
        in_message(nested, [path.as_slice(), &[3, index]].concat(), places);
    }
    in_enums(
        &message.enum_type,
        &[path.as_slice(), &[4]].concat(),
        places,
    );
    if message
        .options
        .as_ref()
        .is_some_and(|options| options.deprecated())
    {
        places.push(path);
    }
}

fn in_enums(enums: &[EnumDescriptorProto], path: &[i32], places: &mut Vec<Vec<i32>>) {
    for (value, index) in enums.iter().zip(0..) {
        if value
            .options
            .as_ref()
            .is_some_and(|options| options.deprecated())
        {
            places.push([path, &[index]].concat());
        }
    }
}
