//! Bytes to frames, by hand, since prost's derive takes several times as long. The tests hold it against prost's.

use std::{num::NonZeroU64, time::Duration};

use bytes::Bytes;

use super::{
    frame::{Chunk, Data, End, Failure, Frame, GoAway, Hello, NUMBER_LIMIT, Open},
    schema::{
        CANCEL, CREDIT, DATA, END, GO_AWAY, HELLO, ID, INFLATED, KEY, LAST, METADATA, OPEN,
        PAYLOAD, TOTAL, V1_REQUEST, VALUE,
    },
    sizes,
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
    Protobuf(#[from] Malformed),
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
    #[error("several frames share a WebSocket message of {0} bytes: they have at most {max} together", max = sizes::SHARED)]
    Shared(usize),
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

/// Boxed, for each step of decoding has a `Result` with it.
type Decoded<T> = Result<T, Box<DecodeError>>;

impl From<Malformed> for Box<DecodeError> {
    fn from(error: Malformed) -> Self {
        DecodeError::from(error).into()
    }
}

impl From<MetadataError> for Box<DecodeError> {
    fn from(error: MetadataError) -> Self {
        DecodeError::from(error).into()
    }
}

/// The frames of a WebSocket message, in their order.
pub(crate) fn frames(message: &Bytes) -> Frames<'_> {
    Frames {
        source: Source(message),
        members: Fields::of(message),
    }
}

/// See [`frames`]. What follows an error must not be relied on: the session ends there.
#[derive(Debug)]
pub(crate) struct Frames<'a> {
    source: Source<'a>,
    members: Fields<'a>,
}

impl Frames<'_> {
    /// Whether all of them were read.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl Iterator for Frames<'_> {
    type Item = Decoded<Frame>;

    fn next(&mut self) -> Option<Self::Item> {
        let member = self.members.next()?;
        let len = self.source.0.len();
        Some(match member {
            Ok(_) if len > sizes::SHARED && !self.is_empty() => {
                Err(DecodeError::Shared(len).into())
            }
            Ok((number, value)) => self.source.frame(number, value),
            Err(error) => Err(error.into()),
        })
    }
}

/// The WebSocket message that frames are read from.
#[derive(Clone, Copy, Debug)]
struct Source<'a>(&'a Bytes);

/// WebSocket messages up to this size may be kept for the sake of one payload, which is soon decoded: as much as frames
/// that share a message have together. What its reader leaves unread is copied once it had its turn.
const KEPT: usize = sizes::SHARED;

impl<'a> Source<'a> {
    /// A payload: copied if it is a small part of a message over the limit. A slice keeps all of the buffer that was
    /// read into, other frames and unknown fields included, and what a peer can make this side hold is counted in
    /// payloads.
    fn kept(self, part: &[u8]) -> Bytes {
        let len = self.0.len();
        if part.is_empty() {
            Bytes::new()
        } else if len > KEPT && part.len() < len / 2 {
            Bytes::copy_from_slice(part)
        } else {
            self.0.slice_ref(part)
        }
    }

    /// A part that is only looked at.
    fn text(self, part: &[u8], name: &'static str) -> Decoded<Text> {
        if part.is_empty() {
            return Ok(Text::default());
        }
        Ok(Text::new(self.0.slice_ref(part)).ok_or(DecodeError::NotUtf8(name))?)
    }

    fn frame(self, member: u32, value: Value<'a>) -> Decoded<Frame> {
        if !(V1_REQUEST..=GO_AWAY).contains(&member) {
            return Ok(Frame::Unknown);
        }
        let fields = Fields::of(value.bytes()?);
        Ok(match member {
            OPEN => Frame::Open(self.open(fields)?),
            DATA => Frame::Data(self.data(fields)?),
            END => Frame::End(self.end(fields)?),
            CANCEL => {
                let [id] = numbers(fields)?;
                Frame::Cancel(call_id(id)?)
            }
            CREDIT => {
                let [id, bytes] = numbers(fields)?;
                let id = call_id(id)?;
                match bytes {
                    1..NUMBER_LIMIT => Frame::Credit { id, bytes },
                    _ => return Err(DecodeError::Credit(bytes).into()),
                }
            }
            GO_AWAY => Frame::GoAway(self.go_away(fields)?),
            HELLO => Frame::Hello(Box::new(self.hello(fields)?)),
            _ => {
                for field in fields {
                    field?;
                }
                Frame::V1
            }
        })
    }

