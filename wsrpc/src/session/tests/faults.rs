//! A transport that fails at its n-th step.

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::{
    Code, Outcome, Response, SessionConfig, Status,
    call_error::CallError,
    service::test_support::{Echo, Text, echo, spawn_echo, start, tasks},
    transport::Role,
};

/// How a transport fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// With an error.
    Error,
    /// It takes and gives nothing more, and says nothing.
    Hang,
    /// It ends: nothing more to read, nowhere to write.
    End,
}

/// A stream that is sound for `left` steps.
struct Faulty {
    io: DuplexStream,
    left: usize,
    fault: Fault,
}

impl Faulty {
    /// Whether this step fails.
    fn step<T>(&mut self, at_end: io::Result<T>) -> Option<Poll<io::Result<T>>> {
        if self.left > 0 {
            self.left -= 1;
            return None;
        }
        Some(match self.fault {
            Fault::Error => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Fault::Hang => Poll::Pending,
            Fault::End => Poll::Ready(at_end),
        })
    }
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.step(Ok(())) {
            Some(failed) => failed,
            None => Pin::new(&mut self.io).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.step(Err(io::ErrorKind::BrokenPipe.into())) {
            Some(failed) => failed,
            None => Pin::new(&mut self.io).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.step(Err(io::ErrorKind::BrokenPipe.into())) {
            Some(failed) => failed,
            None => Pin::new(&mut self.io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.step(Err(io::ErrorKind::BrokenPipe.into())) {
            Some(failed) => failed,
            None => Pin::new(&mut self.io).poll_shutdown(cx),
        }
    }
}

/// How often each call ran, by its name.
type Runs = Arc<Mutex<HashMap<String, usize>>>;

/// Answers with its own name, after a callback for those that ask for one.
fn counting(runs: &Runs) -> Echo {
    let runs = runs.clone();
    Echo::new(move |request| {
        let runs = runs.clone();
        async move {
            let name = request
                .body
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned();
            *runs.lock().unwrap().entry(name.clone()).or_default() += 1;
            if name.ends_with("-back") {
                let back = format!("{name}-callback");
                echo(&request.channel(), back).await.map_err(Status::from)?;
            }
            Ok(Response::new(Text::new(name)))
        }
    })
}

/// Every claim that a result makes must be true.
fn assert_truthful(name: &str, result: &Result<Response<Text>, CallError>, runs: usize) {
    match result {
        Ok(answer) => {
            assert_eq!(answer.body, name);
            assert_eq!(runs, 1, "{name}");
        }
        Err(error) => match error.outcome() {
            Outcome::NotSent | Outcome::Refused => assert_eq!(runs, 0, "{name}: {error}"),
            Outcome::Ran => assert_eq!(runs, 1, "{name}: {error}"),
            Outcome::Unknown => {
                assert!(runs <= 1, "{name}: {error}");
                assert_eq!(error.code(), Code::UNAVAILABLE, "{name}: {error}");
            }
        },
    }
}

/// Runs calls both ways while the client's transport, or the server's, fails after `steps`. Returns how many succeeded.
async fn fail_after(steps: usize, fault: Fault, role: Role) -> usize {
    let base = tasks();
    let runs = Runs::default();
    let (one, other) = tokio::io::duplex(16 * 1024);
    let faulty = Faulty {
        io: one,
        left: steps,
        fault,
    };
    let sound = match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    };
    let config = || SessionConfig::default().default_timeout(None);
    let broken = start(faulty, role, counting(&runs), config());
    let sound = start(other, sound, counting(&runs), config());
    let mut calls = Vec::new();
    for (channel, side) in [(broken.channel(), "broken"), (sound.channel(), "sound")] {
        for (kind, size) in [("small", 0), ("back", 10), ("large", 150_000)] {
            let name = format!("{side}-{kind}");
            let call = spawn_echo(&channel, format!("{name} {}", "x".repeat(size)));
            calls.push((name, call));
        }
    }
    let mut succeeded = 0;
    let mut results = Vec::new();
    for (name, call) in calls {
        // Once, at the latest when keepalive gives the peer up.
        let limit = Duration::from_secs(120);
        let result = tokio::time::timeout(limit, call).await;
        let result = result.expect("the call ends").unwrap();
        succeeded += usize::from(result.is_ok());
        results.push((name, result));
    }
    for end in [broken, sound] {
        let session = end.session.clone();
        end.close().await;
        assert!(session.finished(Duration::ZERO).await);
        assert_eq!(session.calls_in_flight(), 0);
    }
    for (name, result) in results {
        let ran = runs.lock().unwrap().get(&name).copied().unwrap_or(0);
        assert_truthful(&name, &result, ran);
    }
    crate::service::test_support::settle().await;
    assert_eq!(tasks(), base);
    succeeded
}

/// Lets the transport fail ever later, until it does so too late to matter.
async fn fail_at_each_step(fault: Fault, role: Role) {
    for steps in 0..2000 {
        if fail_after(steps, fault, role).await == 6 {
            assert!(steps > 20);
            return;
        }
    }
    panic!("the calls never all succeeded");
}

#[tokio::test(start_paused = true)]
async fn whatever_step_fails_with_an_error_every_call_ends_truthfully() {
    fail_at_each_step(Fault::Error, Role::Client).await;
    fail_at_each_step(Fault::Error, Role::Server).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_step_hangs_every_call_ends_truthfully() {
    fail_at_each_step(Fault::Hang, Role::Client).await;
    fail_at_each_step(Fault::Hang, Role::Server).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_step_finds_the_end_every_call_ends_truthfully() {
    fail_at_each_step(Fault::End, Role::Client).await;
    fail_at_each_step(Fault::End, Role::Server).await;
}
