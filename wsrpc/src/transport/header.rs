//! What precedes the payload of a WebSocket frame: RFC 6455, section 5.2.

const FIN: u8 = 0x80;
const CONTROL: u8 = 0x08;
const MASKED: u8 = 0x80;

/// A header, as far as this side looks at it. Reserved bits and op codes are not checked: what is not a whole binary
/// message is tungstenite's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Whether it is the last of its message, three reserved bits, and the op code.
    first: u8,
    /// Bytes of the payload.
    pub(super) payload: u64,
    pub(super) mask: Option<[u8; 4]>,
}

/// What a frame of ours is of its message.
#[derive(Clone, Copy, Debug)]
pub(super) enum OpCode {
    /// Another part.
    Continuation = 0,
    /// The first part, or all.
    Binary = 2,
}

impl Header {
    /// The header of a frame that goes out, which is the `last` of its message or not.
    pub(super) fn new(op_code: OpCode, last: bool, payload: usize, mask: Option<[u8; 4]>) -> Self {
        Self {
            first: op_code as u8 | if last { FIN } else { 0 },
            payload: payload as u64,
            mask,
        }
    }

    /// Reads the header that `bytes` begin with. Beside it, the bytes that it has; `None` while some of them are missing.
    #[inline]
    pub(super) fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (payload, rest) = match second & !MASKED {
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u16::from_be_bytes(*len).into(), rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*len), rest)
            }
            len => (len.into(), rest),
        };
        let (mask, rest) = match second & MASKED {
            0 => (None, rest),
            _ => {
                let (mask, rest) = rest.split_first_chunk()?;
                (Some(*mask), rest)
            }
        };
        let header = Self {
            first,
            payload,
            mask,
        };
        Some((header, bytes.len() - rest.len()))
    }

    /// Bytes of the header of a frame with such a payload.
    pub(super) const fn len(payload: u64, masked: bool) -> usize {
        let length = match payload {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        2 + length + if masked { 4 } else { 0 }
    }

    /// The bytes of the header.
    pub(super) fn encode(self) -> Encoded {
        let mut encoded = Encoded {
            bytes: [0; MAX_LEN],
            len: 0,
        };
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        encoded.push(&[self.first]);
        match self.payload {
            len @ 0..=125 => encoded.push(&[masked | len as u8]),
            len @ 126..=0xffff => {
                encoded.push(&[masked | 126]);
                encoded.push(&(len as u16).to_be_bytes());
            }
            len => {
                encoded.push(&[masked | 127]);
                encoded.push(&len.to_be_bytes());
            }
        }
        encoded.push(self.mask.as_ref().map_or(&[], |mask| mask));
        encoded
    }

    /// Whether the frame is all of a binary message.
    pub(super) fn is_whole_binary(&self) -> bool {
        self.first == OpCode::Binary as u8 | FIN
    }

    /// Whether the frame is a control frame, which may come between those of a message.
    pub(super) fn is_control(&self) -> bool {
        self.first & CONTROL != 0
    }

    /// Whether no other frame goes on with its message.
    pub(super) fn is_last(&self) -> bool {
        self.first & FIN != 0
    }
}

/// Bytes of the longest header.
pub(super) const MAX_LEN: usize = Header::len(u64::MAX, true);

/// The bytes of a header.
pub(super) struct Encoded {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Encoded {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::{Header, MAX_LEN, OpCode};

    #[test]
    fn what_is_encoded_is_read_once_all_of_it_is_there() {
        let lengths = [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 0x7fff_ffff];
        let headers = lengths.into_iter().flat_map(|len| {
            [
                Header::new(OpCode::Binary, true, len, None),
                Header::new(OpCode::Continuation, false, len, Some([1, 2, 3, 4])),
            ]
        });
        for header in headers {
            let encoded = header.encode();
            let bytes = encoded.as_slice();
            assert_eq!(
                bytes.len(),
                Header::len(header.payload, header.mask.is_some())
            );
            assert!(bytes.len() <= MAX_LEN);
            for len in 0..bytes.len() {
                assert_eq!(Header::parse(&bytes[..len]), None);
            }
            assert_eq!(Header::parse(bytes), Some((header, bytes.len())));
            let followed = [bytes, &[0xff; 3]].concat();
            assert_eq!(Header::parse(&followed), Some((header, bytes.len())));
        }
    }

    #[test]
    fn lengths_are_read_in_whichever_way_they_are_written() {
        let parsed = |bytes: &[u8]| {
            let (header, len) = Header::parse(bytes).unwrap();
            (header.payload, len)
        };
        assert_eq!(parsed(&[0x82, 126, 0, 5]), (5, 4));
        assert_eq!(parsed(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 5]), (5, 10));
        let largest = [&[0x82, 0xff][..], &[0xff; 12]].concat();
        assert_eq!(parsed(&largest), (u64::MAX, MAX_LEN));
    }

    #[test]
    fn frames_are_told_apart() {
        let first = |first| Header::parse(&[first, 0]).unwrap().0;
        assert!(first(0x82).is_whole_binary() && first(0x82).is_last());
        // A part of a binary message, all of a text, a compressed binary message, a part of whichever message.
        for other in [0x02, 0x81, 0xc2, 0x80, 0x00] {
            assert!(!first(other).is_whole_binary() && !first(other).is_control());
        }
        for control in [0x88, 0x89, 0x8a] {
            assert!(first(control).is_control() && !first(control).is_whole_binary());
        }
        assert!(!first(0x02).is_last() && !first(0x00).is_last());
    }
}
