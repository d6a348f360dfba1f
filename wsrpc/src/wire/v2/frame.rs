//! The frames as the protocol sees them. What they mean in sequence is the protocol's business.

use std::{num::NonZeroU64, time::Duration};

use bytes::Bytes;

use crate::{metadata::Metadata, wire::Text};

/// A frame that is valid by itself. Every call id in it is above 0 and below [`NUMBER_LIMIT`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// What the peer is and takes: its first frame.
    Hello(Box<Hello>),
    /// The caller begins a call.
    Open(Open),
    /// A message, a chunk of one, or what goes beside messages. Either way.
    Data(Data),
    /// The callee ends the call.
    End(End),
    /// The caller no longer wants the answer to this call.
    Cancel(u64),
    /// So many more bytes may be sent on this call. Either way.
    Credit { id: u64, bytes: u64 },
    /// The peer starts no further calls of ours.
    GoAway(GoAway),
    /// A frame of version 1.
    V1,
    /// Something this version does not know. A later version may send it, so it is skipped.
    Unknown,
}

/// The limit of ids and credit: what is below it is exact in a double, which is all that a browser has.
pub(crate) const NUMBER_LIMIT: u64 = 1 << 53;

/// What a peer is and takes. A limit that it left out has the protocol's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hello {
    /// What may be sent on each call before any credit, counted as [`Chunk::cost`] counts; at least
    /// [`Hello::MIN_INITIAL_WINDOW`].
    pub(crate) initial_window: u64,
    /// Bytes of the largest message taken, after inflating.
    pub(crate) max_message_size: u64,
    /// Calls that may run at once.
    pub(crate) max_calls: u32,
    /// Bytes of metadata in one frame, with 32 for each entry.
    pub(crate) max_metadata_size: u32,
    /// At most [`Hello::MAX_NAMES`], of 1 to [`Hello::MAX_NAME_LEN`] bytes each.
    pub(crate) features: Vec<Text>,
    /// Compressions that can be inflated. As many and as long as features.
    pub(crate) compression: Vec<Text>,
    /// Random, one for each process, so that clones are told apart.
    pub(crate) instance_id: [u8; 16],
    /// The implementation and its version, at most [`Hello::MAX_AGENT_LEN`] bytes.
    pub(crate) agent: Text,
    /// At most [`Hello::MAX_LABELS`], of which each key and value has at most [`Hello::MAX_LABEL_LEN`] bytes, and a key
    /// at least one.
    pub(crate) labels: Vec<(Text, Text)>,
}

impl Hello {
    pub(crate) const MIN_INITIAL_WINDOW: u64 = 1024;
    pub(crate) const MAX_NAMES: usize = 32;
    pub(crate) const MAX_NAME_LEN: usize = 64;
    pub(crate) const MAX_AGENT_LEN: usize = 256;
    pub(crate) const MAX_LABELS: usize = 16;
    pub(crate) const MAX_LABEL_LEN: usize = 64;

    pub(crate) const DEFAULT_INITIAL_WINDOW: u64 = 64 * 1024;
    pub(crate) const DEFAULT_MAX_MESSAGE_SIZE: u64 = 4 * 1024 * 1024;
    pub(crate) const DEFAULT_MAX_CALLS: u32 = 100;
    pub(crate) const DEFAULT_MAX_METADATA_SIZE: u32 = 8 * 1024;
}

/// The caller begins a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) id: u64,
    /// `package.Service/Method`, or whatever else the peer wrote.
    pub(crate) method: Text,
    /// What was left of the deadline when this was written; never zero.
    pub(crate) timeout: Option<Duration>,
    pub(crate) metadata: Metadata,
    pub(crate) chunk: Option<Chunk>,
    /// The caller sends no further message.
    pub(crate) last: bool,
}

/// A message, a chunk of one, or what goes beside messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Data {
    pub(crate) id: u64,
    pub(crate) metadata: Metadata,
    pub(crate) chunk: Option<Chunk>,
    /// The caller sends no further message.
    pub(crate) last: bool,
}

/// The callee ends the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) id: u64,
    pub(crate) metadata: Metadata,
    /// The last message, whole: it has no total.
    pub(crate) chunk: Option<Chunk>,
    /// `None` is success. Boxed, for each frame is moved as often as the largest is, and most calls succeed.
    pub(crate) failure: Option<Box<Failure>>,
}

/// Why a call failed. It ends without a message then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The status code; never zero.
    pub(crate) code: u32,
    pub(crate) message: Text,
    /// An encoded `google.rpc.Status`, or nothing.
    pub(crate) details: Bytes,
    /// The handler was not started.
    pub(crate) refused: bool,
}

/// The peer starts no further calls of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GoAway {
    /// The highest id of ours that the peer has started or will start; 0 if none.
    pub(crate) last_id: u64,
    pub(crate) reason: Text,
    /// Over how long clients are to spread their reconnecting.
    pub(crate) spread: Duration,
}

/// Some bytes of a message: all of them, or the next ones of a message that comes in several frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) payload: Bytes,
    /// On the first of several chunks: the bytes of all of them, which is more than this one has.
    pub(crate) total: Option<NonZeroU64>,
    /// On the first chunk of a compressed message: the bytes that it has inflated.
    pub(crate) inflated: Option<NonZeroU64>,
}

impl Chunk {
    /// What each chunk costs beside its payload, so that empty messages are not free.
    pub(crate) const OVERHEAD: u64 = 16;

    /// Bytes of the message that begins with this: the larger of what it has on the wire and inflated.
    pub(crate) fn size(&self) -> u64 {
        (self.payload.len() as u64)
            .max(self.total.map_or(0, NonZeroU64::get))
            .max(self.inflated.map_or(0, NonZeroU64::get))
    }

    /// What this takes of its call's window.
    pub(crate) fn cost(&self) -> u64 {
        Self::OVERHEAD.saturating_add(self.payload.len() as u64)
    }
}
