//! The whole story, or with `server` or `client` as its first argument, one part of it.

fn main() -> std::process::ExitCode {
    simple::simple(std::env::args_os())
}
