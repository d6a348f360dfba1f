//! What can go wrong, as one sentence for the person who wrote the `.proto` or the `build.rs`.

use std::{error, fmt, io};

/// Why no code was generated.
///
/// Its `Debug` text is its `Display` text, so that a `build.rs` whose `main` returns it shows a readable sentence.
pub struct Error {
    message: String,
    source: Option<io::Error>,
}

impl Error {
    /// An error in what was asked for.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    /// An error of the system, and what was being done.
    pub(crate) fn io(doing: impl fmt::Display, source: io::Error) -> Self {
        Self {
            message: doing.to_string(),
            source: Some(source),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// For a `build.rs` whose `main` returns [`io::Result`].
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error.source {
            Some(source) => source.kind(),
            None => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}
