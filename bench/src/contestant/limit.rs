//! The limits: what a connection carries without any RPC. Frames are pipelined and come back in order; whatever is
//! ready is taken, and then flushed once.

use std::{
    collections::VecDeque,
    future::poll_fn,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::{Buf, Bytes};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::task::JoinSet;

use super::{Caller, Failure};
use crate::{
    calls::{check_len, random_body},
    meter::Meter,
    order::{Burst, Kind, Load},
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

    fn connections(&self) -> MutexGuard<'_, Vec<F>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Frames> Caller for Pipelines<F> {
    /// Only once, since the first frame says what a connection is for.
    async fn run(&self, load: Load, meter: Arc<Meter>) -> Result<(), Failure> {
        let connections = mem::take(&mut *self.connections());
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

    /// Only once as well: the connections are kept for the look at the memory, and would answer one frame too many.
    async fn burst(&self, burst: Burst) -> Result<(), Failure> {
        let connections = mem::take(&mut *self.connections());
        let body = random_body(burst.size);
        let echoes = connections.into_iter().map(|frames| {
            let body = body.clone();
            async move { echo_at_once(frames, body, burst.calls).await }
        });
        let rests = stream::iter(echoes).buffer_unordered(burst.connections);
        let rests = rests.try_collect().await?;
        *self.connections() = rests;
        Ok(())
    }
}

/// Sends this many frames, and waits until all have come back.
async fn echo_at_once<F: Frames>(
    mut frames: F,
    body: Bytes,
    mut unsent: usize,
) -> Result<F, Failure> {
    let mut open = unsent;
    frames.put(Bytes::new())?;
    poll_fn(|cx| {
        while unsent > 0 && frames.poll_room(cx)?.is_ready() {
            frames.put(body.clone())?;
            unsent -= 1;
        }
        // Reading never waits for writing: if both sides waited so, the connection would be dead.
        let _ = frames.poll_flush(cx)?;
        while open > 0 {
            let frame = ready!(frames.poll_next(cx))?.ok_or(GONE)?;
            check_len(&frame, body.len())?;
            open -= 1;
        }
        Poll::Ready(Ok(()))
    })
    .await
    .map(|()| frames)
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
