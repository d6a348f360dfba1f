//! A stream that an `async fn` makes item by item.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;

/// The items that `step` makes of a state, each with the state that makes the next one, until it makes none.
pub(crate) fn unfold<S, T, F>(
    state: S,
    mut step: impl FnMut(S) -> F + Unpin,
) -> impl Stream<Item = T>
where
    F: Future<Output = Option<(T, S)>>,
{
    Unfold {
        next: Some(Box::pin(step(state))),
        step,
    }
}

struct Unfold<N, F> {
    /// What makes the next item, until there are no more.
    next: Option<Pin<Box<F>>>,
    step: N,
}

impl<S, T, F, N> Stream for Unfold<N, F>
where
    F: Future<Output = Option<(T, S)>>,
    N: FnMut(S) -> F + Unpin,
{
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Self { next, step } = &mut *self;
        let Some(making) = next else {
            return Poll::Ready(None);
        };
        Poll::Ready(match ready!(making.as_mut().poll(cx)) {
            Some((item, state)) => {
                making.set(step(state));
                Some(item)
            }
            None => {
                *next = None;
                None
            }
        })
    }
}
