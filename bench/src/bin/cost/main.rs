//! What a call costs in instructions, allocations and cache lines. Unlike times, these do not depend on what else the machine does.
//!
//! It runs itself under valgrind, and fails where a call costs more than `bench/cost.json` says.

mod guard;
mod scenario;
mod valgrind;

use std::{error::Error, process::ExitCode};

use clap::{Parser, Subcommand};

use self::scenario::Scenario;

/// Whatever went wrong, in a sentence.
type Failure = Box<dyn Error + Send + Sync>;

/// The messages and the service of `proto/bench.proto`.
#[allow(missing_docs, unreachable_pub, reason = "it is generated")]
mod proto {
    wsrpc::include_proto!("bench");
}

/// Instructions, allocations and cache lines of a call, against those in bench/cost.json.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Writes what is measured into bench/cost.json.
    #[arg(long)]
    accept: bool,
    /// Measures these scenarios only.
    #[arg(long, value_name = "SCENARIO")]
    only: Vec<Scenario>,
}

#[derive(Subcommand)]
enum Command {
    /// Shows where a scenario's instructions go.
    Profile {
        /// Which.
        scenario: Scenario,
        /// How long each list is.
        #[arg(long, default_value_t = 40)]
        lines: usize,
    },
    /// Makes calls and measures nothing: what valgrind runs.
    Run {
        /// Which.
        scenario: Scenario,
        /// How many calls, or messages of a stream.
        calls: usize,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Some(Command::Run { scenario, calls }) => scenario.run(calls),
        Some(Command::Profile { scenario, lines }) => valgrind::profile(scenario, lines),
        None => guard::check(&arguments.only, arguments.accept),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
