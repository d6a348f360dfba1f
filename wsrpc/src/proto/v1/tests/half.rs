//! One core, and a hand-driven peer that sees its frames.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    call_error::CallError,
    proto::{
        CallKey, Event, Incoming, KeepaliveConfig, Limits, OpenError, Ticket, Transmit, v1::Core,
    },
    wire::v1::{self as wire, Frame},
};

pub(super) const SALT: u64 = 0x5a17;

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
        max_recv_memory: 1 << 20,
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

/// A waker that counts how often it was woken.
#[derive(Debug, Default)]
pub(super) struct Alarm(AtomicUsize);

impl Alarm {
    pub(super) fn new() -> (Arc<Self>, Waker) {
        let alarm = Arc::<Self>::default();
        (alarm.clone(), alarm.into())
    }

    pub(super) fn rang(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// One side, at a time that only moves when told to.
pub(super) struct Half {
    pub(super) core: Core,
    pub(super) now: Instant,
}

impl Half {
    pub(super) fn new(limits: Limits) -> Self {
        let now = Instant::now();
        Self {
            core: Core::new(limits.into(), SALT, now),
            now,
        }
    }

    /// Makes a call, which is taken.
    pub(super) fn call(&mut self, payload: &'static str) -> CallKey {
        self.try_call(payload, None, Waker::noop()).unwrap()
    }

    /// Makes a call, which is taken, with a time-out.
    pub(super) fn call_within(&mut self, timeout: Duration) -> CallKey {
        self.try_call("x", Some(timeout), Waker::noop()).unwrap()
    }

    pub(super) fn try_call(
        &mut self,
        payload: &'static str,
        timeout: Option<Duration>,
        waker: &Waker,
    ) -> Result<CallKey, OpenError> {
        let deadline = timeout.map(|timeout| self.now + timeout);
        let payload = Bytes::from_static(payload.as_bytes());
        self.core.open("Ping", payload, deadline, None, waker)
    }

    /// Tries to make a call that had to wait for room before.
    pub(super) fn open_again(
        &mut self,
        payload: &'static str,
        ticket: Option<Ticket>,
        waker: &Waker,
    ) -> Result<CallKey, OpenError> {
        let payload = Bytes::from_static(payload.as_bytes());
        self.core.open("Ping", payload, None, ticket, waker)
    }

    pub(super) fn result(&mut self, key: CallKey) -> Option<Result<Bytes, CallError>> {
        self.core.poll_call(key, Waker::noop())
    }

    /// The error of a call that has failed.
    pub(super) fn error(&mut self, key: CallKey) -> CallError {
        self.result(key).unwrap().unwrap_err()
    }

    /// The bytes of the next frame to send.
    pub(super) fn transmit(&mut self) -> Option<Bytes> {
        let mut out = Transmit::default();
        let any = self.core.transmit(self.now, &mut out);
        any.then(|| out.into_bytes())
    }

    /// The next frame to send.
    pub(super) fn frame(&mut self) -> Option<Frame> {
        self.transmit().map(|bytes| wire::decode(bytes).unwrap())
    }

    /// The next frame to send, which is a request.
    pub(super) fn sent_request(&mut self) -> wire::Request {
        match self.frame() {
            Some(Frame::Request(request)) => request,
            other => panic!("not a request: {other:?}"),
        }
    }

    /// The next frame to send, which is a response: its call id, and its result as text.
    pub(super) fn sent_answer(&mut self) -> (String, Result<String, String>) {
        match self.frame() {
            Some(Frame::Response(response)) => (
                response.call_id.as_str().into(),
                match response.result {
                    Ok(payload) => Ok(String::from_utf8(payload.to_vec()).unwrap()),
                    Err(error) => Err(error.as_str().into()),
                },
            ),
            other => panic!("not a response: {other:?}"),
        }
    }

    /// The peer calls.
    pub(super) fn receive_call(&mut self, call_id: &str, payload: &str) {
        self.core.receive(request(call_id, payload));
    }

    /// The peer answers.
    pub(super) fn receive_answer(&mut self, call_id: &str, result: Result<&str, &str>) {
        let mut frame = Vec::new();
        match result {
            Ok(payload) => {
                wire::encode_response_head(&mut frame, call_id.as_bytes(), payload.len());
                frame.extend_from_slice(payload.as_bytes());
            }
            Err(error) => wire::encode_error(&mut frame, call_id.as_bytes(), error),
        }
        self.core.receive(frame.into());
    }

    /// The next call to start.
    pub(super) fn started(&mut self) -> Option<Incoming> {
        match self.core.poll_event()? {
            Event::Start(incoming) => Some(incoming),
            other => panic!("not a call: {other:?}"),
        }
    }

    /// A handler answers.
    pub(super) fn answer(&mut self, incoming: &Incoming, payload: &'static str) {
        self.core
            .answer(incoming.slot, Ok(Bytes::from_static(payload.as_bytes())));
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.now += by;
        self.core.handle_timeout(self.now);
    }

    pub(super) fn wake(&mut self) {
        let mut wakers = Vec::new();
        self.core.take_wakers(&mut wakers);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// The frame of a call.
pub(super) fn request(call_id: &str, payload: &str) -> Bytes {
    let mut frame = Vec::new();
    wire::encode_request_head(&mut frame, "Ping", call_id.as_bytes(), payload.len());
    frame.extend_from_slice(payload.as_bytes());
    frame.into()
}