    fn open(self, fields: Fields<'_>) -> Decoded<Open> {
        let (mut id, mut method, mut timeout_us, mut last) = (0, &[][..], 0, false);
        let mut metadata = Metadata::default();
        let mut chunk = ChunkFields::default();
        for field in fields {
            let (number, value) = field?;
            match number {
                ID => id = value.number()?,
                2 => method = value.bytes()?,
                3 => timeout_us = value.number()?,
                METADATA => self.push_entry(&mut metadata, value)?,
                LAST => last = value.flag()?,
                _ => chunk.take(number, value)?,
            }
        }
        Ok(Open {
            id: call_id(id)?,
            method: self.text(method, "method")?,
            timeout: match saturated(timeout_us) {
                0 => None,
                timeout_us => Some(Duration::from_micros(timeout_us)),
            },
            metadata,
            chunk: self.chunk(chunk)?,
            last,
        })
    }

    fn data(self, fields: Fields<'_>) -> Decoded<Data> {
        let (mut id, mut last) = (0, false);
        let mut metadata = Metadata::default();
        let mut chunk = ChunkFields::default();
        for field in fields {
            let (number, value) = field?;
            match number {
                ID => id = value.number()?,
                METADATA => self.push_entry(&mut metadata, value)?,
                LAST => last = value.flag()?,
                _ => chunk.take(number, value)?,
            }
        }
        Ok(Data {
            id: call_id(id)?,
            metadata,
            chunk: self.chunk(chunk)?,
            last,
        })
    }

    fn end(self, fields: Fields<'_>) -> Decoded<End> {
        let (mut id, mut code, mut refused) = (0, 0, false);
        let (mut message, mut details) = (&[][..], &[][..]);
        let mut metadata = Metadata::default();
        let mut chunk = ChunkFields::default();
        for field in fields {
            let (number, value) = field?;
            match number {
                ID => id = value.number()?,
                2 => code = value.short_number()?,
                3 => message = value.bytes()?,
                METADATA => self.push_entry(&mut metadata, value)?,
                5 => details = value.bytes()?,
                6 => refused = value.flag()?,
                // An end has its message whole.
                TOTAL => {}
                _ => chunk.take(number, value)?,
            }
        }
        let message = self.text(message, "message")?;
        let failure = match code {
            0 if refused => return Err(DecodeError::RefusedSuccess.into()),
            // The text and the details of a success are dropped.
            0 => None,
            _ if chunk.payload.is_some() => return Err(DecodeError::FailureWithPayload.into()),
            _ => Some(Box::new(Failure {
                code,
                message,
                details: Bytes::copy_from_slice(details),
                refused,
            })),
        };
        Ok(End {
            id: call_id(id)?,
            metadata,
            chunk: self.chunk(chunk)?,
            failure,
        })
    }

    fn go_away(self, fields: Fields<'_>) -> Decoded<GoAway> {
        let (mut last_id, mut reason, mut spread_ms) = (0, &[][..], 0);
        for field in fields {
            let (number, value) = field?;
            match number {
                1 => last_id = value.number()?,
                2 => reason = value.bytes()?,
                3 => spread_ms = value.short_number()?,
                _ => {}
            }
        }
        Ok(GoAway {
            // Zero says that no call was started.
            last_id: match last_id {
                0 => 0,
                id => call_id(id)?,
            },
            reason: self.text(reason, "reason")?,
            spread: Duration::from_millis(spread_ms.into()),
        })
    }

