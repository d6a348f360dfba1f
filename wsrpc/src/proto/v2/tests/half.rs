//! One core, and a hand-driven peer that sees its frames.

use std::{
    num::NonZeroU64,
    task::Waker,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    call_error::CallError,
    metadata::Metadata,
    proto::{
        Event, Incoming, KeepaliveConfig, Key, Limits, Message, MethodName, Outgoing, PeerLimits,
        Reply, Transmit,
        v2::{Core, Parity},
    },
    wire::v2::{self as wire, Body, EndHead, Frame},
};

/// Long enough to stay out of the way of everything else.
const HOUR: Duration = Duration::from_secs(3600);

/// Limits that no test reaches by accident.
pub(super) fn limits() -> Limits {
    Limits {
        max_running: 16,
        max_queued_bytes: 1 << 20,
        max_unsent_bytes: 1 << 20,
        max_send_size: 1 << 20,
        max_recv_size: 1 << 20,
        max_recv_memory: 4 << 20,
        initial_window: 1 << 16,
        default_timeout: None,
        keepalive: KeepaliveConfig {
            ping_after: HOUR,
            idle_timeout: 2 * HOUR,
            tick_after: HOUR,
            write_timeout: HOUR,
        },
    }
}

/// What the hand-driven peer takes.
pub(super) fn peer() -> PeerLimits {
    PeerLimits {
        initial_window: 1 << 16,
        max_message_size: 1 << 20,
        max_metadata_size: 8 << 10,
        zstd: false,
    }
}

/// One side, that dialled, at a time that only moves when told to.
pub(super) struct Half {
    pub(super) core: Core,
    pub(super) now: Instant,
}

impl Half {
    pub(super) fn new() -> Self {
        Self::with(limits(), peer())
    }

    pub(super) fn with(limits: Limits, peer: PeerLimits) -> Self {
        let now = Instant::now();
        Self {
            core: Core::new(limits.into(), Parity::Odd, peer, now),
            now,
        }
    }

    /// Makes a call with one request and one response.
    pub(super) fn call(&mut self, payload: impl Into<Bytes>) -> Key {
        self.open(Some(payload.into()), false)
    }

    /// Makes a call, which is taken.
    pub(super) fn open(&mut self, first: Option<Bytes>, streams_responses: bool) -> Key {
        let call = outgoing(first, streams_responses);
        self.core
            .open(&mut call.clone(), None, Waker::noop())
            .unwrap()
    }

    /// A call that was made and written.
    pub(super) fn sent(&mut self, first: Option<Bytes>, streams_responses: bool) -> (Key, u64) {
        let key = self.open(first, streams_responses);
        let frames = self.frames();
        let id = frames.iter().find_map(|frame| match frame {
            Frame::Open(open) => Some(open.id),
            _ => None,
        });
        (key, id.unwrap())
    }

    pub(super) fn reply(&mut self, key: Key) -> Option<Result<Reply, CallError>> {
        let mut reply = Reply::default();
        let replied = self.core.poll_reply(key, Waker::noop(), &mut reply)?;
        Some(replied.map(|()| reply))
    }

    /// The next message of a stream, which has come.
    pub(super) fn message(&mut self, key: Key) -> Option<Bytes> {
        let next = self.core.poll_message(key, Waker::noop());
        next.unwrap().unwrap().map(|message| message.payload)
    }

    /// The next frame to send.
    pub(super) fn frame(&mut self) -> Option<Frame> {
        let mut out = Transmit::default();
        let any = self.core.transmit(self.now, &mut out);
        any.then(|| wire::decode(out.into_bytes()).unwrap())
    }

    /// All frames to send.
    pub(super) fn frames(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.frame()).collect()
    }

    pub(super) fn receive(&mut self, frame: Vec<u8>) {
        self.core.receive(&frame.into(), self.now);
    }

    /// The next call to start.
    pub(super) fn started(&mut self) -> Incoming {
        match self.core.poll_event() {
            Some(Event::Start(incoming)) => incoming,
            other => panic!("not a call: {other:?}"),
        }
    }

    /// What the session ended by, which is the peer's breach of the protocol.
    pub(super) fn violation(&self) -> &str {
        match self.core.ended() {
            Some(crate::session_end::SessionEnd::Protocol(what)) => what,
            other => panic!("no breach: {other:?}"),
        }
    }
}

pub(super) fn outgoing(first: Option<Bytes>, streams_responses: bool) -> Outgoing {
    Outgoing {
        method: &MethodName {
            service: "shop.Orders",
            name: "Get",
        },
        metadata: Metadata::new(),
        deadline: None,
        first: first.map(Message::from),
        streams_responses,
    }
}

/// What a frame has of a message: bytes, and of how many in all if there are more.
pub(super) fn whole(payload: &[u8]) -> (Option<&[u8]>, Option<u64>) {
    (Some(payload), None)
}

pub(super) fn open_frame(id: u64, chunk: (Option<&[u8]>, Option<u64>), last: bool) -> Vec<u8> {
    let mut frame = Vec::new();
    let metadata = Metadata::new();
    wire::encode_open_head(&mut frame, id, "a.B", "C", 0, &metadata, &body(chunk, last));
    frame.extend_from_slice(chunk.0.unwrap_or_default());
    frame
}

pub(super) fn data_frame(id: u64, chunk: (Option<&[u8]>, Option<u64>), last: bool) -> Vec<u8> {
    let mut frame = Vec::new();
    wire::encode_data_head(&mut frame, id, &Metadata::new(), &body(chunk, last));
    frame.extend_from_slice(chunk.0.unwrap_or_default());
    frame
}

pub(super) fn end_frame(id: u64, code: u32, refused: bool, payload: Option<&[u8]>) -> Vec<u8> {
    let mut frame = Vec::new();
    let end = EndHead {
        code,
        message: "",
        metadata: &Metadata::new(),
        details: &[],
        refused,
    };
    wire::encode_end_head(&mut frame, id, &end, &body((payload, None), false));
    frame.extend_from_slice(payload.unwrap_or_default());
    frame
}

pub(super) fn credit_frame(id: u64, bytes: u64) -> Vec<u8> {
    let mut frame = Vec::new();
    wire::encode_credit(&mut frame, id, bytes);
    frame
}

pub(super) fn cancel_frame(id: u64) -> Vec<u8> {
    let mut frame = Vec::new();
    wire::encode_cancel(&mut frame, id);
    frame
}

pub(super) fn go_away_frame(last_id: u64) -> Vec<u8> {
    let mut frame = Vec::new();
    wire::encode_go_away(&mut frame, last_id, "", Duration::ZERO);
    frame
}

fn body((payload, total): (Option<&[u8]>, Option<u64>), last: bool) -> Body {
    Body {
        last,
        inflated: None,
        total: total.and_then(NonZeroU64::new),
        payload_len: payload.map(<[u8]>::len),
    }
}
