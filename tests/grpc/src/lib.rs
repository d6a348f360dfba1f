//! One service, implemented for wsrpc and for tonic, and where both are served.

// A helper that fails has nothing better to do than to fail the test that called it.
#![allow(clippy::unwrap_used)]

use futures_util::{Stream, stream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

pub mod for_tonic;
pub mod handler;
pub mod serve;

/// What wsrpc's generator makes of `proto/trial.proto`.
pub mod trial {
    #![allow(missing_docs)]
    wsrpc::include_proto!("trial");
}

/// What tonic's makes of it.
pub mod tonic_trial {
    #![allow(missing_docs, clippy::pedantic)]
    include!(concat!(env!("OUT_DIR"), "/tonic/trial.rs"));
}

/// A stream of what is sent to it.
pub fn channel<T>() -> (UnboundedSender<T>, impl Stream<Item = T> + Send + 'static)
where
    T: Send + 'static,
{
    let (sender, mut receiver) = unbounded_channel();
    (sender, stream::poll_fn(move |cx| receiver.poll_recv(cx)))
}
