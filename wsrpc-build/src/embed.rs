//! A package's descriptors, as a constant in its generated code: for reflection.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

const LINE: usize = 100;

/// The files of a package and all that they import, imports first, encoded and without comments.
pub(crate) fn encoded(files: &[FileDescriptorProto], package: &str) -> Vec<u8> {
    let index: HashMap<&str, usize> = files.iter().map(|file| file.name()).zip(0..).collect();
    let mut seen = HashSet::new();
    let mut out = FileDescriptorSet::default();
    let roots = files.iter().zip(0..);
    let mut path: Vec<(usize, usize)> = Vec::new();
    for (_, root) in roots.filter(|(file, _)| file.package() == package) {
        if seen.insert(root) {
            path.push((root, 0));
        }
        while let Some((at, next)) = path.last_mut() {
            let file = &files[*at];
            match file.dependency.get(*next) {
                Some(import) => {
                    *next += 1;
                    let import = index.get(import.as_str());
                    if let Some(&import) = import.filter(|import| seen.insert(**import)) {
                        path.push((import, 0));
                    }
                }
                None => {
                    out.file.push(FileDescriptorProto {
                        source_code_info: None,
                        ..file.clone()
                    });
                    path.pop();
                }
            }
        }
    }
    out.encode_to_vec()
}

/// The constant, in lines of bearable length.
pub(crate) fn constant(package: &str, descriptors: &[u8]) -> String {
    let mut out = match package {
        "" => "\n/// The descriptors of the files without a package".to_owned(),
        package => format!("\n/// The descriptors of package `{package}`"),
    };
    out.push_str(", and of all that it imports: an encoded `FileDescriptorSet`.\n");
    out.push_str("pub const FILE_DESCRIPTOR_SET: &[u8] = b\"\\\n");
    let mut line = 0;
    for &byte in descriptors {
        let start = out.len();
        match byte {
            // At the beginning of a line it would be skipped.
            b' ' if line == 0 => out.push_str("\\x20"),
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                // A `String` takes all that is written to it.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
        line += out.len() - start;
        if line >= LINE {
            out.push_str("\\\n");
            line = 0;
        }
    }
    out.push_str("\";\n");
    out
}
