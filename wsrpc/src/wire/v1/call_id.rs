//! The ids of the calls that this side makes, as version 1 spells them.

/// The place of a call in its session, spelt as a UUID of version 4.
///
/// Version 1 asks for a random UUID and a Go server drops any other id, but a caller only ever looks up its own. So
/// the random bits carry the call's slot and sequence number, an answer is found without a map, and the rest is the
/// session's salt, which keeps ids of different sessions apart.
///
/// ```text
/// iiiiiiii-ssss-4sss-Vsss-qqqqqqqqssss    i index, q sequence, s salt, V the variant and salt
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallId {
    pub(crate) index: u32,
    pub(crate) sequence: u32,
}

/// Length of a UUID in text.
pub(crate) const TEXT_LEN: usize = 36;

impl CallId {
    /// The id in text, within a session that has this `salt`.
    pub(crate) fn to_text(self, salt: u64) -> [u8; TEXT_LEN] {
        let mut text = [b'-'; TEXT_LEN];
        let mut nibbles = self
            .to_uuid(salt)
            .into_iter()
            .flat_map(|byte| [byte >> 4, byte & 0x0f]);
        for (position, digit) in text.iter_mut().enumerate() {
            if !is_hyphen(position) {
                *digit = nibbles.next().map_or(b'0', hex_digit);
            }
        }
        text
    }

    /// The id that `text` spells, or `None` if no call of a session with this `salt` ever had it.
    pub(crate) fn from_text(text: &str, salt: u64) -> Option<Self> {
        if text.len() != TEXT_LEN {
            return None;
        }
        let mut uuid: u128 = 0;
        for (position, byte) in text.bytes().enumerate() {
            if is_hyphen(position) {
                if byte != b'-' {
                    return None;
                }
            } else {
                uuid = (uuid << 4) | u128::from(char::from(byte).to_digit(16)?);
            }
        }
        let id = Self {
            index: (uuid >> 96) as u32,
            sequence: (uuid >> 16) as u32,
        };
        (id.to_uuid(salt) == uuid.to_be_bytes()).then_some(id)
    }

    fn to_uuid(self, salt: u64) -> [u8; 16] {
        let [i0, i1, i2, i3] = self.index.to_be_bytes();
        let [q0, q1, q2, q3] = self.sequence.to_be_bytes();
        let [s0, s1, s2, s3, s4, s5, s6, s7] = salt.to_be_bytes();
        let version = 0x40 | (s2 & 0x0f);
        let variant = 0x80 | (s4 & 0x3f);
        [
            i0, i1, i2, i3, s0, s1, version, s3, variant, s5, q0, q1, q2, q3, s6, s7,
        ]
    }
}

fn is_hyphen(position: usize) -> bool {
    matches!(position, 8 | 13 | 18 | 23)
}

fn hex_digit(nibble: u8) -> u8 {
    // A nibble is below 16, so there is always a digit, and each is one byte of ASCII.
    char::from_digit(u32::from(nibble), 16).map_or(b'0', |digit| digit as u8)
}
