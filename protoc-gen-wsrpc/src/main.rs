//! The `protoc` plugin of wsrpc: a thin front of `wsrpc-build`. `protoc` runs it, with a request on standard input, and
//! takes its answer from standard output. `--help` says how it is used.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use prost::Message;
use prost_types::compiler::code_generator_response::{Feature, File};
use prost_types::compiler::{CodeGeneratorRequest, CodeGeneratorResponse};
use wsrpc_build::{Builder, configure};

const HELP: &str = "\
Generates wsrpc clients and servers, without the messages, as a plugin of protoc:

    protoc --wsrpc_out=src/gen --wsrpc_opt=no_client proto/ping.proto

Package `ping` becomes `ping.wsrpc.rs`, to be included beside its messages, for example those of protoc-gen-prost.

Options, separated by commas:
    no_client              without clients
    no_server              without servers
    runtime_path=::wsrpc   where the generated code finds the crate wsrpc

    --version, --help      print and exit
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let result = match args.next().as_deref() {
        None => answer(),
        Some("--version" | "-V") => print(concat!(
            "protoc-gen-wsrpc ",
            env!("CARGO_PKG_VERSION"),
            "\n"
        )),
        Some("--help" | "-h") => print(HELP),
        Some(other) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "unknown argument `{other}`: see --help; options are given to protoc, as --wsrpc_opt"
            ),
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("protoc-gen-wsrpc: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}

/// Answers the request on standard input. What is wrong with the `.proto` files is part of the answer.
fn answer() -> io::Result<()> {
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let request = CodeGeneratorRequest::decode(bytes.as_slice())?;

    let mut response = CodeGeneratorResponse {
        supported_features: Some(Feature::Proto3Optional as u64),
        ..Default::default()
    };
    match generate(request) {
        Ok(files) => response.file = files,
        Err(error) => response.error = Some(error),
    }
    io::stdout().write_all(&response.encode_to_vec())
}

fn generate(request: CodeGeneratorRequest) -> Result<Vec<File>, String> {
    let builder = options(request.parameter())?;
    let wanted: HashSet<String> = request.file_to_generate.into_iter().collect();
    let files = request
        .proto_file
        .into_iter()
        .filter(|file| wanted.contains(file.name()))
        .collect();
    let generated = builder
        .generate_services(files)
        .map_err(|error| error.to_string())?;
    let files = generated.into_iter().map(|(name, content)| File {
        name: Some(name),
        content: Some(content),
        ..Default::default()
    });
    Ok(files.collect())
}

/// The settings, from what protoc was given as `--wsrpc_opt`.
fn options(parameter: &str) -> Result<Builder, String> {
    let mut builder = configure();
    for option in parameter
        .split(',')
        .map(str::trim)
        .filter(|option| !option.is_empty())
    {
        builder = match option.split_once('=').unwrap_or((option, "")) {
            ("no_client", "") => builder.build_client(false),
            ("no_server", "") => builder.build_server(false),
            ("runtime_path", path) => builder.runtime_path(path),
            _ => {
                return Err(format!(
                    "unknown option `{option}`: there are no_client, no_server and runtime_path=::wsrpc"
                ));
            }
        };
    }
    Ok(builder)
}
