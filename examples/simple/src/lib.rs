//! Alice, Bob and Charlie: calls in both directions over one connection.
//!
//! Each program is a function here, so that the story can start itself again as the server or as a client. To learn how
//! wsrpc is used, read `server.rs` and `client.rs`.

mod args;
mod asked_to_end;
mod client;
mod people;
mod server;
mod story;

/// What is generated from `proto/ping.proto`.
pub mod ping {
    wsrpc::include_proto!("ping");
}

use std::{error::Error, ffi::OsString, future::Future, io, io::IsTerminal, process::ExitCode};

use self::args::{Args, Stop};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The program `simple`: the story, unless the first argument asks for one of its parts.
pub fn simple(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = Args::new(args);
    if args.next_is("server") {
        run(server::USAGE, server::Options::parse(args), server::run)
    } else if args.next_is("client") {
        run(client::USAGE, client::Options::parse(args), client::run)
    } else {
        run(story::USAGE, story::Options::parse(args), story::run)
    }
}

/// The program `server`.
pub fn server(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = server::Options::parse(Args::new(args));
    run(server::USAGE, options, server::run)
}

/// The program `client`.
pub fn client(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = client::Options::parse(Args::new(args));
    run(client::USAGE, options, client::run)
}

/// Runs a program to its end: 0, 1 when it failed, 2 when its arguments make no sense.
fn run<O, F>(usage: &str, options: args::Parsed<O>, program: impl FnOnce(O) -> F) -> ExitCode
where
    F: Future<Output = Result<()>>,
{
    let options = match options {
        Ok(options) => options,
        Err(Stop::Help) => {
            println!("{usage}");
            return ExitCode::SUCCESS;
        }
        Err(Stop::Wrong(what)) => {
            eprintln!("error: {what}\n\n{usage}");
            return ExitCode::from(2);
        }
    };
    // wsrpc logs through `tracing`: errors are shown, and with RUST_LOG=wsrpc=info more.
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    let done = tokio::runtime::Runtime::new()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(program(options)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
