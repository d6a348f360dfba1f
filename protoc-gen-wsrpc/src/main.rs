//! The `protoc` plugin of wsrpc: a thin front of `wsrpc-build`. `protoc` or `buf` runs it, with a request on standard
//! input, and takes its answer from standard output. `--help` says how it is used.

mod answer;

use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;

const HELP: &str = "\
Generates wsrpc clients and servers, and the messages, as a plugin of protoc or buf:

    protoc --wsrpc_out=src/gen --wsrpc_opt=no_client proto/ping.proto

Package `ping` becomes `ping.rs`.

Options, separated by commas (within one, a comma is written `\\,`):
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let result = match args.next().as_deref() {
        None => run(),
        Some("--version" | "-V") => print(concat!(
            "protoc-gen-wsrpc ",
            env!("CARGO_PKG_VERSION"),
            "\n"
        )),
        Some("--help" | "-h") => print(&format!(
            "{HELP}{}\n    --version, --help                  print and exit\n",
            wsrpc_build::options_help()
        )),
        Some(other) => Err(invalid(format!(
            "unknown argument `{other}`: see --help; options are given to protoc, as --wsrpc_opt"
        ))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("protoc-gen-wsrpc: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Answers the request on standard input.
fn run() -> io::Result<()> {
    let mut stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(invalid("it is run by protoc or buf: see --help".to_owned()));
    }
    let mut request = Vec::new();
    stdin.read_to_end(&mut request)?;
    io::stdout().write_all(&answer::answer(&request)?)
}

fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
