//! Hex digits to bytes.

/// Text that is not `2 * N` hex digits.
pub(super) enum HexError {
    Length { digits: usize },
    Digit { position: usize, found: char },
}

/// Decodes `2 * N` digits of either case.
pub(super) fn decode<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    // A foreign character says more than the length that it spoils.
    let foreign = |(_, c): &(usize, char)| !c.is_ascii_hexdigit();
    if let Some((before, found)) = text.chars().enumerate().find(foreign) {
        return Err(HexError::Digit {
            position: before + 1,
            found,
        });
    }
    if text.len() != 2 * N {
        return Err(HexError::Length { digits: text.len() });
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = pair
            .iter()
            .fold(0, |high, &digit| high << 4 | nibble(digit));
    }
    Ok(bytes)
}

/// The value of one digit.
fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        // Letters of either case differ in bit 5 alone; `a` has the low bits of 1.
        _ => (digit & 0x0f) + 9,
    }
}
