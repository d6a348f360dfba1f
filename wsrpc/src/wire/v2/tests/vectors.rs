//! The vectors of `docs/vectors`, which other implementations are tested against.

use std::num::NonZeroU64;

use bytes::Bytes;
use serde_json::Value;

use super::decoded;
use crate::{
    metadata::Metadata,
    wire::{
        Text,
        v2::{Chunk, DecodeError, Frame, Hello, frames},
    },
};

const FRAMES: &str = include_str!("../../../../../docs/vectors/frames.json");
const INVALID: &str = include_str!("../../../../../docs/vectors/invalid-frames.json");
const MESSAGES: &str = include_str!("../../../../../docs/vectors/messages.json");
const SESSIONS: &str = include_str!("../../../../../docs/vectors/sessions.json");

fn vectors(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn name(vector: &Value) -> &str {
    vector["name"].as_str().unwrap()
}

fn frame_bytes(vector: &Value) -> Vec<u8> {
    hex(vector["hex"].as_str().unwrap())
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// What a frame says, in the form of the vectors: fields with their default are left out.
fn meaning(frame: &Frame) -> Value {
    let mut fields = serde_json::Map::new();
    let mut put = |name: &str, value: Value| {
        let default = match &value {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Number(value) => value.as_u64() == Some(0),
            Value::String(value) => value.is_empty() && name != "payload",
            Value::Array(value) => value.is_empty(),
            Value::Object(_) => false,
        };
        if !default {
            fields.insert(name.into(), value);
        }
    };
    match frame {
        Frame::Hello(hello) => {
            put("kind", "hello".into());
            put("initial_window", hello.initial_window.into());
            put("max_message_size", hello.max_message_size.into());
            put("max_calls", hello.max_calls.into());
            put("max_metadata_size", hello.max_metadata_size.into());
            put("features", texts(&hello.features));
            put("compression", texts(&hello.compression));
            put("instance_id", hex_of(&hello.instance_id));
            put("agent", hello.agent.as_str().into());
            let labels = hello.labels.iter();
            put(
                "labels",
                labels
                    .map(|(key, value)| Value::from(vec![key.as_str(), value.as_str()]))
                    .collect(),
            );
        }
        Frame::Open(open) => {
            put("kind", "open".into());
            put("id", open.id.into());
            put("method", open.method.as_str().into());
            let timeout = open.timeout.map_or(0, |timeout| timeout.as_micros());
            put("timeout_us", u64::try_from(timeout).unwrap().into());
            put("metadata", entries(&open.metadata));
            put("last", open.last.into());
            put_chunk(&mut put, open.chunk.as_ref());
        }
        Frame::Data(data) => {
            put("kind", "data".into());
            put("id", data.id.into());
            put("metadata", entries(&data.metadata));
            put("last", data.last.into());
            put_chunk(&mut put, data.chunk.as_ref());
        }
        Frame::End(end) => {
            put("kind", "end".into());
            put("id", end.id.into());
            put("metadata", entries(&end.metadata));
            if let Some(failure) = &end.failure {
                put("code", failure.code.into());
                put("message", failure.message.as_str().into());
                put("details", hex_of(&failure.details));
                put("refused", failure.refused.into());
            }
            put_chunk(&mut put, end.chunk.as_ref());
        }
        Frame::Cancel(id) => {
            put("kind", "cancel".into());
            put("id", (*id).into());
        }
        Frame::Credit { id, bytes } => {
            put("kind", "credit".into());
            put("id", (*id).into());
            put("bytes", (*bytes).into());
        }
        Frame::GoAway(go_away) => {
            put("kind", "go_away".into());
            put("last_id", go_away.last_id.into());
            put("reason", go_away.reason.as_str().into());
            let spread = u64::try_from(go_away.spread.as_millis()).unwrap();
            put("spread_ms", spread.into());
        }
        Frame::V1 => put("kind", "version 1".into()),
        Frame::Unknown => put("kind", "unknown".into()),
    }
    fields.into()
}

fn put_chunk(put: &mut impl FnMut(&str, Value), chunk: Option<&Chunk>) {
    if let Some(chunk) = chunk {
        put("inflated", chunk.inflated.map_or(0, NonZeroU64::get).into());
        put("total", chunk.total.map_or(0, NonZeroU64::get).into());
        put("payload", hex_of(&chunk.payload));
    }
}

fn texts(texts: &[Text]) -> Value {
    texts.iter().map(Text::as_str).collect()
}

fn entries(metadata: &Metadata) -> Value {
    let entries = metadata.iter_raw();
    entries
        .map(|(key, value)| Value::from(vec![key.into(), hex_of(value)]))
        .collect()
}

fn hex_of(bytes: &[u8]) -> Value {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.into()
}

/// What the frames of a message say, up to the first that is none.
fn meanings(bytes: Vec<u8>) -> (Vec<Value>, Option<DecodeError>) {
    let message = Bytes::from(bytes);
    let mut meanings = Vec::new();
    for frame in frames(&message) {
        match frame {
            Ok(frame) => meanings.push(meaning(&frame)),
            Err(error) => return (meanings, Some(*error)),
        }
    }
    (meanings, None)
}

/// What a vector says: without defaults, and with the limits that an absent one stands for.
fn wanted(meaning: &Value) -> Value {
    let mut meaning = meaning.as_object().unwrap().clone();
    meaning.retain(|name, value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(value) => value.as_u64() != Some(0),
        Value::String(value) => !value.is_empty() || name == "payload",
        Value::Array(value) => !value.is_empty(),
        _ => true,
    });
    if meaning["kind"] == "hello" {
        for (limit, default) in [
            ("initial_window", Hello::DEFAULT_INITIAL_WINDOW),
            ("max_message_size", Hello::DEFAULT_MAX_MESSAGE_SIZE),
            ("max_calls", Hello::DEFAULT_MAX_CALLS.into()),
            ("max_metadata_size", Hello::DEFAULT_MAX_METADATA_SIZE.into()),
        ] {
            meaning.entry(limit).or_insert(default.into());
        }
    }
    meaning.into()
}

#[test]
fn frames_are_read_as_what_they_mean() {
    for vector in vectors(FRAMES) {
        let frame = decoded(&frame_bytes(&vector));
        let frame = frame.unwrap_or_else(|error| panic!("{}: {error}", name(&vector)));
        let wanted = wanted(&vector["meaning"]);
        assert_eq!(meaning(&frame), wanted, "{}", name(&vector));
    }
}

#[test]
fn messages_are_read_as_the_frames_in_them() {
    for vector in vectors(MESSAGES) {
        let times = vector["times"].as_u64().unwrap_or(1) as usize;
        let (read, error) = meanings(frame_bytes(&vector).repeat(times));
        let all = vector["meanings"].as_array().unwrap();
        let all: Vec<_> = all.iter().map(wanted).collect();
        assert_eq!(read, vec![all; times].concat(), "{}", name(&vector));
        assert_eq!(error.is_some(), vector.get("why").is_some(), "{error:?}");
    }
}

#[test]
fn invalid_frames_are_not_read() {
    let vectors = vectors(INVALID);
    // A frame of version 1 is read as one, so that the protocol can refuse it by name.
    let is_read =
        |vector: &&Value| !matches!(decoded(&frame_bytes(vector)), Err(_) | Ok(Frame::V1));
    let read: Vec<_> = vectors.iter().filter(is_read).map(name).collect();
    assert_eq!(read, Vec::<&str>::new());
}

#[test]
fn frames_of_sessions_are_read_as_what_they_mean() {
    for session in vectors(SESSIONS) {
        let steps = session["steps"].as_array().unwrap().iter();
        for step in steps.filter(|step| step.get("hex").is_some()) {
            let (read, error) = meanings(frame_bytes(step));
            assert_eq!(error, None, "{}", name(&session));
            let all = match &step["meaning"] {
                Value::Array(meanings) => meanings,
                meaning => std::slice::from_ref(meaning),
            };
            assert_eq!(read.len(), all.len(), "{}", name(&session));
            for (read, meaning) in read.iter().zip(all) {
                if read["kind"] == "version 1" {
                    assert_eq!(meaning["kind"], "request", "{}", name(&session));
                } else {
                    assert_eq!(*read, wanted(meaning), "{}", name(&session));
                }
            }
        }
    }
}
