//! What is in the files.

use prost_types::field_descriptor_proto::Type;
use prost_types::source_code_info::Location;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, MessageOptions,
    MethodDescriptorProto, OneofDescriptorProto, ServiceDescriptorProto, SourceCodeInfo,
};
use wsrpc_build::configure;

use super::{File, field, file, message, refusal, refusal_of, result};

#[test]
fn names_that_are_code() {
    let evil = "M {} fn evil() {} struct N";
    assert_eq!(
        refusal_of(message(evil)),
        format!(
            "x.proto: message `p.{evil}`: its name is no identifier that Rust can use: rename it"
        )
    );
    let mut with_field = message("M");
    with_field.field = vec![field("a: u8, b", Type::Bool, "")];
    assert!(
        refusal_of(with_field).starts_with("x.proto: message `p.M`: field \"a: u8, b\": its name")
    );
    let mut with_enum = message("M");
    with_enum.enum_type = vec![EnumDescriptorProto {
        name: Some("E".to_owned()),
        ..EnumDescriptorProto::default()
    }];
    assert_eq!(
        refusal_of(with_enum),
        "x.proto: enum `p.M.E`: it has no values: add one"
    );
    assert_eq!(
        refusal_of(message("")),
        "x.proto: message `p.`: its name is no identifier that Rust can use: rename it"
    );
}

#[test]
fn names_that_meet_in_rust() {
    let mut types = file("x.proto");
    types.message_type = vec![message("FooBar"), message("foo_bar")];
    assert_eq!(
        refusal(vec![types]),
        "x.proto: message `p.foo_bar`: it and `FooBar` are both `FooBar` in Rust: rename one"
    );
    let mut fields = message("M");
    fields.field = vec![field("aB", Type::Bool, ""), field("a_b", Type::Bool, "")];
    assert_eq!(
        refusal_of(fields),
        "x.proto: message `p.M`: fields `aB` and `a_b` are both `a_b` in Rust: rename one"
    );
    let mut twice = file("x.proto");
    twice.message_type = vec![message("M"), message("M")];
    assert_eq!(refusal(vec![twice]), "x.proto: \"p.M\" is defined twice");
}

#[test]
fn references_that_lead_nowhere() {
    for (kind, name) in [
        (Type::Message, ".p.N"),
        (Type::Enum, ".p.M"),
        (Type::Group, ""),
        (Type::Message, "p.M"),
    ] {
        let mut it = message("M");
        it.field = vec![field("f", kind, name)];
        assert_eq!(
            refusal_of(it),
            format!(
                "x.proto: message `p.M`: field `f`: its type {name:?} is not among the descriptors: make them with \
                 --include_imports"
            )
        );
    }
    for name in ["", ".p.N", "M", "."] {
        let mut it = file("x.proto");
        it.message_type = vec![message("M")];
        it.service = vec![ServiceDescriptorProto {
            name: Some("S".to_owned()),
            method: vec![MethodDescriptorProto {
                name: Some("Do".to_owned()),
                input_type: Some(".p.M".to_owned()),
                output_type: Some(name.to_owned()),
                ..MethodDescriptorProto::default()
            }],
            ..ServiceDescriptorProto::default()
        }];
        assert_eq!(
            refusal(vec![it]),
            format!(
                "x.proto: service `p.S`: method `Do`: its message {name:?} is not among the descriptors: use what protoc \
                 made, with --include_imports"
            )
        );
    }
}

#[test]
fn fields_that_are_none() {
    type Spoil = fn(&mut FieldDescriptorProto);
    let cases: [(Spoil, &str); 6] = [
        (|f| f.number = None, "its number, 0, is out of range"),
        (|f| f.number = Some(-1), "its number, -1, is out of range"),
        (
            |f| f.r#type = None,
            "its type is unknown: use descriptors that protoc made",
        ),
        (
            |f| f.r#type = Some(99),
            "its type is unknown: use descriptors that protoc made",
        ),
        (
            |f| f.oneof_index = Some(1),
            "its oneof is not there: use descriptors that protoc made",
        ),
        (
            |f| f.default_value = Some("\\x1".to_owned()),
            "its default value is no escaped text: use descriptors that protoc made",
        ),
    ];
    for (spoil, expected) in cases {
        let mut it = message("M");
        it.oneof_decl = vec![OneofDescriptorProto {
            name: Some("o".to_owned()),
            ..OneofDescriptorProto::default()
        }];
        it.field = vec![field("f", Type::Bytes, "")];
        spoil(&mut it.field[0]);
        assert_eq!(
            refusal_of(it),
            format!("x.proto: message `p.M`: field `f`: {expected}")
        );
    }
}

