//! Descriptors that no protoc makes: a mistake, or malice. Each is an error that says where, never a panic, and never a
//! file outside of the directory.

mod files;
mod messages;

use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto};
use wsrpc_build::configure;

type File = FileDescriptorProto;

fn file(name: &str) -> File {
    File {
        name: Some(name.to_owned()),
        package: Some("p".to_owned()),
        syntax: Some("proto3".to_owned()),
        ..File::default()
    }
}

fn message(name: &str) -> DescriptorProto {
    DescriptorProto {
        name: Some(name.to_owned()),
        ..DescriptorProto::default()
    }
}

fn field(name: &str, kind: Type, type_name: &str) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(1),
        r#type: Some(kind as i32),
        type_name: Some(type_name.to_owned()),
        ..FieldDescriptorProto::default()
    }
}

fn result(files: Vec<File>) -> Result<Vec<(String, String)>, String> {
    let asked: Vec<String> = files.iter().map(|file| file.name().to_owned()).collect();
    let generated = configure().generate(files, &asked);
    generated.map_err(|error| error.to_string())
}

fn refusal(files: Vec<File>) -> String {
    result(files).expect_err("a mistake")
}

/// What is wrong with a file of one message.
fn refusal_of(message: DescriptorProto) -> String {
    let mut file = file("x.proto");
    file.message_type = vec![message];
    refusal(vec![file])
}
