//! Binary messages of one frame, as nearly all are.

use std::{
    cell::RefCell,
    io,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};

use super::{Io, Role, header::Header, masks, source::Source, writer::FRAGMENT};

/// Reads binary messages of one frame. Whatever else begins with the next byte is not touched: a control frame, a
/// message in fragments or of text, a frame that is too large or breaks the rules, a header of which only a part is
/// here, and the end of the stream.
#[derive(Debug)]
pub(super) struct BinaryReader {
    /// What the peer sends is masked.
    masked: bool,
    max_size: usize,
    /// A message of which a part has come. Nothing else may be read meanwhile.
    begun: Option<Begun>,
}

impl BinaryReader {
    /// Reads on the side that has this role, up to `max_size` bytes a message.
    pub(super) fn new(role: Role, max_size: usize) -> Self {
        Self {
            masked: role == Role::Server,
            max_size,
            begun: None,
        }
    }

    /// Whether a message has come in part.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// The next message, or `None` if what comes next is something else.
    // Each message comes this way, and to call it would cost as much as the header.
    #[inline]
    pub(super) fn poll_next<IO: Io>(
        &mut self,
        source: &mut Source<IO>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            let bytes = ready!(source.poll_fill(cx))?;
            let Some(begun) = &mut self.begun else {
                let Some((header, header_len)) = Header::parse(bytes) else {
                    return Poll::Ready(Ok(None));
                };
                let Some(len) = self.payload_len(&header) else {
                    return Poll::Ready(Ok(None));
                };
                if let Some(payload) = bytes[header_len..].get(..len) {
                    let message = whole_message(payload, header.mask);
                    source.take(header_len + len);
                    return Poll::Ready(Ok(Some(message)));
                }
                self.begun = Some(Begun::new(len, header.mask));
                source.take(header_len);
                continue;
            };
            if bytes.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let taken = begun.extend(bytes);
            source.take(taken);
            if let Some(done) = self.begun.take_if(|begun| begun.left == 0) {
                return Poll::Ready(Ok(Some(done.into_message())));
            }
        }
    }

    /// How long the message behind this header is, if it is one that is read here.
    fn payload_len(&self, header: &Header) -> Option<usize> {
        let is_ours = header.is_whole_binary() && header.mask.is_some() == self.masked;
        let len = usize::try_from(header.payload).ok()?;
        (is_ours && len <= self.max_size).then_some(len)
    }
}

/// Messages up to this size share memory with others.
const SMALL: usize = 4 * 1024;

/// How much memory they share: a message that is kept keeps as much.
const SHARED: usize = 8 * 1024;

thread_local! {
    /// For the small messages of all sessions of a thread: it stays in the core's cache, and an idle session needs none.
    static MEMORY: RefCell<BytesMut> = RefCell::new(BytesMut::with_capacity(SHARED));
}

/// A message all of which has come.
fn whole_message(payload: &[u8], mask: Option<[u8; 4]>) -> Bytes {
    if payload.len() > SMALL {
        let mut message = payload.to_vec();
        unmask(mask, &mut message);
        return message.into();
    }
    MEMORY.with_borrow_mut(|memory| {
        debug_assert!(memory.is_empty(), "what was put together was taken out");
        memory.extend_from_slice(payload);
        unmask(mask, memory);
        memory.split().freeze()
    })
}

fn unmask(mask: Option<[u8; 4]>, payload: &mut [u8]) {
    if let Some(mask) = mask {
        masks::apply(mask, payload);
    }
}

/// Memory that is set aside for a message on the word of its header alone: enough for what our own side sends in one
/// frame, and as much as a peer may have on its way on a call anyway. For a larger one it doubles as the message comes.
const TRUSTED: usize = FRAGMENT;

/// A message of which a part has come.
#[derive(Debug)]
struct Begun {
    payload: Vec<u8>,
    left: usize,
    mask: Option<[u8; 4]>,
}

impl Begun {
    fn new(len: usize, mask: Option<[u8; 4]>) -> Self {
        Self {
            payload: Vec::with_capacity(len.min(TRUSTED)),
            left: len,
            mask,
        }
    }

    /// Takes what is the message's. Returns how many bytes that is.
    fn extend(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.left);
        if self.payload.capacity() - self.payload.len() < n {
            let doubled = self.payload.len().max(n);
            self.payload.reserve_exact(doubled.min(self.left));
        }
        self.payload.extend_from_slice(&bytes[..n]);
        self.left -= n;
        n
    }

    fn into_message(mut self) -> Bytes {
        unmask(self.mask, &mut self.payload);
        self.payload.into()
    }
}

#[cfg(test)]
mod tests {
    use super::{Begun, FRAGMENT};

    #[test]
    fn memory_for_a_message_grows_as_it_comes_and_not_beyond_it() {
        const LEN: usize = 1_000_000;
        let mut begun = Begun::new(LEN, None);
        let mut arrived = 0;
        while begun.left > 0 {
            let capacity = begun.payload.capacity();
            assert!(
                capacity <= FRAGMENT.max(2 * arrived),
                "{capacity} of {arrived}"
            );
            arrived += begun.extend(&[7; 10_000]);
        }
        assert_eq!((arrived, begun.payload.capacity()), (LEN, LEN));
        assert_eq!(begun.into_message(), vec![7; LEN]);
    }
}
