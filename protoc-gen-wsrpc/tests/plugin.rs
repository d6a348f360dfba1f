//! A real `protoc` drives the plugin.

use std::path::Path;
use std::process::{Command, Output};
use std::{fs, str};

const PLUGIN: &str = env!("CARGO_BIN_EXE_protoc-gen-wsrpc");

fn protoc(out: &Path, include: &Path, proto: &str, option: &str) -> Output {
    let protoc = protoc_bin_vendored::protoc_bin_path().expect("a vendored protoc");
    Command::new(protoc)
        .arg(format!("--plugin=protoc-gen-wsrpc={PLUGIN}"))
        .arg(format!("--wsrpc_out={}", out.display()))
        .arg(format!("--wsrpc_opt={option}"))
        .arg("-I")
        .arg(include)
        .arg(proto)
        .output()
        .expect("protoc runs")
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn services_are_as_in_a_build_script() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = protoc(out.path(), &root.join("proto"), "ping.proto", "");
    assert!(output.status.success(), "{}", text(&output.stderr));

    let golden = fs::read_to_string(root.join("wsrpc-build/tests/golden/ping/ping.rs"));
    let golden = golden.expect("the golden file");
    let (_, services) = golden.split_at(golden.find("/// The methods of").expect("services"));
    let generated = fs::read_to_string(out.path().join("ping.wsrpc.rs")).expect("a file");
    let (_, generated) = generated
        .split_once('\n')
        .expect("a first line, of prost's");
    assert_eq!(generated, services);
}

#[test]
fn mistakes_reach_the_user_of_protoc() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let proto = "syntax = \"proto3\"; message M { optional int32 i = 1; } service S { rpc W(M) returns (stream M); }";
    fs::write(dir.path().join("x.proto"), proto).expect("a file");

    let output = protoc(dir.path(), dir.path(), "x.proto", "");
    assert!(!output.status.success());
    let error = text(&output.stderr);
    assert!(
        error.contains("x.proto: service `S`: method `W`: it streams its responses"),
        "{error}"
    );

    let output = protoc(dir.path(), dir.path(), "x.proto", "clients");
    let error = text(&output.stderr);
    assert!(error.contains("unknown option `clients`"), "{error}");
}

#[test]
fn version_and_help() {
    let run = |arg| {
        Command::new(PLUGIN)
            .arg(arg)
            .output()
            .expect("the plugin runs")
    };
    assert!(text(&run("--version").stdout).starts_with("protoc-gen-wsrpc 0."));
    assert!(text(&run("--help").stdout).contains("--wsrpc_out="));
    assert!(text(&run("--what").stderr).contains("unknown argument `--what`"));
}
