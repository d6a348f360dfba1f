//! The limits: what a connection carries without any RPC. Frames are pipelined and come back in order; whatever is
//! ready is taken, and then flushed once.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::{Buf, Bytes};
use tokio::task::JoinSet;

use super::{Caller, Failure};
use crate::{
    calls::{check_len, random_body},
    meter::Meter,
    order::{Kind, Load},
};

/// What is buffered before it is written, without waiting for more.
pub const WRITE_BUFFER: usize = 64 * 1024;
/// What may be on its way where a caller sends as fast as it may.
const STREAM_WINDOW: usize = 1024 * 1024;

/// A connection that carries frames.
pub trait Frames: Send + 'static {
    /// The next frame, or `None` when the peer has closed the connection.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>>;

    /// Whether there is room for a frame to [`put`](Self::put).
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>>;

    /// Takes a frame, to be sent when enough of them are there, or at the next flush.
    fn put(&mut self, frame: Bytes) -> Result<(), Failure>;

    /// Sends everything.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>>;
}

/// Does what the first frame asks for: an empty one for echoes, or the size of the frames that are to be poured.
pub async fn serve(mut frames: impl Frames) -> Result<(), Failure> {
    match poll_fn(|cx| frames.poll_next(cx)).await? {
        None => Ok(()),
        Some(first) if first.is_empty() => echo(frames).await,
        Some(mut size) => pour(frames, usize::try_from(size.try_get_u64()?)?).await,
    }
}

async fn echo(mut frames: impl Frames) -> Result<(), Failure> {
    poll_fn(|cx| {
        loop {
            ready!(frames.poll_room(cx))?;
            match frames.poll_next(cx)? {
                Poll::Ready(Some(frame)) => frames.put(frame)?,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    ready!(frames.poll_flush(cx))?;
                    return Poll::Pending;
                }
            }
        }
    })
    .await
}

async fn pour(mut frames: impl Frames, size: usize) -> Result<(), Failure> {
    let frame = random_body(size);
    loop {
        poll_fn(|cx| frames.poll_room(cx)).await?;
        frames.put(frame.clone())?;
    }
}

/// The connections of a client.
pub struct Pipelines<F>(Mutex<Vec<F>>);

impl<F: Frames> Pipelines<F> {
    pub fn new(connections: Vec<F>) -> Self {
        Self(Mutex::new(connections))
    }
}

impl<F: Frames> Caller for Pipelines<F> {
    /// Only once, since the first frame says what a connection is for.
    async fn run(&self, load: Load, meter: Arc<Meter>) -> Result<(), Failure> {
        let connections = {
            let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *connections)
        };
        let body = random_body(load.size);
        let mut tasks = JoinSet::new();
        let count = connections.len();
        for (index, frames) in connections.into_iter().enumerate() {
            // Spread as evenly as it goes.
            let share = load.in_flight / count + usize::from(index < load.in_flight % count);
            if share > 0 {
                tasks.spawn(carry(frames, load, share, body.clone(), meter.clone()));
            }
        }
        match tasks.join_next().await {
            Some(ended) => ended?,
            None => Err("there is neither a connection nor a call to make".into()),
        }
    }
}

async fn carry<F: Frames>(
    mut frames: F,
    load: Load,
    share: usize,
    body: Bytes,
    meter: Arc<Meter>,
) -> Result<(), Failure> {
    match load.kind {
        Kind::Unary => {
            frames.put(Bytes::new())?;
            pipeline(frames, body, share, |sent, now, count| {
                meter.calls(now - sent, count);
            })
            .await
        }
        Kind::Bidirectional => {
            frames.put(Bytes::new())?;
            let in_flight = (STREAM_WINDOW / body.len().max(1)).clamp(4, 1024);
            pipeline(frames, body, share * in_flight, |_, _, count| {
                meter.messages(count);
            })
            .await
        }
        Kind::ServerStream => {
            let size = load.size as u64;
            frames.put(size.to_be_bytes().to_vec().into())?;
            poll_fn(|cx| frames.poll_flush(cx)).await?;
            loop {
                let frame = poll_fn(|cx| frames.poll_next(cx)).await?.ok_or(GONE)?;
                check_len(&frame, load.size)?;
                meter.message();
            }
        }
    }
}

const GONE: &str = "the server closed the connection";

/// Keeps this many frames on their way. `answered` is told when frames were sent, when they were answered, and how
/// many.
async fn pipeline<F: Frames>(
    mut frames: F,
    body: Bytes,
    in_flight: usize,
    answered: impl Fn(Instant, Instant, u64),
) -> Result<(), Failure> {
    // When frames were sent, and how many of them have not come back.
    let mut sent: VecDeque<(Instant, u64)> = VecDeque::new();
    let mut open = 0;
    let mut now = Instant::now();
    poll_fn(|cx| {
        loop {
            let mut sending = 0;
            while open < in_flight && frames.poll_room(cx)?.is_ready() {
                frames.put(body.clone())?;
                open += 1;
                sending += 1;
            }
            if sending > 0 {
                sent.push_back((now, sending));
            }
            // Reading never waits for writing: if both sides waited so, the connection would be dead.
            let _ = frames.poll_flush(cx)?;
            let mut came = 0;
            while open > 0 {
                match frames.poll_next(cx)? {
                    Poll::Ready(Some(frame)) => check_len(&frame, body.len())?,
                    Poll::Ready(None) => return Poll::Ready(Err(GONE.into())),
                    Poll::Pending => break,
                }
                open -= 1;
                came += 1;
            }
            if came == 0 {
                return Poll::Pending;
            }
            now = Instant::now();
            while came > 0 {
                let Some((at, left)) = sent.front_mut() else {
                    return Poll::Ready(Err("an answer came that nobody asked for".into()));
                };
                let count = came.min(*left);
                answered(*at, now, count);
                came -= count;
                *left -= count;
                if *left == 0 {
                    sent.pop_front();
                }
            }
        }
    })
    .await
}
