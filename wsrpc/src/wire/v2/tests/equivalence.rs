//! Whatever the bytes, our decoder says of each frame what prost's derive of the owned schema and the protocol's rules
//! say; and our encoders write what prost writes.

use bytes::Bytes;
use prost::{
    Message as _,
    encoding::{DecodeContext, WireType, decode_key, encode_key, encode_varint, skip_field},
};

use super::{
    decoded,
    messages::{encoded, frame, sound, spoil},
    owned::{Exchange, Message},
};
use crate::wire::{
    random::Random,
    v2::{self as wire, DecodeError, Frame},
};

/// How often each kind of frame, and none, was seen: a generator that only makes rubbish proves nothing.
#[derive(Default)]
struct Seen {
    kinds: [usize; 9],
    /// Not protobuf.
    garbled: usize,
    /// Protobuf that breaks a rule.
    refused: usize,
}

impl Seen {
    /// Compares all frames of a message, up to the first that is none.
    fn compare(&mut self, bytes: &[u8], seed: u64) {
        let message = Bytes::copy_from_slice(bytes);
        let mut frames = wire::frames(&message);
        let mut rest = bytes;
        while !rest.is_empty() {
            let ours = frames.next().unwrap();
            let is_good = ours.is_ok();
            self.compare_frame(split_field(&mut rest), ours.map_err(|error| *error), seed);
            if !is_good {
                return;
            }
        }
        assert!(frames.next().is_none());
    }

    fn compare_frame(&mut self, bytes: &[u8], ours: Result<Frame, DecodeError>, seed: u64) {
        match Message::decode(bytes) {
            Ok(message) => match frame(&message) {
                Some(expected) => {
                    self.kinds[kind(&expected)] += 1;
                    assert_eq!(ours, Ok(expected), "seed {seed}: {bytes:02x?}");
                }
                None => {
                    self.refused += 1;
                    assert!(
                        !matches!(ours, Ok(_) | Err(DecodeError::Protobuf(_))),
                        "seed {seed}: {ours:?}: {bytes:02x?}"
                    );
                }
            },
            // Text that a later value replaces is not looked at: that is the one difference.
            Err(error) => {
                self.garbled += 1;
                assert!(
                    ours.is_err() || error.to_string().contains("UTF-8"),
                    "seed {seed}: {error}: {bytes:02x?}"
                );
            }
        }
    }

    fn assert_at_least(&self, times: usize) {
        let Self {
            kinds,
            garbled,
            refused,
        } = *self;
        assert!(
            kinds
                .into_iter()
                .chain([garbled, refused])
                .all(|n| n >= times),
            "{kinds:?}, {garbled} garbled, {refused} refused"
        );
    }
}

/// The next field, or all that is left when there is none.
fn split_field<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let all = *rest;
    let skipped = decode_key(rest).and_then(|(number, wire_type)| {
        skip_field(wire_type, number, rest, DecodeContext::default())
    });
    match skipped {
        Ok(()) => &all[..all.len() - rest.len()],
        Err(_) => {
            *rest = &[];
            all
        }
    }
}

fn kind(frame: &Frame) -> usize {
    match frame {
        Frame::Hello(_) => 0,
        Frame::Open(_) => 1,
        Frame::Data(_) => 2,
        Frame::End(_) => 3,
        Frame::Cancel(_) => 4,
        Frame::Credit { .. } => 5,
        Frame::GoAway(_) => 6,
        Frame::V1 => 7,
        Frame::Unknown => 8,
    }
}

#[test]
fn random_bytes_are_read_alike() {
    let mut seen = Seen::default();
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let len = random.below(40);
        seen.compare(&random.bytes(len), seed);
    }
    assert!(seen.garbled > 1_000 && seen.kinds[8] > 100);
}

#[test]
fn valid_and_mutated_frames_are_read_alike() {
    let mut seen = Seen::default();
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let mut message = message(&mut random);
        if random.percent(20) {
            spoil(&mut message, &mut random);
        }
        let mut bytes = message.encode_to_vec();
        seen.compare(&bytes, seed);
        for _ in 0..random.below(4) {
            random.mutate(&mut bytes);
            seen.compare(&bytes, seed);
        }
    }
    seen.assert_at_least(200);
}

