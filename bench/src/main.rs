//! wsrpc beside every rival, and beside what the machine allows, in one run.

// Nothing of a program can be reached from outside: `pub` says what a module is for.
#![allow(unreachable_pub, reason = "modules of one program")]

mod calls;
mod cli;
mod conductor;
mod contestant;
mod figures;
mod machine;
mod matrix;
mod meter;
mod order;
mod peer;
mod process;
mod progress;
mod report;
mod results;
mod scenes;
mod table;
mod tcp;
mod tls;

use std::process::ExitCode;

use clap::Parser;

/// The messages and the service of `proto/bench.proto`, for wsrpc and for tonic.
#[allow(missing_docs, dead_code, reason = "it is generated")]
pub mod proto {
    wsrpc::include_proto!("bench");

    pub mod tonic_stubs {
        include!(concat!(env!("OUT_DIR"), "/tonic/bench.rs"));
    }
}

fn main() -> ExitCode {
    match cli::Cli::parse().act() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
