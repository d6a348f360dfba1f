//! What travels beside a message: keys and values.

mod error;
mod rules;

use std::fmt;

use bytes::Bytes;

pub use error::MetadataError;

use rules::{ascii_entry, binary_key, check_ascii, check_key, is_binary};

use crate::wire::Text;

/// What an entry counts for beside its key and its value, as in HTTP/2.
const ENTRY_OVERHEAD: usize = 32;

/// Keys whose values `Debug` leaves out, because it ends up in logs.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Keys and values beside a message: of a request, a response or a [`Status`](crate::Status).
///
/// Its rules are gRPC's. A key has 1 to 256 of the characters `0-9`, `a-z`, `_`, `.` and `-`; what is given in upper
/// case is put into lower case, and look-ups ignore the case. A value is ASCII, 0x20 to 0x7e, without spaces at its
/// ends; a key that ends in `-bin` has values of any bytes. Keys that begin with `wsrpc-` or `grpc-` are the library's
/// own. A key may have many values. Entries are in the order in which they were inserted. Empty metadata allocates
/// nothing.
///
/// ```
/// use wsrpc::{Metadata, MetadataError};
///
/// # fn main() -> Result<(), MetadataError> {
/// let mut metadata = Metadata::try_from([("authorization", "Bearer 7"), ("x-zone", "north")])?;
/// metadata.append("X-Zone", "south")?;
/// metadata.insert_bin("signature-bin", [0x00, 0xff].as_slice())?;
///
/// assert_eq!(metadata.get("authorization"), Some("Bearer 7"));
/// assert_eq!(metadata.get_all("x-zone").collect::<Vec<_>>(), ["north", "south"]);
/// assert_eq!(metadata.get_bin("signature-bin").unwrap()[..], [0x00, 0xff]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Metadata {
    /// Boxed, for metadata is in every request and every answer, and few have entries. `None` is as the default.
    content: Option<Box<Content>>,
}

#[derive(Clone, Default)]
struct Content {
    entries: Vec<(Text, Bytes)>,
    optional: bool,
}

