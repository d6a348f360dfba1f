//! A protobuf `string` that is still a slice of what was read.

use std::fmt;

use bytes::Bytes;

/// UTF-8 text in shared bytes: checked once, when it is made, and never copied.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Text(Bytes);

impl Text {
    /// Takes `bytes` if they are UTF-8.
    pub(crate) fn new(bytes: Bytes) -> Option<Self> {
        // Names are ASCII as a rule, which is found out sixteen bytes at a time.
        let valid = bytes.is_ascii() || std::str::from_utf8(&bytes).is_ok();
        valid.then_some(Self(bytes))
    }

    /// A text of the program's own.
    pub(crate) const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The text. Looking at it checks it again, which costs less than the `unsafe` that would save it.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The same, unchecked.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same text in memory of its own, so that it keeps alive nothing of what it came in.
    pub(crate) fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}
