//! The fields of a protobuf message, as they are written. Their numbers are below 16, so that a key has one byte.

/// Appends a numeric field.
#[inline]
pub(super) fn number(out: &mut Vec<u8>, number: u32, value: u64) {
    pair(out, key(number, 0), value);
}

/// Appends all of a length-delimited field that precedes its `len` bytes.
#[inline]
pub(super) fn prefix(out: &mut Vec<u8>, number: u32, len: usize) {
    pair(out, key(number, 2), len as u64);
}

/// Bytes of a number.
#[inline]
pub(super) fn varint_len(value: u64) -> usize {
    if value < 0x80 {
        return 1;
    }
    let bits = u64::BITS.saturating_sub(value.leading_zeros());
    bits.div_ceil(7) as usize
}

#[inline]
fn key(number: u32, wire_type: u8) -> u8 {
    debug_assert!(number < 16);
    (number as u8) << 3 | wire_type
}

/// Appends a key and the number behind it. Most numbers have one byte.
#[inline]
fn pair(out: &mut Vec<u8>, key: u8, value: u64) {
    if value < 0x80 {
        out.extend_from_slice(&[key, value as u8]);
    } else {
        out.push(key);
        long_varint(out, value);
    }
}

#[inline(never)]
fn long_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
