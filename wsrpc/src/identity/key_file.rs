//! Secret keys in files.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

use zeroize::Zeroizing;

use super::{KeyFileError, SecretKey, pkcs8::PEM_BEGIN};

/// The most bytes that a key file may have: room for the largest key of another algorithm, so that it is named.
const LIMIT: usize = 16 * 1024;

impl SecretKey {
    /// Reads a key from a file that holds one as PKCS #8 PEM (`-----BEGIN PRIVATE KEY-----`) or as hex digits (64, the
    /// seed, or 128, Go's form), with or without white space around it.
    ///
    /// On Unix it warns, through `tracing`, when others than the file's owner may read it.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, has more than 16 KiB, or holds no such key. The error names the file, and holds
    /// nothing of what is in it.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let bytes = read(path).map_err(|error| KeyFileError::Read {
            path: path.to_owned(),
            error,
        })?;
        if bytes.len() > LIMIT {
            return Err(KeyFileError::TooLarge {
                path: path.to_owned(),
                limit: LIMIT,
            });
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| KeyFileError::NotText {
            path: path.to_owned(),
        })?;
        let key = if text.contains(PEM_BEGIN) {
            Self::from_pkcs8_pem(text)
        } else {
            text.trim().parse()
        };
        key.map_err(|error| KeyFileError::Key {
            path: path.to_owned(),
            error,
        })
    }

    /// Writes the key to a new file as PKCS #8 PEM, which [`read_file`](Self::read_file), OpenSSL and Go can read.
    ///
    /// On Unix the file is for its owner's eyes alone (mode 0600).
    ///
    /// ```
    /// use wsrpc::SecretKey;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("key.pem");
    /// let key = SecretKey::generate();
    /// key.write_file(&path)?;
    /// assert_eq!(SecretKey::read_file(&path)?.public_key(), key.public_key());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the file exists, since a key is never overwritten, or cannot be written; then nothing is left of it.
    pub fn write_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        let path = path.as_ref();
        let mut file = create(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Exists {
                path: path.to_owned(),
            },
            _ => KeyFileError::Write {
                path: path.to_owned(),
                error,
            },
        })?;
        let written = file
            .write_all(self.to_pkcs8_pem().as_bytes())
            .and_then(|()| file.sync_all());
        written.map_err(|error| {
            // Half a key would stand in the way of the next attempt. The first error is the one to report.
            let _ = fs::remove_file(path);
            KeyFileError::Write {
                path: path.to_owned(),
                error,
            }
        })
    }
}

/// Reads at most one byte more than the limit.
fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    if let Some(warning) = exposure(path, &file)? {
        tracing::warn!("{warning}");
    }
    // With room for all, the vector never moves and leaves no copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * LIMIT));
    file.take(LIMIT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What to warn of when others than the file's owner may read it.
#[cfg(unix)]
pub(super) fn exposure(path: &Path, file: &File) -> io::Result<Option<String>> {
    use std::os::unix::fs::PermissionsExt;

    let mode = file.metadata()?.permissions().mode() & 0o777;
    let path = path.display();
    Ok((mode & 0o077 != 0).then(|| {
        format!("the key file {path} is open to others than its owner (mode {mode:03o}): run `chmod 600 {path}`")
    }))
}

#[cfg(not(unix))]
pub(super) fn exposure(_: &Path, _: &File) -> io::Result<Option<String>> {
    Ok(None)
}

/// Creates a file that did not exist, for its owner alone.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
