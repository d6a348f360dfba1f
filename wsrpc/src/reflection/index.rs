//! What is known of files: found by their names, by what they declare, and by what they extend.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use bytes::Bytes;
use prost::Message;
use prost_types::FileDescriptorProto;

use super::{InvalidDescriptors, symbols::Symbols};

/// The place of a file among all of them.
pub(super) type FileId = usize;

#[derive(Default)]
pub(super) struct Index {
    services: BTreeSet<String>,
    files: Vec<File>,
    by_name: HashMap<String, FileId>,
    by_symbol: HashMap<String, FileId>,
    /// By the full name of what is extended, and the number.
    extensions: HashMap<String, BTreeMap<i32, FileId>>,
}

pub(super) struct File {
    /// As it came, so that options which only others understand stay in it.
    pub(super) encoded: Bytes,
    pub(super) imports: Vec<String>,
}

/// A `FileDescriptorSet` whose files are slices of it.
#[derive(Clone, PartialEq, prost::Message)]
struct EncodedSet {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    files: Vec<Bytes>,
}

impl Index {
    pub(super) fn list(&mut self, service: String) {
        self.services.insert(service);
    }

    /// Adds all files of an encoded set, or none.
    pub(super) fn add_set(&mut self, encoded: Bytes) -> Result<(), InvalidDescriptors> {
        let set = EncodedSet::decode(encoded)?;
        let decode = |encoded: Bytes| {
            let file = FileDescriptorProto::decode(encoded.clone())?;
            match file.name() {
                "" => Err(InvalidDescriptors::without_name()),
                _ => Ok((encoded, file)),
            }
        };
        let files: Vec<_> = set
            .files
            .into_iter()
            .map(decode)
            .collect::<Result<_, _>>()?;
        for (encoded, file) in files {
            self.add_file(encoded, file);
        }
        Ok(())
    }

    fn add_file(&mut self, encoded: Bytes, file: FileDescriptorProto) {
        if let Some(known) = self.by_name.get(file.name()) {
            // Each package has its imports with it, so that most files come several times.
            if self
                .files
                .get(*known)
                .is_some_and(|known| known.encoded != encoded)
            {
                tracing::warn!(
                    file = file.name(),
                    "two files of this name are not the same: reflection tells of the first"
                );
            }
            return;
        }
        let id = self.files.len();
        let Symbols { names, extensions } = Symbols::of(&file);
        for name in names {
            self.by_symbol.entry(name).or_insert(id);
        }
        for (extended, number) in extensions {
            let numbers = self.extensions.entry(extended).or_default();
            numbers.entry(number).or_insert(id);
        }
        self.by_name.insert(file.name().to_owned(), id);
        self.files.push(File {
            encoded,
            imports: file.dependency,
        });
    }

    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(String::as_str)
    }

    pub(super) fn has_service(&self, name: &str) -> bool {
        self.services.contains(name)
    }

    pub(super) fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(id)
    }

    pub(super) fn named(&self, name: &str) -> Option<FileId> {
        self.by_name.get(name).copied()
    }

    /// The file that declares what has this full name.
    pub(super) fn declaring(&self, symbol: &str) -> Option<FileId> {
        self.by_symbol.get(symbol).copied()
    }

    /// The file that declares this extension.
    pub(super) fn extending(&self, message: &str, number: i32) -> Option<FileId> {
        self.extensions.get(message)?.get(&number).copied()
    }

    /// The numbers of a message's extensions; none where there is no such message.
    pub(super) fn extensions_of(&self, message: &str) -> Option<Vec<i32>> {
        match self.extensions.get(message) {
            Some(numbers) => Some(numbers.keys().copied().collect()),
            None => self.declaring(message).map(|_| Vec::new()),
        }
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("services", &self.services)
            .field("files", &self.by_name.keys())
            .finish_non_exhaustive()
    }
}
