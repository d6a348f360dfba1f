//! How a program learns that it is to end.

use std::{future::pending, io, thread};

use tokio::{select, sync::oneshot};

/// Resolves at Ctrl-C, at a request to terminate, or with `until_eof`, at the end of the standard input.
pub(crate) async fn asked_to_end(until_eof: bool) {
    select! {
        pressed = tokio::signal::ctrl_c() => {
            if pressed.is_err() {
                pending::<()>().await;
            }
        }
        () = terminated() => {}
        () = end_of_input(), if until_eof => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::terminate()) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    pending().await
}

/// The thread is left behind when something else ends the program: reading cannot be stopped.
async fn end_of_input() {
    let (ended, end) = oneshot::channel();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}
