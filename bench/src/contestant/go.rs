//! The Go library and grpc-go: a program of its own, in `bench/go`, which is told the same.

use std::{env, io, path::PathBuf, process::Command};

use super::Failure;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/go");

/// Where [`build`] puts the program: beside this one.
pub fn program() -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name("bench-go"))
}

/// Builds it, which is quick where nothing has changed.
pub fn build() -> Result<(), Failure> {
    let program = program()?;
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(program)
        .arg(".")
        .current_dir(SOURCE)
        .output();
    match built {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let reason = String::from_utf8_lossy(&output.stderr);
            Err(format!("`go build` in bench/go failed:\n{}", reason.trim_end()).into())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err("there is no `go` here: install it from https://go.dev".into())
        }
        Err(error) => Err(format!("`go build` cannot be run: {error}").into()),
    }
}