#[test]
fn maps_that_are_none() {
    let mut it = message("M");
    it.nested_type = vec![DescriptorProto {
        options: Some(MessageOptions {
            map_entry: Some(true),
            ..MessageOptions::default()
        }),
        ..message("Entry")
    }];
    assert_eq!(
        refusal_of(it),
        "x.proto: message `p.M.Entry`: it is no map: use descriptors that protoc made"
    );
}

#[test]
fn absurd_nesting() {
    let mut it = message("M");
    for _ in 0..1_000 {
        it = DescriptorProto {
            nested_type: vec![it],
            ..message("M")
        };
    }
    assert_eq!(
        refusal_of(it),
        "x.proto: messages are nested more than 64 deep"
    );
}

/// Messages each of which holds the next, so many times.
fn chain(length: usize, times: i32) -> File {
    let mut it = file("x.proto");
    it.message_type = (0..length)
        .map(|index| {
            let mut link = message(&format!("M{index}"));
            if index + 1 < length {
                let next = format!(".p.M{}", index + 1);
                link.field = (0..times)
                    .map(|time| FieldDescriptorProto {
                        number: Some(time + 1),
                        ..field(&format!("f{time}"), Type::Message, &next)
                    })
                    .collect();
            }
            link
        })
        .collect();
    it
}

#[test]
fn messages_that_hold_messages() {
    let too_deep = "messages hold one another too deeply, or in too many ways, below it";
    assert_eq!(
        refusal(vec![chain(20_000, 1)]),
        format!("x.proto: message `p.M19499`: {too_deep}")
    );
    let wide = refusal(vec![chain(60, 2)]);
    assert!(wide.ends_with(too_deep), "{wide}");
    result(vec![chain(150, 1)]).expect("not so deep");
    result(vec![chain(12, 2)]).expect("not so many ways");

    // A circle is no depth.
    let mut circle = chain(200, 2);
    circle.message_type[199].field = vec![field("back", Type::Message, ".p.M0")];
    result(vec![circle]).expect("a circle");
}

#[test]
fn comments_of_nothing() {
    let mut it = file("x.proto");
    it.message_type = vec![message("M")];
    it.source_code_info = Some(SourceCodeInfo {
        location: vec![Location {
            path: vec![4, 7],
            leading_comments: Some("Of something else.".to_owned()),
            ..Location::default()
        }],
    });
    let files = result(vec![it]).expect("no comment");
    assert!(files[0].1.contains("pub struct M {}"));
}

#[test]
fn what_cannot_be_foreseen_is_caught() {
    let value = |name: &str, number| prost_types::EnumValueDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        ..Default::default()
    };
    let mut it = file("x.proto");
    it.enum_type = vec![EnumDescriptorProto {
        name: Some("Foo".to_owned()),
        value: vec![value("FOO_BAR", 0), value("BAR", 1)],
        ..EnumDescriptorProto::default()
    }];
    let error = refusal(vec![file("first.proto"), it]);
    assert!(
        error.starts_with(
            "x.proto: prost cannot generate it: Generated enum variant names overlap: `Bar`"
        ),
        "{error}"
    );

    let builder = configure().type_attribute(".", "#[(]");
    let mut it = file("x.proto");
    it.message_type = vec![message("M")];
    let error = builder.generate(vec![it], &["x.proto".to_owned()]);
    let error = error.expect_err("a mistake").to_string();
    assert!(
        error.starts_with("prost did not write sound Rust: is an attribute or a path mistaken?"),
        "{error}"
    );
}