    fn hello(self, fields: Fields<'_>) -> Decoded<Hello> {
        let (mut initial_window, mut max_message_size) = (0, 0);
        let (mut max_calls, mut max_metadata_size) = (0, 0);
        let (mut features, mut compression, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        let (mut instance_id, mut agent) = (&[][..], &[][..]);
        for field in fields {
            let (number, value) = field?;
            match number {
                1 => initial_window = value.number()?,
                2 => max_message_size = value.number()?,
                3 => max_calls = value.short_number()?,
                4 => max_metadata_size = value.short_number()?,
                5 => features.push(value.bytes()?),
                6 => compression.push(value.bytes()?),
                7 => instance_id = value.bytes()?,
                8 => agent = value.bytes()?,
                9 => labels.push(pair(value)?),
                _ => {}
            }
        }
        let initial_window = or_default(initial_window, Hello::DEFAULT_INITIAL_WINDOW);
        if initial_window < Hello::MIN_INITIAL_WINDOW {
            return Err(DecodeError::InitialWindow(initial_window).into());
        }
        Ok(Hello {
            initial_window: saturated(initial_window),
            max_message_size: saturated(or_default(
                max_message_size,
                Hello::DEFAULT_MAX_MESSAGE_SIZE,
            )),
            max_calls: or_default(max_calls, Hello::DEFAULT_MAX_CALLS),
            max_metadata_size: or_default(max_metadata_size, Hello::DEFAULT_MAX_METADATA_SIZE),
            features: self.names(&features, "features")?,
            compression: self.names(&compression, "compression")?,
            instance_id: instance_id
                .try_into()
                .map_err(|_| DecodeError::InstanceId(instance_id.len()))?,
            agent: self.sized(agent, "agent", 0, Hello::MAX_AGENT_LEN)?,
            labels: self.labels(&labels)?,
        })
    }

    fn push_entry(self, metadata: &mut Metadata, value: Value<'_>) -> Decoded<()> {
        let (key, value) = pair(value)?;
        // It may last as long as its call, and a slice would keep all of the buffer that was read into.
        let key =
            Text::new(Bytes::copy_from_slice(key)).ok_or(DecodeError::NotUtf8("metadata.key"))?;
        Ok(metadata.push_received(key, Bytes::copy_from_slice(value))?)
    }

    fn chunk(self, fields: ChunkFields<'_>) -> Decoded<Option<Chunk>> {
        let total = NonZeroU64::new(saturated(fields.total));
        let inflated = NonZeroU64::new(saturated(fields.inflated));
        let len = fields.payload.map_or(0, <[u8]>::len);
        if len == 0 && total.or(inflated).is_some() {
            return Err(DecodeError::SizeWithoutPayload.into());
        }
        match total {
            Some(total) if total.get() <= len as u64 => Err(DecodeError::Total {
                total: total.get(),
                len,
            }
            .into()),
            _ => Ok(fields.payload.map(|payload| Chunk {
                payload: self.kept(payload),
                total,
                inflated,
            })),
        }
    }

    fn labels(self, labels: &[(&[u8], &[u8])]) -> Decoded<Vec<(Text, Text)>> {
        no_more_than(Hello::MAX_LABELS, labels.len(), "labels")?;
        let label = |(key, value): &(&[u8], &[u8])| {
            Ok((
                self.sized(key, "label.key", 1, Hello::MAX_LABEL_LEN)?,
                self.sized(value, "label.value", 0, Hello::MAX_LABEL_LEN)?,
            ))
        };
        labels.iter().map(label).collect()
    }

    fn names(self, fields: &[&[u8]], list: &'static str) -> Decoded<Vec<Text>> {
        no_more_than(Hello::MAX_NAMES, fields.len(), list)?;
        let name = |field: &&[u8]| self.sized(field, list, 1, Hello::MAX_NAME_LEN);
        fields.iter().map(name).collect()
    }

    fn sized(self, part: &[u8], field: &'static str, min: usize, max: usize) -> Decoded<Text> {
        let len = part.len();
        if len < min || len > max {
            return Err(DecodeError::Length {
                field,
                len,
                min,
                max,
            }
            .into());
        }
        self.text(part, field)
    }
}

/// The fields of a chunk, as they are read.
#[derive(Clone, Copy, Default)]
struct ChunkFields<'a> {
    inflated: u64,
    total: u64,
    payload: Option<&'a [u8]>,
}

impl<'a> ChunkFields<'a> {
    /// Takes the field if it is one of these.
    #[inline]
    fn take(&mut self, number: u32, value: Value<'a>) -> Result<(), Malformed> {
        match number {
            INFLATED => self.inflated = value.number()?,
            TOTAL => self.total = value.number()?,
            PAYLOAD => self.payload = Some(value.bytes()?),
            _ => {}
        }
        Ok(())
    }
}

/// A key and a value.
fn pair(value: Value<'_>) -> Result<(&[u8], &[u8]), Malformed> {
    let (mut its_key, mut its_value) = (&[][..], &[][..]);
    for field in Fields::of(value.bytes()?) {
        match field? {
            (KEY, value) => its_key = value.bytes()?,
            (VALUE, value) => its_value = value.bytes()?,
            _ => {}
        }
    }
    Ok((its_key, its_value))
}

/// The first fields of a member, which are numbers.
fn numbers<const N: usize>(fields: Fields<'_>) -> Result<[u64; N], Malformed> {
    let mut numbers = [0; N];
    for field in fields {
        let (number, value) = field?;
        let at = (number as usize).wrapping_sub(1);
        if let Some(slot) = numbers.get_mut(at) {
            *slot = value.number()?;
        }
    }
    Ok(numbers)
}

fn call_id(id: u64) -> Decoded<u64> {
    if id > 0 && id < NUMBER_LIMIT {
        Ok(id)
    } else {
        Err(DecodeError::Id(id).into())
    }
}

fn no_more_than(max: usize, count: usize, list: &'static str) -> Decoded<()> {
    if count > max {
        return Err(DecodeError::TooMany { list, count, max }.into());
    }
    Ok(())
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

/// The frame of a message that has one, or none.
#[cfg(test)]
pub(crate) fn decode(message: Bytes) -> Result<Frame, DecodeError> {
    let mut frames = frames(&message);
    let frame = frames.next().unwrap_or(Ok(Frame::Unknown));
    assert!(frame.is_err() || frames.is_empty(), "more than one frame");
    frame.map_err(|error| *error)
}
