//! What comes on standard input: any answer is an answer, and never a panic. `protoc` is not asked here.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use prost::Message;
use prost_types::compiler::{CodeGeneratorRequest, CodeGeneratorResponse};
use prost_types::{DescriptorProto, FileDescriptorProto};

fn run(stdin: &[u8]) -> Output {
    let mut plugin = Command::new(env!("CARGO_BIN_EXE_protoc-gen-wsrpc"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the plugin runs");
    let mut pipe = plugin.stdin.take().expect("a pipe");
    pipe.write_all(stdin).expect("the plugin reads all");
    drop(pipe);
    plugin.wait_with_output().expect("the plugin ends")
}

fn answer(request: &CodeGeneratorRequest) -> CodeGeneratorResponse {
    let output = run(&request.encode_to_vec());
    assert!(output.status.success());
    assert!(output.stderr.is_empty());
    CodeGeneratorResponse::decode(output.stdout.as_slice()).expect("an answer")
}

/// The error in the answer to a request for these files.
fn error(files: Vec<FileDescriptorProto>) -> String {
    let request = CodeGeneratorRequest {
        file_to_generate: files.iter().map(|file| file.name().to_owned()).collect(),
        proto_file: files,
        ..Default::default()
    };
    let answer = answer(&request);
    assert!(answer.file.is_empty());
    answer.error.expect("an error")
}

fn file(name: &str, package: &str, imports: &[&str]) -> FileDescriptorProto {
    FileDescriptorProto {
        name: Some(name.to_owned()),
        package: Some(package.to_owned()),
        dependency: imports.iter().map(|&import| import.to_owned()).collect(),
        ..Default::default()
    }
}

#[test]
fn garbage() {
    for garbage in [
        &b"garbage"[..],
        &[0xff; 64],
        &[0x7a, 0xff, 0xff, 0xff, 0xff, 0x0f],
        b"\x0a\x05a",
    ] {
        let output = run(garbage);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            error.starts_with("protoc-gen-wsrpc: failed to decode"),
            "{error}"
        );
    }
}

#[test]
fn nothing_is_asked_for() {
    let request = CodeGeneratorRequest::default();
    let error = answer(&request).error.expect("an error");
    assert_eq!(error, "there is nothing to compile: no file is asked for");
}

#[test]
fn what_protoc_would_not_ask() {
    assert_eq!(
        error(vec![file("x.proto", "../../etc", &[])]),
        "x.proto: its package \"../../etc\" is no name that Rust can use: rename it"
    );
    assert_eq!(
        error(vec![file("a", "p", &["b"]), file("b", "p", &["a"])]),
        "a: its imports go round in a circle"
    );
    let mut nested = DescriptorProto::default();
    for _ in 0..90 {
        nested = DescriptorProto {
            nested_type: vec![nested],
            ..Default::default()
        };
    }
    let mut absurd = file("x.proto", "p", &[]);
    absurd.message_type = vec![nested];
    assert_eq!(
        error(vec![absurd]),
        "x.proto: messages are nested more than 64 deep"
    );
}

/// Nested so deeply that reading it is refused already.
#[test]
fn nested_beyond_reading() {
    let mut bytes = Vec::new();
    for _ in 0..10_000 {
        // DescriptorProto.nested_type
        let inner = std::mem::take(&mut bytes);
        bytes.push(0x1a);
        prost::encode_length_delimiter(inner.len(), &mut bytes).expect("room");
        bytes.extend(inner);
    }
    let mut file = vec![0x22]; // FileDescriptorProto.message_type
    prost::encode_length_delimiter(bytes.len(), &mut file).expect("room");
    file.extend(bytes);
    let mut request = vec![0x7a]; // CodeGeneratorRequest.proto_file
    prost::encode_length_delimiter(file.len(), &mut request).expect("room");
    request.extend(file);
    let output = run(&request);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("recursion limit reached"), "{error}");
}

#[test]
fn what_is_supported_is_declared() {
    let output = run(&CodeGeneratorRequest::default().encode_to_vec());
    let answer = CodeGeneratorResponse::decode(output.stdout.as_slice()).expect("an answer");
    // Optional fields of proto3, and editions.
    assert_eq!(answer.supported_features(), 1 | 2);
    // minimum_edition = 3: 2023; maximum_edition = 4: 2024
    assert!(
        output
            .stdout
            .ends_with(&[0x18, 0xe8, 0x07, 0x20, 0xe9, 0x07])
    );
}
