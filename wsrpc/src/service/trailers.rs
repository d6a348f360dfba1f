//! Metadata that are not known before the last message.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use crate::{metadata::Metadata, session::lock};

/// Metadata that go out when an answer is complete: what a stream of responses can only tell once it has ended, such as
/// a count or a checksum. Cheap to clone; the clones share what is in them.
///
/// A handler gives one to its answer, and keeps a clone to fill while it answers. What is in it when the stream ends is
/// sent with the end. The caller finds it in [`Streaming::trailers`](crate::Streaming::trailers) when the stream ended
/// well, and otherwise in the [`Status`](crate::Status), after the metadata of the status itself. Of an answer with one
/// message, it follows the metadata of the [`Response`](crate::Response). A handler that is stopped sends none.
///
/// ```
/// # use std::task::Poll;
/// use wsrpc::{Metadata, Response, Status, Stream, Trailers};
///
/// # struct PollFn<F>(F);
/// # impl<T, F: FnMut() -> Option<T> + Unpin> Stream for PollFn<F> {
/// #     type Item = T;
/// #     fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<Option<T>> {
/// #         Poll::Ready((self.0)())
/// #     }
/// # }
/// # fn stream<T>(f: impl FnMut() -> Option<T> + Unpin) -> impl Stream<Item = T> { PollFn(f) }
/// # fn answer(mut lines: std::vec::IntoIter<String>) -> Response<impl Stream<Item = Result<String, Status>>> {
/// let trailers = Trailers::new();
/// let (mut bytes, at_the_end) = (0, trailers.clone());
/// let answers = stream(move || match lines.next() {
///     Some(line) => {
///         bytes += line.len();
///         Some(Ok(line))
///     }
///     None => {
///         let sent = at_the_end.update(|trailers| trailers.insert("bytes", &bytes.to_string()));
///         sent.err().map(|error| Err(Status::internal(error.to_string())))
///     }
/// });
/// Response::new(answers).with_trailers(&trailers)
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Trailers(Arc<Mutex<Metadata>>);

impl Trailers {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes what is in them. `change` must not use the same trailers again: it would wait for itself.
    pub fn update<T>(&self, change: impl FnOnce(&mut Metadata) -> T) -> T {
        change(&mut lock(&self.0))
    }

    /// Puts `metadata` in place of what is in them.
    pub fn set(&self, metadata: Metadata) {
        self.update(|trailers| *trailers = metadata);
    }

    /// Takes out what is in them.
    pub(super) fn take(&self) -> Metadata {
        self.update(std::mem::take)
    }
}

/// Whether both are clones of one.
impl PartialEq for Trailers {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Trailers {}

impl fmt::Debug for Trailers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not waited for: `update` may be what prints them.
        match self.0.try_lock() {
            Ok(metadata) => fmt::Debug::fmt(&*metadata, f),
            Err(_) => f.write_str("Trailers(in use)"),
        }
    }
}
