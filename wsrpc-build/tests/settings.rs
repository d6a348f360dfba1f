//! What goes in and comes out: where descriptors come from, whose settings count, what is told to cargo.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use prost::Message;
use prost_types::FileDescriptorSet;
use tempfile::TempDir;
use wsrpc_build::prost_build::Config;
use wsrpc_build::{Builder, configure};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn into(out: &TempDir) -> Builder {
    configure().emit_rerun_if_changed(false).out_dir(out.path())
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn read(out: &TempDir, name: &str) -> String {
    fs::read_to_string(out.path().join(name)).expect("a file")
}

fn golden(path: &str) -> String {
    fs::read_to_string(here("tests/golden").join(path)).expect("a golden file")
}

#[test]
fn descriptors_in_every_form() {
    let out = temporary();
    let set = out.path().join("ping.binpb");
    into(&out)
        .file_descriptor_set_path(&set)
        .compile_protos(&["ping.proto"], &[here("../proto")])
        .expect("a good file");
    assert_eq!(read(&out, "ping.rs"), golden("ping/ping.rs"));

    let bytes = fs::read(&set).expect("the descriptors were kept");
    let decoded = FileDescriptorSet::decode(bytes.as_slice()).expect("descriptors");
    let compile: [&dyn Fn(Builder) -> Result<(), wsrpc_build::Error>; 3] = [
        &|builder| builder.compile_fds_path(&set),
        &|builder| builder.compile_fds_bytes(&bytes),
        &|builder| builder.compile_fds(decoded.clone()),
    ];
    for compile in compile {
        let out = temporary();
        compile(into(&out)).expect("good descriptors");
        assert_eq!(read(&out, "ping.rs"), golden("ping/ping.rs"));
    }

    let out = temporary();
    let garbage = into(&out).compile_fds_bytes(b"garbage");
    let error = garbage.expect_err("no descriptors").to_string();
    assert!(error.starts_with("this is no descriptor set: "), "{error}");
    let missing = into(&out).compile_fds_path("missing.binpb");
    let error = missing.expect_err("no file").to_string();
    assert_eq!(error, "cannot read missing.binpb");
}

/// The settings of a project's own `Config` and of the builder add up.
#[test]
fn a_config_of_the_project() {
    let out = temporary();
    let mut config = Config::new();
    config
        .enable_type_names()
        .include_file("theirs.rs")
        .out_dir(out.path())
        .type_attribute(".", "#[doc(alias = \"theirs\")]");
    configure()
        .emit_rerun_if_changed(false)
        .type_attribute(".", "#[doc(alias = \"ours\")]")
        .compile_protos_with_config(config, &["ping.proto"], &[here("../proto")])
        .expect("a good file");
    let code = read(&out, "ping.rs");
    for expected in [
        "#[doc(alias = \"theirs\")]",
        "#[doc(alias = \"ours\")]",
        "const NAME",
        "PingClient",
    ] {
        assert!(code.contains(expected), "{expected}");
    }
    assert!(read(&out, "theirs.rs").contains("pub mod ping"));
}

#[test]
fn only_some_services() {
    let out = temporary();
    into(&out)
        .only_service("ping.Gnip")
        .compile_protos(&["ping.proto"], &[here("../proto")])
        .expect("a good file");
    let code = read(&out, "ping.rs");
    assert!(code.contains("GnipClient") && !code.contains("PingClient"));

    let unknown = into(&out)
        .only_service("ping.Pong")
        .compile_protos(&["ping.proto"], &[here("../proto")]);
    assert_eq!(
        unknown.expect_err("a mistake").to_string(),
        "there is no service `ping.Pong` in these files: there are ping.Gnip, ping.Ping"
    );
}

/// What cannot be generated hinders nobody who does not want it.
#[test]
fn services_that_are_not_wanted_are_not_checked() {
    let out = temporary();
    let proto = "syntax = \"proto3\"; package p; message M {} \
                 service Bad { rpc __(M) returns (M); } service Good { rpc G(M) returns (M); }";
    fs::write(out.path().join("x.proto"), proto).expect("a file");
    into(&out)
        .only_service("p.Good")
        .compile_protos(&["x.proto"], &[out.path()])
        .expect("a good service");
    assert!(read(&out, "p.rs").contains("GoodServer"));
}

#[test]
fn services_go_where_their_messages_are() {
    let out = temporary();
    into(&out)
        .extern_path(".shop.common", "::common")
        .compile_protos(&["orders.proto"], &[here("tests/proto")])
        .expect("a good file");
    assert!(!out.path().join("shop.common.rs").exists());
    let code = read(&out, "shop.orders.v1.rs");
    assert!(code.contains("rt::Request<::common::Item>"), "{code}");
    assert!(code.contains("rt::Call<::common::item::Kind>"), "{code}");
}

#[test]
fn settings_that_are_none() {
    let refusal = |builder: Builder| {
        let out = temporary();
        let result = builder
            .emit_rerun_if_changed(false)
            .out_dir(out.path())
            .compile_protos(&["ping.proto"], &[here("../proto")]);
        result.expect_err("a mistake").to_string()
    };
    let attribute = "`derive(Hash)`, which was to be put on `.`, is no attribute: write it like `#[derive(Hash)]`";
    assert_eq!(
        refusal(configure().type_attribute(".", "derive(Hash)")),
        attribute
    );
    assert_eq!(
        refusal(configure().trait_attribute(".", "derive(Hash)")),
        attribute
    );
    assert_eq!(
        refusal(configure().extern_path(".a", "b c")),
        "`b c` is no path of Rust: write it like `::messages::shop`"
    );
    assert_eq!(
        refusal(configure().extern_path("a", "::b")),
        "Protobuf paths must be fully qualified (begin with a leading '.'): a"
    );
    let error = refusal(configure().protoc("no-such-protoc"));
    assert!(error.starts_with("Could not find `protoc`"), "{error}");
}

/// A test of its own process, for what is printed is the point.
#[test]
fn cargo_is_told_what_to_watch() {
    let this = std::env::current_exe().expect("a test is a program");
    let output = Command::new(this)
        .args([
            "--exact",
            "--ignored",
            "--nocapture",
            "compile_and_tell_cargo",
        ])
        .output()
        .expect("it runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let told: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("cargo:"))
        .collect();
    let proto = |name: &str| {
        format!(
            "cargo:rerun-if-changed={}",
            here("tests/proto").join(name).display()
        )
    };
    assert_eq!(
        told,
        [
            &proto("common.proto"),
            &proto("orders.proto"),
            "cargo:rerun-if-env-changed=PROTOC"
        ]
    );
}

#[test]
#[ignore = "another test runs it"]
fn compile_and_tell_cargo() {
    let out = temporary();
    println!();
    configure()
        .out_dir(out.path())
        .compile_protos(&[here("tests/proto/orders.proto")], &[here("tests/proto")])
        .expect("a good file");
}
