//! Where in the peer's WebSocket frames a connection stands.

use super::header::{Header, MAX_LEN};

/// Follows the headers of the frames through the bytes that tungstenite reads, whichever way reads cut them: it does not
/// tell whether it holds a part of a message, without which nobody may take its place.
///
/// Bytes that are no frames lead it astray, and do no harm: tungstenite fails on them, and is not asked again.
#[derive(Debug, Default)]
pub(super) struct Boundary {
    /// What has come of a header.
    header: [u8; MAX_LEN],
    header_len: u8,
    /// Bytes of the payload that are still to come.
    left: u64,
    /// A message has begun that other frames go on with.
    fragmented: bool,
}

impl Boundary {
    /// Follows the bytes that come next, at most to the end of a frame. Returns how many those are.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.left > 0 {
                let skipped = (bytes.len() - at).min(self.left.try_into().unwrap_or(usize::MAX));
                self.left -= skipped as u64;
                at += skipped;
            } else {
                self.header[usize::from(self.header_len)] = *byte;
                self.header_len += 1;
                at += 1;
                self.try_header();
            }
            if self.left == 0 && self.header_len == 0 {
                break;
            }
        }
        at
    }

    /// Whether the next byte is the first of a message, or of a control frame between two.
    pub(super) fn is_between_messages(&self) -> bool {
        self.left == 0 && self.header_len == 0 && !self.fragmented
    }

    /// Goes on to the payload, if the header is complete.
    fn try_header(&mut self) {
        let come = &self.header[..usize::from(self.header_len)];
        let Some((header, _)) = Header::parse(come) else {
            return;
        };
        if !header.is_control() {
            self.fragmented = !header.is_last();
        }
        self.left = header.payload;
        self.header_len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Boundary;
    use crate::wire::random::Random;

    /// A frame with a payload of zeros, as an encoder of its own makes it.
    fn frame(first: u8, masked: bool, len: usize) -> Vec<u8> {
        let bit = if masked { 0x80 } else { 0 };
        let mut bytes = vec![first];
        match len {
            0..=125 => bytes.push(bit | len as u8),
            126..=0xffff => {
                bytes.push(bit | 126);
                bytes.extend((len as u16).to_be_bytes());
            }
            _ => {
                bytes.push(bit | 127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        bytes.extend(vec![0xff; if masked { 4 } else { 0 } + len]);
        bytes
    }

    /// Frames in a legal order, and all offsets between two messages.
    fn frames(random: &mut Random) -> (Vec<u8>, Vec<usize>) {
        const LENGTHS: [usize; 8] = [0, 1, 5, 125, 126, 300, 0xffff, 0x1_0000];
        let (mut bytes, mut between, mut fragmented) = (Vec::new(), vec![0], false);
        for _ in 0..12 {
            let masked = random.below(2) == 0;
            let len = LENGTHS[random.below(LENGTHS.len())];
            let frame = match random.below(3) {
                0 => frame(0x89 + random.below(2) as u8, masked, len.min(125)),
                _ => {
                    let last = random.below(2) == 0;
                    let op_code = if fragmented { 0 } else { 2 };
                    fragmented = !last;
                    frame(op_code | if last { 0x80 } else { 0 }, masked, len)
                }
            };
            bytes.extend(frame);
            if !fragmented {
                between.push(bytes.len());
            }
        }
        (bytes, between)
    }

    #[test]
    fn every_boundary_is_found_however_the_bytes_are_cut() {
        let mut random = Random::new(11);
        for _ in 0..200 {
            let (bytes, between) = frames(&mut random);
            let mut boundary = Boundary::default();
            let mut at = 0;
            while at < bytes.len() {
                let most = [1, 3, 20, 5_000, 100_000][random.below(5)];
                let end = (at + 1 + random.below(most)).min(bytes.len());
                at += boundary.advance(&bytes[at..end]);
                assert_eq!(boundary.is_between_messages(), between.contains(&at));
            }
        }
    }

    #[test]
    fn every_boundary_is_found_byte_by_byte() {
        let mut random = Random::new(12);
        for _ in 0..5 {
            let (bytes, between) = frames(&mut random);
            let mut boundary = Boundary::default();
            for (at, byte) in bytes.iter().enumerate() {
                assert_eq!(boundary.is_between_messages(), between.contains(&at));
                boundary.advance(&[*byte]);
            }
        }
    }

    #[test]
    fn it_goes_no_further_than_to_the_end_of_a_frame() {
        let mut boundary = Boundary::default();
        for len in [0, 10, 0x1_0000, 300] {
            let frame = frame(0x82, true, len);
            let followed = [frame.as_slice(), &[0x82, 0x01, 0x00]].concat();
            assert_eq!(boundary.advance(&followed), frame.len());
            assert!(boundary.is_between_messages());
        }
    }

    #[test]
    fn a_length_beyond_all_bounds_never_ends() {
        let mut boundary = Boundary::default();
        boundary.advance(&[0x82, 0xff]);
        boundary.advance(&[0xff; 100_000]);
        assert!(!boundary.is_between_messages());
    }
}
