//! Whatever the bytes, our decoder says what prost's derive says of the owned schema.

use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint},
};

use super::{
    decoded,
    owned::{Exchange, Message, Request, Response},
};
use crate::wire::random::Random;
use crate::wire::v1::{Frame, encode_error, encode_request_head, encode_response_head};

/// How often each kind of frame, and none, was seen: a generator that only makes rubbish proves nothing.
#[derive(Default)]
struct Seen {
    requests: usize,
    answers: usize,
    failures: usize,
    unknown: usize,
    refused: usize,
}

impl Seen {
    fn compare(&mut self, bytes: &[u8], seed: u64) {
        let ours = decoded(bytes);
        match (Message::decode(bytes), ours) {
            (Ok(expected), ours) => {
                let expected = Frame::from(expected);
                match &expected {
                    Frame::Request(_) => self.requests += 1,
                    Frame::Response(response) if response.result.is_ok() => self.answers += 1,
                    Frame::Response(_) => self.failures += 1,
                    Frame::Unknown => self.unknown += 1,
                }
                assert_eq!(ours, Ok(expected), "seed {seed}: {bytes:02x?}");
            }
            (Err(_), Err(_)) => self.refused += 1,
            // Text that a later value replaces is not looked at: that is the one difference.
            (Err(error), Ok(_)) => assert!(
                error.to_string().contains("UTF-8"),
                "seed {seed}: {error}: {bytes:02x?}"
            ),
        }
    }

    fn assert_at_least(&self, times: usize) {
        let Self {
            requests,
            answers,
            failures,
            unknown,
            refused,
        } = *self;
        let counts = [requests, answers, failures, unknown, refused];
        assert!(counts.into_iter().all(|n| n >= times), "{counts:?}");
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
    assert!(seen.refused > 1_000 && seen.unknown > 100);
}

#[test]
fn valid_and_mutated_frames_are_read_alike() {
    let mut seen = Seen::default();
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let mut bytes = message(&mut random).encode_to_vec();
        seen.compare(&bytes, seed);
        for _ in 0..random.below(4) {
            random.mutate(&mut bytes);
            seen.compare(&bytes, seed);
        }
    }
    seen.assert_at_least(200);
}

#[test]
fn fields_in_any_order_number_and_nesting_are_read_alike() {
    let mut seen = Seen::default();
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let mut bytes = Vec::new();
        for _ in 0..random.below(4) {
            field(&mut bytes, &mut random, 2);
        }
        seen.compare(&bytes, seed);
    }
    seen.assert_at_least(200);
}

#[test]
fn our_encoder_writes_what_prost_writes() {
    for seed in 0..5_000 {
        let mut random = Random::new(seed);
        let message = message(&mut random);
        let mut out = Vec::new();
        match message.exchange.as_ref().unwrap() {
            Exchange::Request(request) => {
                let id = request.call_id.as_bytes();
                encode_request_head(&mut out, &request.method, id, request.payload.len());
                out.extend_from_slice(&request.payload);
            }
            Exchange::Response(response) if response.error.is_empty() => {
                let id = response.call_id.as_bytes();
                encode_response_head(&mut out, id, response.payload.len());
                out.extend_from_slice(&response.payload);
            }
            Exchange::Response(response) => {
                encode_error(&mut out, response.call_id.as_bytes(), &response.error);
            }
        }
        assert_eq!(out, message.encode_to_vec(), "seed {seed}");
    }
}

fn message(random: &mut Random) -> Message {
    let method = random.text();
    let call_id = random.text();
    let len = random.below(200);
    let payload = random.bytes(len);
    match random.below(3) {
        0 => Exchange::Request(Request {
            method,
            call_id,
            payload,
        }),
        1 => Exchange::Response(Response {
            call_id,
            payload,
            error: String::new(),
        }),
        _ => Exchange::Response(Response {
            call_id,
            payload: Vec::new(),
            error: random.text() + "!",
        }),
    }
    .into()
}

/// Appends one field, most often one that the schema could have, of up to `depth` levels.
fn field(out: &mut Vec<u8>, random: &mut Random, depth: usize) {
    let numbers = if random.percent(80) { 3 } else { 20 };
    let number = 1 + random.below(numbers) as u32;
    match random.below(20) {
        0 => {
            encode_key(number, WireType::Varint, out);
            encode_varint(random.next() >> random.below(64), out);
        }
        1 => {
            encode_key(number, WireType::ThirtyTwoBit, out);
            out.extend(random.bytes(4));
        }
        2 => {
            encode_key(number, WireType::SixtyFourBit, out);
            out.extend(random.bytes(8));
        }
        3 if depth > 0 => {
            encode_key(number, WireType::StartGroup, out);
            field(out, random, depth - 1);
            encode_key(number, WireType::EndGroup, out);
        }
        _ => {
            let mut value = Vec::new();
            if depth > 1 || (depth > 0 && random.percent(20)) {
                for _ in 0..random.below(5) {
                    field(&mut value, random, depth - 1);
                }
            } else if random.percent(90) {
                value = random.text().into_bytes();
            } else {
                value = random.bytes(3);
            }
            encode_key(number, WireType::LengthDelimited, out);
            encode_varint(value.len() as u64, out);
            out.extend(value);
        }
    }
}
