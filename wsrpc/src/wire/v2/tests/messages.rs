//! Random messages of the owned schema, the frames that our decoder is to make of them, and what our encoders write.

use std::{num::NonZeroU64, time::Duration};

use super::owned::{
    Cancel, Credit, Data, End, Exchange, GoAway, Hello, Label, Message, Metadata, Open,
};
use crate::{
    metadata::Metadata as Entries,
    wire::{
        Text,
        random::Random,
        v2::{
            self as wire, Body, Chunk, EndHead, Frame, encode_cancel, encode_credit,
            encode_data_head, encode_end_head, encode_go_away, encode_hello, encode_open_head,
        },
    },
};

/// A message of version 2 that is a frame.
pub(super) fn sound(random: &mut Random) -> Message {
    let exchange = match random.below(7) {
        0 => Exchange::Hello(Hello {
            initial_window: match number(random) {
                0 => 0,
                window => window.max(1024),
            },
            max_message_size: number(random),
            max_calls: number(random) as u32,
            max_metadata_size: number(random) as u32,
            features: (0..random.below(3)).map(|_| some_text(random)).collect(),
            compression: (0..random.below(3)).map(|_| some_text(random)).collect(),
            instance_id: random.bytes(16),
            agent: random.text(),
            labels: (0..random.below(17)).map(|_| label(random)).collect(),
        }),
        1 => {
            let (payload, total) = payload(random);
            Exchange::Open(Open {
                id: id(random),
                method: format!("{}/{}", random.text(), random.text()),
                timeout_us: number(random),
                metadata: metadata(random),
                last: random.percent(50),
                inflated: inflated(random, &payload),
                total,
                payload,
            })
        }
        2 => {
            let (payload, total) = payload(random);
            Exchange::Data(Data {
                id: id(random),
                metadata: metadata(random),
                last: random.percent(50),
                inflated: inflated(random, &payload),
                total,
                payload,
            })
        }
        3 => {
            let code = number(random) as u32;
            let payload = payload(random).0.filter(|_| code == 0);
            Exchange::End(End {
                id: id(random),
                code,
                message: random.text(),
                metadata: metadata(random),
                details: some_bytes(random),
                refused: code > 0 && random.percent(50),
                inflated: inflated(random, &payload),
                payload,
            })
        }
        4 => Exchange::Cancel(Cancel { id: id(random) }),
        5 => Exchange::Credit(Credit {
            id: id(random),
            bytes: id(random),
        }),
        _ => Exchange::GoAway(GoAway {
            last_id: if random.percent(20) { 0 } else { id(random) },
            reason: random.text(),
            spread_ms: number(random) as u32,
        }),
    };
    exchange.into()
}

/// Breaks one rule of the protocol in a message, or none if its frame has not that rule.
pub(super) fn spoil(message: &mut Message, random: &mut Random) {
    let bad_id = if random.percent(50) { 0 } else { 1 << 53 };
    let bad_key = Metadata::default();
    let Some(exchange) = &mut message.exchange else {
        return;
    };
    match exchange {
        Exchange::Request(()) | Exchange::Response(()) => {}
        Exchange::Hello(hello) => match random.below(7) {
            0 => drop(hello.instance_id.pop()),
            1 => hello.labels = vec![label(random); 17],
            2 => hello.initial_window = 1 + random.below(1023) as u64,
            3 => hello.features.push(String::new()),
            4 => hello.compression.resize(33, "zstd".into()),
            5 => hello.agent = "a".repeat(257),
            _ => {
                hello.labels = vec![Label {
                    key: "k".repeat(65),
                    value: String::new(),
                }]
            }
        },
        Exchange::Open(open) => match random.below(3) {
            0 => open.id = bad_id,
            1 => open.metadata.push(bad_key),
            _ => {
                open.total = open
                    .payload
                    .as_ref()
                    .map_or(1, |payload| payload.len() as u64)
            }
        },
        Exchange::Data(data) => match random.below(3) {
            0 => data.id = bad_id,
            1 => data.metadata.push(bad_key),
            _ => {
                data.total = data
                    .payload
                    .as_ref()
                    .map_or(1, |payload| payload.len() as u64)
            }
        },
        Exchange::End(end) => match random.below(5) {
            0 => end.id = bad_id,
            3 => (end.code, end.payload) = (2, Some(Vec::new())),
            4 => (end.code, end.refused) = (0, true),
            1 => end.metadata.push(bad_key),
            _ => (end.inflated, end.payload) = (1, None),
        },
        Exchange::Cancel(cancel) => cancel.id = bad_id,
        Exchange::Credit(credit) if random.percent(50) => credit.id = bad_id,
        Exchange::Credit(credit) => credit.bytes = bad_id,
        Exchange::GoAway(go_away) => go_away.last_id = 1 << 53,
    }
}

