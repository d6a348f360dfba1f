//! The masks of a client's frames.

use std::cell::RefCell;

/// Masks from the system's random source, fetched in batches: RFC 6455 (section 5.3) wants them unpredictable, and a
/// system call for each frame would cost more than the frame.
struct Batch {
    bytes: [u8; 256],
    used: usize,
}

thread_local! {
    /// For all connections of a thread: none of them learns a mask of another's.
    static BATCH: RefCell<Batch> = const {
        RefCell::new(Batch { bytes: [0; 256], used: 256 })
    };
}

/// The mask of a frame.
///
/// # Panics
///
/// When the system has no randomness to give, without which nothing here is secure.
pub(super) fn next() -> [u8; 4] {
    BATCH.with_borrow_mut(Batch::next)
}

impl Batch {
    fn next(&mut self) -> [u8; 4] {
        if self.used == self.bytes.len() {
            getrandom::fill(&mut self.bytes).expect("the system's random source works");
            self.used = 0;
        }
        let mut mask = [0; 4];
        mask.copy_from_slice(&self.bytes[self.used..self.used + 4]);
        self.used += 4;
        mask
    }
}

/// Masks `bytes`, or unmasks them.
pub(super) fn apply(mask: [u8; 4], bytes: &mut [u8]) {
    let wide = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}
