//! Where the comments are. prost looks each place up, and panics where a set of descriptors that has comments at all
//! has none of that place.

use std::collections::HashSet;

use prost_types::source_code_info::Location;
use prost_types::{DescriptorProto, FileDescriptorProto};

/// Adds an empty location for every place that prost looks up and that has none.
pub(crate) fn complete(file: &mut FileDescriptorProto) {
    let Some(mut info) = file.source_code_info.take() else {
        return;
    };
    let known: HashSet<Vec<i32>> = info.location.iter().map(|at| at.path.clone()).collect();
    let missing = places(file)
        .into_iter()
        .filter(|path| !known.contains(path));
    info.location.extend(missing.map(|path| Location {
        path,
        ..Location::default()
    }));
    file.source_code_info = Some(info);
}

/// The path of everything that can have a comment, in the numbering of `SourceCodeInfo`.
fn places(file: &FileDescriptorProto) -> Vec<Vec<i32>> {
    let mut places = Vec::new();
    for (message, index) in file.message_type.iter().zip(0..) {
        in_message(message, vec![4, index], &mut places);
    }
    for (enumeration, index) in file.enum_type.iter().zip(0..) {
        with_children(vec![5, index], &[(2, enumeration.value.len())], &mut places);
    }
    for (service, index) in file.service.iter().zip(0..) {
        with_children(vec![6, index], &[(2, service.method.len())], &mut places);
    }
    places
}

fn in_message(message: &DescriptorProto, path: Vec<i32>, places: &mut Vec<Vec<i32>>) {
    for (nested, index) in message.nested_type.iter().zip(0..) {
        in_message(nested, [path.as_slice(), &[3, index]].concat(), places);
    }
    for (nested, index) in message.enum_type.iter().zip(0..) {
        let path = [path.as_slice(), &[4, index]].concat();
        with_children(path, &[(2, nested.value.len())], places);
    }
    let children = [(2, message.field.len()), (8, message.oneof_decl.len())];
    with_children(path, &children, places);
}

/// Adds `path`, and so many children of it under each tag.
fn with_children(path: Vec<i32>, children: &[(i32, usize)], places: &mut Vec<Vec<i32>>) {
    for &(tag, count) in children {
        let indices = (0..).take(count);
        places.extend(indices.map(|index| [path.as_slice(), &[tag, index]].concat()));
    }
    places.push(path);
}
