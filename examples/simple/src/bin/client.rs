//! A client: calls Ping, and answers Gnip.

fn main() -> std::process::ExitCode {
    simple::client(std::env::args_os())
}
