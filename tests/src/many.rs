//! A stream of one thing, many times.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use wsrpc::Stream;

/// `item`, `count` times.
pub fn of<T: Clone + Unpin>(count: u64, item: T) -> Many<T> {
    Many { count, item }
}

/// See [`of`].
#[derive(Clone, Debug)]
pub struct Many<T> {
    count: u64,
    item: T,
}

impl<T: Clone + Unpin> Stream for Many<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        if self.count == 0 {
            return Poll::Ready(None);
        }
        self.count -= 1;
        Poll::Ready(Some(self.item.clone()))
    }
}
