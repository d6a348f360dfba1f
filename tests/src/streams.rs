//! Streams for handlers and callers: of values, from a channel, and of what a future sends.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::mpsc;
use wsrpc::{Status, Stream};

/// What is sent into a channel, until its senders are gone.
#[derive(Debug)]
pub struct Received<T>(mpsc::Receiver<T>);

impl<T> Stream for Received<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(cx)
    }
}

/// A stream, and where its values come from. The sender is closed when the stream is dropped.
pub fn channel<T>() -> (mpsc::Sender<T>, Received<T>) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, Received(receiver))
}

/// A stream of these values.
pub fn of<T>(values: impl IntoIterator<Item = T>) -> Received<T> {
    let values: Vec<T> = values.into_iter().collect();
    let (sender, receiver) = mpsc::channel(values.len().max(1));
    for value in values {
        sender.try_send(value).ok();
    }
    Received(receiver)
}

/// The responses that `work` sends, and then the status that it fails with, if it does. It runs as the stream is
/// polled, and is dropped with the stream.
pub fn generated<T: Send, F>(
    work: impl FnOnce(mpsc::Sender<T>) -> F,
) -> impl Stream<Item = Result<T, Status>> + Send
where
    F: Future<Output = Result<(), Status>> + Send,
{
    let (sender, responses) = mpsc::channel(1);
    Generated {
        work: Some(Box::pin(work(sender))),
        responses,
        failure: None,
    }
}

struct Generated<T, F> {
    work: Option<Pin<Box<F>>>,
    responses: mpsc::Receiver<T>,
    failure: Option<Status>,
}

impl<T, F: Future<Output = Result<(), Status>>> Stream for Generated<T, F> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(work) = &mut this.work {
            if let Poll::Ready(result) = work.as_mut().poll(cx) {
                this.work = None;
                this.failure = result.err();
            }
        }
        this.responses.poll_recv(cx).map(|response| match response {
            Some(response) => Some(Ok(response)),
            None => this.failure.take().map(Err),
        })
    }
}
