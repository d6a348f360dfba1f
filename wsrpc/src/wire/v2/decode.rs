//! Bytes to frames.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;

use super::{
    frame::{Chunk, Data, End, Frame, GoAway, Hello, NUMBER_LIMIT, Open},
    schema,
};
use crate::{
    metadata::{Metadata, MetadataError},
    wire::{
        Text,
        fields::{Fields, Malformed, Value},
    },
};

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("not a protobuf message of the wire schema: {0}")]
    Protobuf(#[from] prost::DecodeError),
    #[error("not a protobuf message of the wire schema: {0}")]
    Malformed(#[from] Malformed),
    #[error("the field `{0}` is not UTF-8")]
    NotUtf8(&'static str),
    #[error("{0} is not the id of a call: those are above 0 and below 2^53")]
    Id(u64),
    #[error("a credit of {0} bytes: those are above 0 and below 2^53")]
    Credit(u64),
    #[error("the size of a message is given without any of its bytes")]
    SizeWithoutPayload,
    #[error("a message of {total} bytes in all has {len} in its first chunk")]
    Total { total: u64, len: usize },
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error("a failure comes with a message")]
    FailureWithPayload,
    #[error("a call is said to have succeeded and to have been refused")]
    RefusedSuccess,
    #[error("an initial window has at least {min} bytes and not {0}", min = Hello::MIN_INITIAL_WINDOW)]
    InitialWindow(u64),
    #[error("an instance id has 16 bytes and not {0}")]
    InstanceId(usize),
    #[error("{count} of `{list}` are more than the {max} that a peer may have")]
    TooMany {
        list: &'static str,
        count: usize,
        max: usize,
    },
    #[error("`{field}` has {len} bytes, and not {min} to {max}")]
    Length {
        field: &'static str,
        len: usize,
        min: usize,
        max: usize,
    },
}

/// The frames of a WebSocket message, in their order.
pub(crate) fn frames(message: &Bytes) -> Frames<'_> {
    Frames {
        message,
        members: Fields::of(message),
    }
}

/// See [`frames`]. What follows an error must not be relied on: the session ends there.
#[derive(Debug)]
pub(crate) struct Frames<'a> {
    message: &'a Bytes,
    members: Fields<'a>,
}

impl Frames<'_> {
    /// Whether all of them were read.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl Iterator for Frames<'_> {
    type Item = Result<Frame, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.members.next()? {
            Ok((number, value)) => member(self.message, number, value),
            Err(error) => Err(error.into()),
        })
    }
}

/// Decodes a frame, which is a member of the schema's `Message`.
fn member(message: &Bytes, number: u32, value: Value<'_>) -> Result<Frame, DecodeError> {
    if !(2..=10).contains(&number) {
        return Ok(Frame::Unknown);
    }
    let body = message.slice_ref(value.bytes()?);
    let mut frame = match number {
        4 => Frame::Hello(schema::Hello::decode(body)?.check()?),
        5 => Frame::Open(schema::Open::decode(body)?.check()?),
        6 => Frame::Data(schema::Data::decode(body)?.check()?),
        7 => Frame::End(schema::End::decode(body)?.check()?),
        8 => Frame::Cancel(call_id(schema::Cancel::decode(body)?.id)?),
        9 => {
            let credit = schema::Credit::decode(body)?;
            Frame::Credit {
                id: call_id(credit.id)?,
                bytes: match credit.bytes {
                    bytes @ 1..NUMBER_LIMIT => bytes,
                    bytes => return Err(DecodeError::Credit(bytes)),
                },
            }
        }
        10 => Frame::GoAway(schema::GoAway::decode(body)?.check()?),
        _ => {
            Fields::of(&body).try_for_each(|field| field.map(drop))?;
            Frame::V1
        }
    };
    frame.let_go(message.len());
    Ok(frame)
}

/// The frame of a message that has one, or none.
#[cfg(test)]
pub(crate) fn decode(message: Bytes) -> Result<Frame, DecodeError> {
    let mut frames = frames(&message);
    let frame = frames.next().unwrap_or(Ok(Frame::Unknown));
    assert!(frame.is_err() || frames.is_empty(), "more than one frame");
    frame
}

impl schema::Hello {
    fn check(self) -> Result<Hello, DecodeError> {
        let instance_id = <[u8; 16]>::try_from(&self.instance_id[..])
            .map_err(|_| DecodeError::InstanceId(self.instance_id.len()))?;
        let initial_window = or_default(self.initial_window, Hello::DEFAULT_INITIAL_WINDOW);
        if initial_window < Hello::MIN_INITIAL_WINDOW {
            return Err(DecodeError::InitialWindow(initial_window));
        }
        Ok(Hello {
            initial_window: saturated(initial_window),
            max_message_size: saturated(or_default(
                self.max_message_size,
                Hello::DEFAULT_MAX_MESSAGE_SIZE,
            )),
            max_calls: or_default(self.max_calls, Hello::DEFAULT_MAX_CALLS),
            max_metadata_size: or_default(self.max_metadata_size, Hello::DEFAULT_MAX_METADATA_SIZE),
            features: names(self.features, "features")?,
            compression: names(self.compression, "compression")?,
            instance_id,
            agent: sized(self.agent, "agent", 0, Hello::MAX_AGENT_LEN)?,
            labels: labels(self.labels)?,
        })
    }
}