/// One value: text, or bytes where the key ends in `-bin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataValue<'a> {
    /// Of any key that does not end in `-bin`.
    Ascii(&'a str),
    /// Of a key that ends in `-bin`.
    Binary(&'a Bytes),
}

impl<'a> MetadataValue<'a> {
    /// The bytes of either.
    pub fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Ascii(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl Metadata {
    /// No entries.
    pub const fn new() -> Self {
        Self { content: None }
    }

    /// Whether a call may go out without this metadata, for version 1 of the wire has none. Default: `false`.
    ///
    /// Optional metadata is dropped where the peer speaks version 1; otherwise the call fails.
    pub fn optional(mut self, optional: bool) -> Self {
        if optional != self.is_optional() {
            self.content_mut().optional = optional;
        }
        self
    }

    /// Whether it is dropped where the peer speaks version 1.
    pub fn is_optional(&self) -> bool {
        self.content
            .as_ref()
            .is_some_and(|content| content.optional)
    }

    /// Gives `key` this one value, and takes away those that it had.
    ///
    /// # Errors
    ///
    /// `key` or `value` breaks the [rules](Self), or `key` ends in `-bin`. Then nothing is changed.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), MetadataError> {
        let entry = ascii_entry(key, value)?;
        self.replace(entry);
        Ok(())
    }

    /// Gives `key` one more value.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn append(&mut self, key: &str, value: &str) -> Result<(), MetadataError> {
        self.push(ascii_entry(key, value)?);
        Ok(())
    }

    /// Gives `key`, which ends in `-bin`, this one value, and takes away those that it had.
    ///
    /// # Errors
    ///
    /// `key` breaks the [rules](Self), or does not end in `-bin`. Then nothing is changed.
    pub fn insert_bin(&mut self, key: &str, value: impl Into<Bytes>) -> Result<(), MetadataError> {
        let key = binary_key(key)?;
        self.replace((key, value.into()));
        Ok(())
    }

    /// Gives `key`, which ends in `-bin`, one more value.
    ///
    /// # Errors
    ///
    /// As [`insert_bin`](Self::insert_bin).
    pub fn append_bin(&mut self, key: &str, value: impl Into<Bytes>) -> Result<(), MetadataError> {
        self.push((binary_key(key)?, value.into()));
        Ok(())
    }

    /// Appends each pair, until one is refused; those before it stay.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn try_extend<K: AsRef<str>, V: AsRef<str>>(
        &mut self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), MetadataError> {
        pairs
            .into_iter()
            .try_for_each(|(key, value)| self.append(key.as_ref(), value.as_ref()))
    }

    /// Appends all entries of `other`: a key that both have keeps the values of both. Together they are
    /// [optional](Self::optional) where each that has entries is.
    pub fn merge(&mut self, other: Self) {
        let Some(other) = other.content.filter(|other| !other.entries.is_empty()) else {
            return;
        };
        let content = self.content_mut();
        content.optional = other.optional && (content.entries.is_empty() || content.optional);
        content.entries.extend(other.entries);
    }

    /// The first value of `key`; none for a key that ends in `-bin`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.get_all(key).next()
    }

    /// The first value of `key`, which ends in `-bin`.
    pub fn get_bin(&self, key: &str) -> Option<&Bytes> {
        self.get_all_bin(key).next()
    }

    /// All values of `key`, in order; none for a key that ends in `-bin`.
    pub fn get_all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.values(key).filter_map(|value| match value {
            MetadataValue::Ascii(text) => Some(text),
            MetadataValue::Binary(_) => None,
        })
    }

    /// All values of `key`, which ends in `-bin`, in order.
    pub fn get_all_bin(&self, key: &str) -> impl Iterator<Item = &Bytes> {
        self.values(key).filter_map(|value| match value {
            MetadataValue::Binary(bytes) => Some(bytes),
            MetadataValue::Ascii(_) => None,
        })
    }

    /// Whether `key` has a value, of either kind.
    pub fn contains_key(&self, key: &str) -> bool {
        self.values(key).next().is_some()
    }

    /// Takes away all values of `key`, of either kind. Whether there were any.
    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.len();
        self.retain(|have| !have.as_str().eq_ignore_ascii_case(key));
        self.len() < before
    }

    /// Takes away everything; what was [optional](Self::optional) stays so.
    pub fn clear(&mut self) {
        self.retain(|_| false);
    }

    /// All entries, in order. A key that has many values comes with each.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, MetadataValue<'_>)> {
        self.entries().iter().map(|(key, value)| {
            let key = key.as_str();
            let value = if is_binary(key) {
                MetadataValue::Binary(value)
            } else {
                // Checked when it came in; looking again costs less than the `unsafe` that would save it.
                MetadataValue::Ascii(std::str::from_utf8(value).unwrap_or_default())
            };
            (key, value)
        })
    }

    /// The number of entries, in which a key counts once for each of its values.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Bytes that it counts for, as in HTTP/2: those of each key and each value, and 32 more for each entry.
    pub fn size(&self) -> usize {
        self.iter_raw()
            .map(|(key, value)| key.len() + value.len() + ENTRY_OVERHEAD)
            .sum()
    }

    /// Appends what the peer sent. It may use reserved keys, and spaces at the ends of a value.
    pub(crate) fn push_received(&mut self, key: Text, value: Bytes) -> Result<(), MetadataError> {
        check_key(key.as_str())?;
        if !is_binary(key.as_str()) {
            check_ascii(key.as_str(), &value)?;
        }
        self.push((key, value));
        Ok(())
    }

    /// All entries, in order, as the wire has them.
    pub(crate) fn iter_raw(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries()
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_ref()))
    }

    fn values(&self, key: &str) -> impl Iterator<Item = MetadataValue<'_>> {
        self.iter()
            .filter_map(move |(have, value)| have.eq_ignore_ascii_case(key).then_some(value))
    }

    fn replace(&mut self, entry: (Text, Bytes)) {
        self.retain(|have| *have != entry.0);
        self.push(entry);
    }

    fn push(&mut self, entry: (Text, Bytes)) {
        self.content_mut().entries.push(entry);
    }

    fn retain(&mut self, keep: impl Fn(&Text) -> bool) {
        if let Some(content) = &mut self.content {
            content.entries.retain(|(key, _)| keep(key));
        }
    }

    fn entries(&self) -> &[(Text, Bytes)] {
        let content = self.content.as_ref();
        content.map_or(&[], |content| &content.entries)
    }

    fn content_mut(&mut self) -> &mut Content {
        self.content.get_or_insert_default()
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries() && self.is_optional() == other.is_optional()
    }
}

impl Eq for Metadata {}

/// Pairs in their order, as [`Metadata::append`] takes them.
impl<K: AsRef<str>, V: AsRef<str>, const N: usize> TryFrom<[(K, V); N]> for Metadata {
    type Error = MetadataError;

    fn try_from(pairs: [(K, V); N]) -> Result<Self, MetadataError> {
        let mut metadata = Self::new();
        metadata.try_extend(pairs)?;
        Ok(metadata)
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (key, value) in self.iter() {
            match value {
                _ if SECRET.contains(&key) => map.entry(&key, &format_args!("(hidden)")),
                MetadataValue::Ascii(text) => map.entry(&key, &text),
                MetadataValue::Binary(bytes) => {
                    map.entry(&key, &format_args!("{} bytes", bytes.len()))
                }
            };
        }
        map.finish()
    }
}

#[cfg(test)]
mod tests;