/// Small and large, and often 0.
fn number(random: &mut Random) -> u64 {
    if random.percent(20) {
        0
    } else {
        random.next() >> random.below(64)
    }
}

fn id(random: &mut Random) -> u64 {
    1 + (random.next() >> (11 + random.below(53))) % ((1 << 53) - 1)
}

fn some_text(random: &mut Random) -> String {
    random.text() + "t"
}

fn label(random: &mut Random) -> Label {
    Label {
        key: some_text(random),
        value: "v".repeat(random.below(65)),
    }
}

fn metadata(random: &mut Random) -> Vec<Metadata> {
    let entries = random.below(8).saturating_sub(4);
    let entry = |_| {
        if random.percent(50) {
            let len = random.below(130);
            Metadata {
                key: format!("key-{len}"),
                value: "v".repeat(len).into_bytes(),
            }
        } else {
            Metadata {
                key: "some-bin".into(),
                value: some_bytes(random),
            }
        }
    };
    (0..entries).map(entry).collect()
}

fn some_bytes(random: &mut Random) -> Vec<u8> {
    let len = random.below(200).saturating_sub(50);
    random.bytes(len)
}

/// A payload and a total that fits it.
fn payload(random: &mut Random) -> (Option<Vec<u8>>, u64) {
    if random.percent(20) {
        return (None, 0);
    }
    let payload = some_bytes(random);
    let total = if random.percent(30) && !payload.is_empty() {
        payload.len() as u64 + 1 + (random.next() >> (1 + random.below(63)))
    } else {
        0
    };
    (Some(payload), total)
}

fn inflated(random: &mut Random, payload: &Option<Vec<u8>>) -> u64 {
    match payload {
        Some(payload) if random.percent(30) && !payload.is_empty() => number(random),
        _ => 0,
    }
}

/// The frame that our decoder is to make of a message, `None` if it is to refuse it.
pub(super) fn frame(message: &Message) -> Option<Frame> {
    let Some(exchange) = message.exchange.clone() else {
        return Some(Frame::Unknown);
    };
    let text = |text: &String| Text::from(text.as_str());
    let texts = |texts: &[String]| texts.iter().map(text).collect();
    let is_id = |id: u64| (1..1 << 53).contains(&id);
    Some(match exchange {
        Exchange::Request(()) | Exchange::Response(()) => Frame::V1,
        Exchange::Hello(hello) => {
            let is_wrong = |text: &String| text.is_empty() || text.len() > 64;
            let too_long = |label: &Label| is_wrong(&label.key) || label.value.len() > 64;
            let names = [&hello.features, &hello.compression];
            if hello.labels.len() > 16
                || hello.labels.iter().any(too_long)
                || names.iter().any(|names| names.len() > 32)
                || names.into_iter().flatten().any(is_wrong)
                || hello.agent.len() > 256
                || (1..1024).contains(&hello.initial_window)
            {
                return None;
            }
            let given = |limit: u64, default: u64| match limit {
                0 => default,
                limit => at_most(limit),
            };
            Frame::Hello(Box::new(wire::Hello {
                initial_window: given(hello.initial_window, 65_536),
                max_message_size: given(hello.max_message_size, 4_194_304),
                max_calls: given(hello.max_calls.into(), 100) as u32,
                max_metadata_size: given(hello.max_metadata_size.into(), 8_192) as u32,
                features: texts(&hello.features),
                compression: texts(&hello.compression),
                instance_id: hello.instance_id.try_into().ok()?,
                agent: text(&hello.agent),
                labels: labels(&hello.labels),
            }))
        }
        Exchange::Open(open) if is_id(open.id) => Frame::Open(wire::Open {
            id: open.id,
            method: text(&open.method),
            timeout: match open.timeout_us {
                0 => None,
                us => Some(Duration::from_micros(at_most(us))),
            },
            metadata: entries(&open.metadata)?,
            chunk: chunk(open.payload, open.total, open.inflated)?,
            last: open.last,
        }),
        Exchange::Data(data) if is_id(data.id) => Frame::Data(wire::Data {
            id: data.id,
            metadata: entries(&data.metadata)?,
            chunk: chunk(data.payload, data.total, data.inflated)?,
            last: data.last,
        }),
        Exchange::End(end)
            if end.code == 0 && end.refused || end.code > 0 && end.payload.is_some() =>
        {
            return None;
        }
        Exchange::End(end) if is_id(end.id) => Frame::End(wire::End {
            id: end.id,
            metadata: entries(&end.metadata)?,
            chunk: chunk(end.payload, 0, end.inflated)?,
            failure: (end.code > 0).then(|| {
                Box::new(wire::Failure {
                    code: end.code,
                    message: text(&end.message),
                    details: end.details.into(),
                    refused: end.refused,
                })
            }),
        }),
        Exchange::Cancel(cancel) if is_id(cancel.id) => Frame::Cancel(cancel.id),
        Exchange::Credit(credit) if is_id(credit.id) && is_id(credit.bytes) => Frame::Credit {
            id: credit.id,
            bytes: credit.bytes,
        },
        Exchange::GoAway(go_away) if go_away.last_id < 1 << 53 => Frame::GoAway(wire::GoAway {
            last_id: go_away.last_id,
            reason: text(&go_away.reason),
            spread: Duration::from_millis(go_away.spread_ms.into()),
        }),
        _ => return None,
    })
}

