//! Bytes to frames.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;

use super::{
    frame::{Chunk, Data, End, Frame, GoAway, Hello, ID_LIMIT, Open},
    schema,
};
use crate::{
    metadata::{Metadata, MetadataError},
    wire::Text,
};

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("not a protobuf message of the wire schema: {0}")]
    Protobuf(#[from] prost::DecodeError),
    #[error("the field `{0}` is not UTF-8")]
    NotUtf8(&'static str),
    #[error("{0} is not the id of a call: those are above 0 and below 2^53")]
    Id(u64),
    #[error("the size of a message is given without any of its bytes")]
    SizeWithoutPayload,
    #[error("a message of {total} bytes in all has {len} in its first chunk")]
    Total { total: u64, len: usize },
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error("an instance id has 16 bytes and not {0}")]
    InstanceId(usize),
    #[error("{0} labels are more than the {max} that a peer may have", max = Hello::MAX_LABELS)]
    TooManyLabels(usize),
    #[error("a label has {0} bytes, more than {max}", max = Hello::MAX_LABEL_LEN)]
    LongLabel(usize),
}

/// Decodes one frame.
pub(crate) fn decode(bytes: Bytes) -> Result<Frame, DecodeError> {
    use schema::Exchange;

    let Some(exchange) = schema::Message::decode(bytes)?.exchange else {
        return Ok(Frame::Unknown);
    };
    Ok(match exchange {
        Exchange::Request(()) | Exchange::Response(()) => Frame::V1,
        Exchange::Hello(hello) => Frame::Hello(hello.check()?),
        Exchange::Open(open) => Frame::Open(open.check()?),
        Exchange::Data(data) => Frame::Data(data.check()?),
        Exchange::End(end) => Frame::End(end.check()?),
        Exchange::Cancel(cancel) => Frame::Cancel(call_id(cancel.id)?),
        Exchange::Credit(credit) => Frame::Credit {
            id: call_id(credit.id)?,
            bytes: credit.bytes,
        },
        Exchange::GoAway(go_away) => Frame::GoAway(go_away.check()?),
    })
}

impl schema::Hello {
    fn check(self) -> Result<Hello, DecodeError> {
        let instance_id = <[u8; 16]>::try_from(&self.instance_id[..])
            .map_err(|_| DecodeError::InstanceId(self.instance_id.len()))?;
        Ok(Hello {
            initial_window: or_default(self.initial_window, Hello::DEFAULT_INITIAL_WINDOW),
            max_message_size: or_default(self.max_message_size, Hello::DEFAULT_MAX_MESSAGE_SIZE),
            max_calls: or_default(self.max_calls, Hello::DEFAULT_MAX_CALLS),
            max_metadata_size: or_default(self.max_metadata_size, Hello::DEFAULT_MAX_METADATA_SIZE),
            features: texts(self.features, "features")?,
            compression: texts(self.compression, "compression")?,
            instance_id,
            agent: text(self.agent, "agent")?,
            labels: labels(self.labels)?,
        })
    }
}

impl schema::Open {
    fn check(self) -> Result<Open, DecodeError> {
        Ok(Open {
            id: call_id(self.id)?,
            method: text(self.method, "method")?,
            timeout: (self.timeout_us > 0).then(|| Duration::from_micros(self.timeout_us)),
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
    if id > 0 && id < ID_LIMIT {
        Ok(id)
    } else {
        Err(DecodeError::Id(id))
    }
}

fn chunk(payload: Option<Bytes>, total: u64, inflated: u64) -> Result<Option<Chunk>, DecodeError> {
    let total = (total > 0).then_some(total);
    let inflated = (inflated > 0).then_some(inflated);
    let Some(payload) = payload else {
        return match total.or(inflated) {
            Some(_) => Err(DecodeError::SizeWithoutPayload),
            None => Ok(None),
        };
    };
    let len = payload.len();
    match total {
        Some(total) if total <= len as u64 => Err(DecodeError::Total { total, len }),
        _ => Ok(Some(Chunk {
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
    if labels.len() > Hello::MAX_LABELS {
        return Err(DecodeError::TooManyLabels(labels.len()));
    }
    let short = |bytes: Bytes, name| {
        if bytes.len() > Hello::MAX_LABEL_LEN {
            return Err(DecodeError::LongLabel(bytes.len()));
        }
        text(bytes, name)
    };
    let label = |label: schema::Label| {
        Ok((
            short(label.key, "label.key")?,
            short(label.value, "label.value")?,
        ))
    };
    labels.into_iter().map(label).collect()
}

fn text(field: Bytes, name: &'static str) -> Result<Text, DecodeError> {
    Text::new(field).ok_or(DecodeError::NotUtf8(name))
}

fn texts(fields: Vec<Bytes>, name: &'static str) -> Result<Vec<Text>, DecodeError> {
    fields.into_iter().map(|field| text(field, name)).collect()
}

/// Zero is what an absent field reads as.
fn or_default<N: Default + PartialEq>(limit: N, default: N) -> N {
    if limit == N::default() {
        default
    } else {
        limit
    }
}
