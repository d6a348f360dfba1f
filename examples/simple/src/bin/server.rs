//! The server: answers Ping, and calls Gnip on each client that is connected.

fn main() -> std::process::ExitCode {
    simple::server(std::env::args_os())
}
