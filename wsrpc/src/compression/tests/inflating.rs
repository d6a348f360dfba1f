//! Messages that are compressed, and frames of zstd that are not what they should be.

use std::num::NonZeroU64;

use bytes::Bytes;

use crate::compression::{Compression, LEAST, compress, inflate};

#[test]
fn small_messages_and_those_that_do_not_shrink_stay_as_they_are() {
    let small = Bytes::from(vec![0; LEAST - 1]);
    assert_eq!(compress(small.clone(), Compression::Zstd), small.into());
    let enough = compress(vec![0; LEAST].into(), Compression::Zstd);
    assert_eq!(enough.inflated, NonZeroU64::new(LEAST as u64));
    assert!(enough.payload.len() < LEAST);

    let mut random = vec![0; 10_000];
    getrandom::fill(&mut random).unwrap();
    let random = Bytes::from(random);
    assert_eq!(compress(random.clone(), Compression::Zstd), random.into());
    let off = Bytes::from(vec![0; 10_000]);
    assert_eq!(compress(off.clone(), Compression::Off), off.into());
}

const MUCH: usize = usize::MAX;

#[test]
fn what_was_compressed_is_inflated() {
    for size in [LEAST, 10_000, 1_000_000, 10_000_000] {
        let payload = Bytes::from(vec![7; size]);
        let smaller = compress(payload.clone(), Compression::Zstd);
        let inflated = inflate(&smaller.payload, size as u64, size).unwrap();
        assert!(inflated == payload);
    }
}

#[test]
fn a_size_that_is_a_lie_is_an_error() {
    let smaller = compress(vec![7; 1000].into(), Compression::Zstd).payload;
    for (declared, says) in [(999, "longer"), (1, "longer"), (1001, "shorter")] {
        let error = inflate(&smaller, declared, MUCH).unwrap_err();
        assert!(error.to_string().ends_with(says), "{error}");
    }
    // Nor does memory grow with what is declared: this much there is not.
    let error = inflate(&smaller, 1 << 50, MUCH).unwrap_err();
    assert!(error.to_string().ends_with("shorter"), "{error}");
}

#[test]
fn anything_but_one_whole_frame_is_an_error() {
    let whole = compress(vec![7; 1000].into(), Compression::Zstd).payload;
    for cut in 0..whole.len() {
        assert!(inflate(&whole[..cut], 1000, MUCH).is_err(), "{cut}");
    }
    let twice = [&whole[..], &whole[..]].concat();
    for declared in [1000, 2000] {
        assert!(inflate(&twice, declared, MUCH).is_err());
    }
    let trailing = [&whole[..], b"x"].concat();
    assert!(inflate(&trailing, 1000, MUCH).is_err());
    // A frame that is to be skipped, and has nothing.
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    assert!(inflate(&skipped, 1, MUCH).is_err());
    assert!(inflate(b"", 1, MUCH).is_err());
    assert!(inflate(b"no frame at all", 5, MUCH).is_err());
}

#[test]
fn a_window_over_8_mib_is_an_error() {
    // Written by hand: the window is two to the power of ten and the upper five bits.
    let frame = |log: u8| {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3];
        frame.extend([5 << 3 | 1, 0, 0]); // the last block, of 5 bytes as they are
        frame.extend(b"hello");
        frame
    };
    assert_eq!(inflate(&frame(23), 5, MUCH).unwrap(), "hello");
    assert!(inflate(&frame(24), 5, MUCH).is_err());
}

#[test]
fn a_bomb_stops_at_what_it_declared() {
    let bomb = compress(vec![0; 100_000_000].into(), Compression::Zstd).payload;
    assert!(bomb.len() < 20_000);
    let error = inflate(&bomb, 1000, MUCH).unwrap_err();
    assert!(error.to_string().ends_with("longer"), "{error}");
}