impl schema::Open {
    fn check(self) -> Result<Open, DecodeError> {
        Ok(Open {
            id: call_id(self.id)?,
            method: text(self.method, "method")?,
            timeout: match saturated(self.timeout_us) {
                0 => None,
                timeout_us => Some(Duration::from_micros(timeout_us)),
            },
            metadata: metadata(self.metadata)?,
            chunk: chunk(self.payload, self.total, self.inflated)?,
            last: self.last,
        })
    }
}

impl schema::Data {
    fn check(self) -> Result<Data, DecodeError> {
        Ok(Data {
            id: call_id(self.id)?,
            metadata: metadata(self.metadata)?,
            chunk: chunk(self.payload, self.total, self.inflated)?,
            last: self.last,
        })
    }
}

impl schema::End {
    fn check(self) -> Result<End, DecodeError> {
        match self.code {
            0 if self.refused => return Err(DecodeError::RefusedSuccess),
            1.. if self.payload.is_some() => return Err(DecodeError::FailureWithPayload),
            _ => {}
        }
        Ok(End {
            id: call_id(self.id)?,
            code: self.code,
            message: text(self.message, "message")?,
            metadata: metadata(self.metadata)?,
            details: self.details,
            refused: self.refused,
            chunk: chunk(self.payload, 0, self.inflated)?,
        })
    }
}

impl schema::GoAway {
    fn check(self) -> Result<GoAway, DecodeError> {
        Ok(GoAway {
            // Zero says that no call was started.
            last_id: match self.last_id {
                0 => 0,
                id => call_id(id)?,
            },
            reason: text(self.reason, "reason")?,
            spread: Duration::from_millis(self.spread_ms.into()),
        })
    }
}

fn call_id(id: u64) -> Result<u64, DecodeError> {
    if id > 0 && id < NUMBER_LIMIT {
        Ok(id)
    } else {
        Err(DecodeError::Id(id))
    }
}

fn chunk(payload: Option<Bytes>, total: u64, inflated: u64) -> Result<Option<Chunk>, DecodeError> {
    let total = (total > 0).then_some(saturated(total));
    let inflated = (inflated > 0).then_some(saturated(inflated));
    let len = payload.as_ref().map_or(0, Bytes::len);
    if len == 0 && total.or(inflated).is_some() {
        return Err(DecodeError::SizeWithoutPayload);
    }
    match total {
        Some(total) if total <= len as u64 => Err(DecodeError::Total { total, len }),
        _ => Ok(payload.map(|payload| Chunk {
            payload,
            total,
            inflated,
        })),
    }
}

fn metadata(entries: Vec<schema::Metadata>) -> Result<Metadata, DecodeError> {
    let mut metadata = Metadata::default();
    for entry in entries {
        metadata.push_received(text(entry.key, "metadata.key")?, entry.value)?;
    }
    Ok(metadata)
}

fn labels(labels: Vec<schema::Label>) -> Result<Vec<(Text, Text)>, DecodeError> {
    no_more_than(Hello::MAX_LABELS, labels.len(), "labels")?;
    let label = |label: schema::Label| {
        Ok((
            sized(label.key, "label.key", 1, Hello::MAX_LABEL_LEN)?,
            sized(label.value, "label.value", 0, Hello::MAX_LABEL_LEN)?,
        ))
    };
    labels.into_iter().map(label).collect()
}

fn names(fields: Vec<Bytes>, list: &'static str) -> Result<Vec<Text>, DecodeError> {
    no_more_than(Hello::MAX_NAMES, fields.len(), list)?;
    let name = |field| sized(field, list, 1, Hello::MAX_NAME_LEN);
    fields.into_iter().map(name).collect()
}

fn no_more_than(max: usize, count: usize, list: &'static str) -> Result<(), DecodeError> {
    if count > max {
        return Err(DecodeError::TooMany { list, count, max });
    }
    Ok(())
}

fn sized(bytes: Bytes, field: &'static str, min: usize, max: usize) -> Result<Text, DecodeError> {
    let len = bytes.len();
    if len < min || len > max {
        return Err(DecodeError::Length {
            field,
            len,
            min,
            max,
        });
    }
    text(bytes, field)
}

fn text(field: Bytes, name: &'static str) -> Result<Text, DecodeError> {
    Text::new(field).ok_or(DecodeError::NotUtf8(name))
}

/// What a peer must not send, and a double could not hold, is taken for the largest number that it may.
fn saturated(number: u64) -> u64 {
    number.min(NUMBER_LIMIT.saturating_sub(1))
}

/// Zero is what an absent field reads as.
fn or_default<N: Default + PartialEq>(limit: N, default: N) -> N {
    if limit == N::default() {
        default
    } else {
        limit
    }
}