#[test]
fn frames_behind_one_another_are_read_alike() {
    let mut seen = Seen::default();
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let mut bytes = Vec::new();
        for _ in 0..random.below(5) {
            bytes.extend(message(&mut random).encode_to_vec());
        }
        seen.compare(&bytes, seed);
        random.mutate(&mut bytes);
        seen.compare(&bytes, seed);
    }
    assert!(seen.kinds.iter().all(|n| *n > 200), "{:?}", seen.kinds);
}

#[test]
fn frames_that_are_cut_off_anywhere_are_read_alike() {
    let mut seen = Seen::default();
    for seed in 0..500 {
        let bytes = message(&mut Random::new(seed)).encode_to_vec();
        for end in 0..bytes.len().min(300) {
            seen.compare(&bytes[..end], seed);
        }
    }
    assert!(seen.garbled > 1_000);
}

#[test]
fn fields_in_any_order_and_number_are_read_alike() {
    let mut seen = Seen::default();
    for seed in 0..100_000 {
        let mut random = Random::new(seed);
        let mut bytes = Vec::new();
        for _ in 0..random.below(3) {
            let member = 2 + random.below(10) as u32;
            let mut fields = Vec::new();
            if random.percent(50) {
                fields.extend(b"\x08\x01");
            }
            for _ in 0..random.below(6) {
                field(&mut fields, &mut random, 2);
            }
            length_delimited(&mut bytes, member, &fields);
        }
        seen.compare(&bytes, seed);
    }
    // A hello needs its 16 bytes of an id, which are not to be had by chance.
    let others = &seen.kinds[1..];
    assert!(others.iter().all(|n| *n > 200), "{others:?}");
}

#[test]
fn our_encoders_write_what_prost_writes() {
    for seed in 0..20_000 {
        let message = sound(&mut Random::new(seed));
        assert_eq!(encoded(&message), message.encode_to_vec(), "seed {seed}");
    }
}

#[test]
fn what_our_encoders_write_is_read_as_what_was_meant() {
    let mut seen = Seen::default();
    for seed in 0..20_000 {
        let message = sound(&mut Random::new(seed));
        let expected = frame(&message).unwrap();
        seen.kinds[kind(&expected)] += 1;
        assert_eq!(decoded(&encoded(&message)), Ok(expected), "seed {seed}");
    }
    assert!(seen.kinds.iter().take(7).all(|n| *n > 1_000));
}

fn message(random: &mut Random) -> Message {
    match random.below(16) {
        0 => Message::from(Exchange::Request(())),
        1 => Message::from(Exchange::Response(())),
        2 => Message::default(),
        _ => sound(random),
    }
}

/// Appends one field, most often one that the schema could have.
fn field(out: &mut Vec<u8>, random: &mut Random, depth: usize) {
    let number = 1 + random.below(16) as u32;
    // The second one is text or a number, as the member has it.
    let is_number =
        depth == 2 && (matches!(number, 1 | 6 | 12 | 13 | 14) || number == 2 && random.percent(50));
    if is_number || random.percent(3) {
        encode_key(number, WireType::Varint, out);
        encode_varint(random.next() >> random.below(64), out);
    } else if random.percent(3) {
        encode_key(number, WireType::ThirtyTwoBit, out);
        out.extend(random.bytes(4));
    } else if random.percent(3) {
        encode_key(number, WireType::StartGroup, out);
        if depth > 0 {
            field(out, random, depth - 1);
        }
        encode_key(number, WireType::EndGroup, out);
    } else if depth > 0 && matches!(number, 4 | 9) {
        let mut nested = Vec::new();
        for _ in 0..random.below(4) {
            field(&mut nested, random, 0);
        }
        length_delimited(out, number, &nested);
    } else if random.percent(90) {
        length_delimited(out, number, random.text().as_bytes());
    } else {
        length_delimited(out, number, &random.bytes(3));
    }
}

fn length_delimited(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}