fn at_most(number: u64) -> u64 {
    number.min((1 << 53) - 1)
}

fn labels(labels: &[Label]) -> Vec<(Text, Text)> {
    labels
        .iter()
        .map(|label| (label.key.as_str().into(), label.value.as_str().into()))
        .collect()
}

fn entries(metadata: &[Metadata]) -> Option<Entries> {
    let mut entries = Entries::default();
    for Metadata { key, value } in metadata {
        entries
            .push_received(key.as_str().into(), value.clone().into())
            .ok()?;
    }
    Some(entries)
}

fn chunk(payload: Option<Vec<u8>>, total: u64, inflated: u64) -> Option<Option<Chunk>> {
    match payload {
        Some(payload) if payload.is_empty() && total.max(inflated) > 0 => None,
        Some(payload) if total == 0 || total > payload.len() as u64 => Some(Some(Chunk {
            payload: payload.into(),
            total: NonZeroU64::new(at_most(total)),
            inflated: NonZeroU64::new(at_most(inflated)),
        })),
        None if total == 0 && inflated == 0 => Some(None),
        _ => None,
    }
}

/// What our encoders write of a message of version 2.
pub(super) fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    let body = |last, inflated, total, payload: &Option<Vec<u8>>| Body {
        last,
        inflated: NonZeroU64::new(inflated),
        total: NonZeroU64::new(total),
        payload_len: payload.as_ref().map(Vec::len),
    };
    let texts = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect();
    match message.exchange.as_ref().unwrap() {
        Exchange::Request(()) | Exchange::Response(()) => panic!("a frame of version 1"),
        Exchange::Hello(hello) => encode_hello(
            &mut out,
            &wire::Hello {
                initial_window: hello.initial_window,
                max_message_size: hello.max_message_size,
                max_calls: hello.max_calls,
                max_metadata_size: hello.max_metadata_size,
                features: texts(&hello.features),
                compression: texts(&hello.compression),
                instance_id: hello.instance_id[..].try_into().unwrap(),
                agent: hello.agent.as_str().into(),
                labels: labels(&hello.labels),
            },
        ),
        Exchange::Open(open) => {
            let (service, method) = open.method.split_once('/').unwrap();
            let metadata = entries(&open.metadata).unwrap();
            let body = body(open.last, open.inflated, open.total, &open.payload);
            encode_open_head(
                &mut out,
                open.id,
                service,
                method,
                open.timeout_us,
                &metadata,
                &body,
            );
            out.extend(open.payload.iter().flatten());
        }
        Exchange::Data(data) => {
            let metadata = entries(&data.metadata).unwrap();
            let body = body(data.last, data.inflated, data.total, &data.payload);
            encode_data_head(&mut out, data.id, &metadata, &body);
            out.extend(data.payload.iter().flatten());
        }
        Exchange::End(end) => {
            let head = EndHead {
                code: end.code,
                message: &end.message,
                metadata: &entries(&end.metadata).unwrap(),
                details: &end.details,
                refused: end.refused,
            };
            let body = body(false, end.inflated, 0, &end.payload);
            encode_end_head(&mut out, end.id, &head, &body);
            out.extend(end.payload.iter().flatten());
        }
        Exchange::Cancel(cancel) => encode_cancel(&mut out, cancel.id),
        Exchange::Credit(credit) => encode_credit(&mut out, credit.id, credit.bytes),
        Exchange::GoAway(go_away) => {
            let spread = Duration::from_millis(go_away.spread_ms.into());
            encode_go_away(&mut out, go_away.last_id, &go_away.reason, spread);
        }
    }
    out
}
