//! Callers of an RPC library: tasks, each of which makes one call after the other, or reads a stream.

use std::{future::Future, sync::Arc, time::Instant};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, future::try_join_all, stream};
use rustls::crypto::aws_lc_rs::default_provider;
use tokio::task::JoinSet;

use crate::{
    contestant::{Caller, Failure},
    meter::Meter,
    order::{Burst, Kind, Load},
};

/// The stubs of one connection.
pub trait Calls: Clone + Send + 'static {
    /// The body that came back.
    fn unary(&mut self, body: Bytes) -> impl Future<Output = Result<Bytes, Failure>> + Send;

    /// The bodies that the callee sends: as many as asked for, of this size.
    fn download(
        &mut self,
        messages: u64,
        size: u64,
    ) -> impl Future<Output = Result<impl Stream<Item = Result<Bytes, Failure>> + Send, Failure>> + Send
    {
        let _ = (messages, size);
        async { Err::<stream::Empty<_>, _>(NO_STREAMS.into()) }
    }

    /// The bodies that came back.
    fn echo_all(
        &mut self,
        bodies: impl Stream<Item = Bytes> + Send + 'static,
    ) -> impl Future<Output = Result<impl Stream<Item = Result<Bytes, Failure>> + Send, Failure>> + Send
    {
        drop(bodies);
        async { Err::<stream::Empty<_>, _>(NO_STREAMS.into()) }
    }
}

const NO_STREAMS: &str = "this contestant has no streams: take them out of its loads";

/// The stubs of all connections.
#[derive(Debug)]
pub struct Callers<C>(pub Vec<C>);

impl<C: Calls> Caller for Callers<C> {
    async fn run(&self, load: Load, meter: Arc<Meter>) -> Result<(), Failure> {
        let body = random_body(load.size);
        let mut tasks = JoinSet::new();
        let callers = self.0.iter().cycle().take(load.in_flight);
        for (index, calls) in callers.enumerate() {
            let (body, meter) = (body.clone(), meter.clone());
            tasks.spawn(carry(calls.clone(), index, load, body, meter));
        }
        match tasks.join_next().await {
            Some(ended) => ended?,
            None => Err("there is neither a connection nor a call to make".into()),
        }
    }

    async fn burst(&self, burst: Burst) -> Result<(), Failure> {
        let body = random_body(burst.size);
        let call = async |mut calls: C| {
            let answer = calls.unary(body.clone()).await?;
            check_len(&answer, burst.size)
        };
        let call = &call;
        let connections = self.0.iter().map(|calls| async move {
            try_join_all((0..burst.calls).map(|_| call(calls.clone()))).await
        });
        stream::iter(connections)
            .buffer_unordered(burst.connections)
            .try_for_each(|_| async { Ok(()) })
            .await
    }
}

/// Bodies up to which a call may take so little time that to look at the clock counts.
const SMALL: usize = 4 * 1024;

/// Makes calls, or reads one stream, for ever.
async fn carry(
    mut calls: impl Calls,
    index: usize,
    load: Load,
    body: Bytes,
    meter: Arc<Meter>,
) -> Result<(), Failure> {
    match load.kind {
        Kind::Unary => {
            // The clock and the histogram cost a small call's tenth, which is nothing of the library's.
            let is_one_of_many = load.in_flight >= 16 && load.connections == 1;
            let timed_of = match load.size <= SMALL && is_one_of_many {
                true => 8,
                false => 1,
            };
            // The tasks began together, and would all have their calls timed at the same time: where few rounds of calls fit
            // into what is measured, none of those or too many.
            let mut untimed = index % timed_of;
            loop {
                for _ in 0..untimed {
                    check_len(&calls.unary(body.clone()).await?, load.size)?;
                }
                untimed = timed_of - 1;
                let began = Instant::now();
                check_len(&calls.unary(body.clone()).await?, load.size)?;
                meter.calls(began.elapsed(), timed_of as u64);
            }
        }
        Kind::ServerStream => {
            let answers = calls.download(u64::MAX, load.size as u64).await?;
            read(answers, load.size, &meter).await
        }
        Kind::Bidirectional => {
            let answers = calls.echo_all(stream::repeat(body)).await?;
            read(answers, load.size, &meter).await
        }
    }
}

async fn read(
    answers: impl Stream<Item = Result<Bytes, Failure>>,
    size: usize,
    meter: &Meter,
) -> Result<(), Failure> {
    let mut answers = std::pin::pin!(answers);
    while let Some(answer) = answers.next().await {
        check_len(&answer?, size)?;
        meter.message();
    }
    Err("a stream ended that goes on for ever".into())
}

/// A body that nothing can compress.
pub fn random_body(size: usize) -> Bytes {
    let mut body = vec![0; size];
    let filled = default_provider().secure_random.fill(&mut body);
    filled.expect("the TLS provider has random numbers");
    body.into()
}

/// Whether an answer is as long as what was sent.
pub fn check_len(answer: &Bytes, size: usize) -> Result<(), Failure> {
    if answer.len() == size {
        return Ok(());
    }
    let len = answer.len();
    Err(format!("an answer has {len} bytes, where {size} were sent or asked for").into())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::{sync::watch, task::yield_now};

    use super::*;

    /// A callee that answers all calls at once, and only when it is told to.
    #[derive(Clone)]
    struct InStep {
        steps: watch::Receiver<usize>,
        begun: Arc<AtomicUsize>,
    }

    impl Calls for InStep {
        async fn unary(&mut self, body: Bytes) -> Result<Bytes, Failure> {
            self.begun.fetch_add(1, Ordering::Relaxed);
            self.steps.changed().await?;
            Ok(body)
        }
    }

    #[tokio::test]
    async fn tasks_that_go_on_in_step_have_as_many_calls_timed_in_each() {
        const TASKS: usize = 256;
        let load = Load {
            kind: Kind::Unary,
            size: 32,
            in_flight: TASKS,
            connections: 1,
            warm_up_ms: 0,
            measured_ms: 0,
        };
        let (answer, steps) = watch::channel(0);
        let begun = Arc::new(AtomicUsize::new(0));
        let all_wait = async |step: usize| {
            while begun.load(Ordering::Relaxed) < step * TASKS {
                yield_now().await;
            }
        };
        let callers = Callers(vec![InStep {
            steps,
            begun: begun.clone(),
        }]);
        let meter = Arc::new(Meter::new());
        let counting = meter.clone();
        tokio::spawn(async move { callers.run(load, counting).await });
        all_wait(1).await;
        meter.begin();
        for step in 1..=16 {
            answer.send_replace(step);
            all_wait(step + 1).await;
            let counted = meter.end().count;
            assert_eq!(counted, (step * TASKS) as u64, "after step {step}");
            meter.begin();
        }
    }
}
