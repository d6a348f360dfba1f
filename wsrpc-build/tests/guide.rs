//! The examples of docs/codegen.md compile, their calls go through, and the guide shows what is in them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, thread};

/// For a machine that has compiled nothing yet.
const PATIENCE: Duration = Duration::from_secs(900);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What cargo says in the directory of the examples. It has the versions and the compiled dependencies of the workspace,
/// so that it is quick and needs no network.
fn cargo(args: &[&str]) -> String {
    let examples = root().join("tests/codegen");
    fs::copy(root().join("Cargo.lock"), examples.join("Cargo.lock")).expect("a lock file");
    let this = env::current_exe().expect("a test is a program");
    let target = this.ancestors().nth(3).expect("target/debug/deps/guide");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let log = dir.path().join("log");
    let out = File::create(&log).expect("a file");

    let mut cargo = Command::new(env!("CARGO"))
        .args(args)
        .arg("--offline")
        .current_dir(&examples)
        .env("CARGO_TARGET_DIR", target)
        .stdout(out.try_clone().expect("a file"))
        .stderr(out)
        .spawn()
        .expect("cargo runs");
    let started = Instant::now();
    let status = loop {
        if let Some(status) = cargo.try_wait().expect("cargo ends") {
            break Some(status);
        }
        if started.elapsed() > PATIENCE {
            cargo.kill().expect("cargo can be ended");
            break None;
        }
        thread::sleep(Duration::from_millis(50));
    };
    let log = fs::read_to_string(log).expect("what cargo said");
    assert!(status.is_some_and(|status| status.success()), "{log}");
    log
}

#[test]
fn the_examples_compile_and_run() {
    let log = cargo(&["test", "--workspace"]);
    let calls = log.matches("test a_call ... ok").count();
    assert_eq!(calls, 4, "{log}");
    let log = cargo(&["run", "-p", "build-script"]);
    assert!(log.ends_with("Hello, Alice!\n"), "{log}");
}

/// A block of the guide that begins with `// file` or `# file` is in that file of the examples.
#[test]
fn the_guide_shows_the_examples() {
    let guide = fs::read_to_string(root().join("docs/codegen.md")).expect("the guide");
    let mut shown = 0;
    for block in guide.split("\n```").skip(1).step_by(2) {
        let (_, block) = block.split_once('\n').expect("a block has lines");
        let (first, code) = block.split_once('\n').unwrap_or((block, ""));
        let mark = first.strip_prefix("// ").or(first.strip_prefix("# "));
        let file = mark.and_then(|mark| mark.strip_prefix("tests/codegen/"));
        let Some(file) = file else {
            continue;
        };
        let text = fs::read_to_string(root().join("tests/codegen").join(file)).expect(file);
        assert!(text.contains(code.trim()), "{file} has not:\n{code}");
        shown += 1;
    }
    assert!(shown >= 8, "the guide shows {shown} files");
}
