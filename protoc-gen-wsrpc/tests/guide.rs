//! The code that is checked in with the examples of docs/codegen.md is what the plugin writes today.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const PLUGIN: &str = env!("CARGO_BIN_EXE_protoc-gen-wsrpc");

fn example(path: &str) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/codegen");
    examples.join(path)
}

fn read_all(dir: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| {
        let path = entry.expect("a readable directory").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&path).expect("a readable file");
        (name.into_owned(), text)
    });
    entries.collect()
}

/// A copy of the example, without what is generated.
fn copy(way: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for inner in ["proto", "src/api"] {
        fs::create_dir_all(dir.path().join(inner)).expect("a directory");
    }
    for entry in [example(way), example(way).join("proto")] {
        for entry in fs::read_dir(entry).expect("a directory") {
            let from = entry.expect("a readable directory").path();
            let to = from.strip_prefix(example(way)).expect("it is inside");
            if from.is_file() {
                fs::copy(&from, dir.path().join(to)).expect("a copy");
            }
        }
    }
    dir
}

/// Runs the command in a copy of the example, with the plugin on the `PATH`, and compares what it wrote.
fn check(way: &str, command: &mut Command) {
    let dir = copy(way);
    let plugin = Path::new(PLUGIN).parent().expect("a directory").to_owned();
    let protoc = protoc_bin_vendored::protoc_bin_path().expect("a vendored protoc");
    let protoc = protoc.parent().expect("a directory").to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([plugin, protoc].into_iter().chain(env::split_paths(&path)));
    let output = command
        .current_dir(dir.path())
        .env("PATH", path.expect("a path"))
        .output()
        .expect("it is there");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let written = read_all(&dir.path().join("src/api"));
    assert_eq!(written, read_all(&example(way).join("src/api")));
}

#[cfg(unix)]
#[test]
fn plugin() {
    // Not by itself: a file that was just written cannot be run while a process that another test forked holds it open.
    check("plugin", Command::new("sh").arg("./generate.sh"));
}

#[test]
#[ignore = "it needs buf on the PATH, as `npm install -g @bufbuild/buf` puts it there"]
fn buf() {
    check("buf", Command::new("buf").arg("generate"));
}

/// buf runs the plugin with what protoc runs it with, but for the options, which it joins by commas.
#[test]
fn buf_as_far_as_it_can_be_without_buf() {
    let text = fs::read_to_string(example("buf/buf.gen.yaml")).expect("a file");
    let (_, options) = text.split_once("opt:\n").expect("options");
    let options: Vec<&str> = options
        .lines()
        .map(|line| line.trim().trim_start_matches("- "))
        .collect();
    let option = format!("--wsrpc_opt={}", options.join(","));
    let mut protoc = Command::new("protoc");
    check(
        "buf",
        protoc.args(["-I", "proto", "--wsrpc_out=src/api", &option, "hello.proto"]),
    );
}

/// Written by a build script's builder, for which the example has a test of its own.
#[test]
fn checked_in_code_is_the_same_whichever_way_it_came() {
    let [plugin, buf, checked_in] =
        ["plugin", "buf", "checked-in"].map(|way| read_all(&example(way).join("src/api")));
    assert_eq!(plugin, buf);
    assert_eq!(plugin, checked_in);
}
