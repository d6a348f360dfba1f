//! What cannot be generated is an error that says where, and what to do.

use std::fs;

use wsrpc_build::{Builder, Error, configure};

fn compile(builder: Builder, proto: &str) -> Result<(), Error> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("x.proto"), proto).expect("a file");
    builder
        .emit_rerun_if_changed(false)
        .out_dir(dir.path())
        .compile_protos(&["x.proto"], &[dir.path()])
}

fn refusal(proto: &str) -> String {
    compile(configure(), proto)
        .expect_err("a mistake")
        .to_string()
}

fn in_package(text: &str) -> String {
    refusal(&format!(
        "syntax = \"proto3\"; package p; message M {{}} {text}"
    ))
}

#[test]
fn methods_with_one_name() {
    assert_eq!(
        in_package("service S { rpc FooBar(M) returns (M); rpc foo_bar(M) returns (M); }"),
        "x.proto: service `p.S`: methods `FooBar` and `foo_bar` are both `foo_bar` in Rust: rename one"
    );
}

#[test]
fn services_with_one_name() {
    assert_eq!(
        in_package("service FooBar {} service foo_bar {}"),
        "x.proto: service `p.foo_bar`: it has the name of service `FooBar` in Rust: rename one"
    );
}

#[test]
fn a_message_with_the_name_of_a_module() {
    assert_eq!(
        in_package("service Foo {} message FooClient { message Inner {} }"),
        "x.proto: service `p.Foo`: its module `foo_client` is also the module of a message's nested types, or of a \
         package: rename one"
    );
    compile(
        configure(),
        "syntax = \"proto3\"; service Foo {} message FooClient {}",
    )
    .expect("a message without nested types has no module");
}

#[test]
fn names_that_rust_cannot_have() {
    assert_eq!(
        in_package("service S { rpc __(M) returns (M); }"),
        "x.proto: service `p.S`: method `__`: its name is no identifier that Rust can use: rename it"
    );
}

#[test]
fn editions() {
    assert_eq!(
        refusal("edition = \"2023\"; message M {}"),
        "x.proto: it is written in an edition, and prost cannot generate the messages of one yet: write it in proto3 or \
         proto2, or generate the services only"
    );
}

#[test]
fn what_protoc_finds() {
    let text = refusal("syntax = \"proto3\"; service S { rpc A(Unknown) returns (Unknown); }");
    assert!(text.contains("x.proto:1:"), "{text}");
    assert!(text.contains("\"Unknown\" is not defined"), "{text}");
}

#[test]
fn a_runtime_path_that_is_none() {
    let error = compile(configure().runtime_path("wsrpc; evil"), "").expect_err("a mistake");
    assert_eq!(
        error.to_string(),
        "the runtime path `wsrpc; evil` is no absolute path of Rust: write it like `::wsrpc` or `crate::rpc`"
    );
}
