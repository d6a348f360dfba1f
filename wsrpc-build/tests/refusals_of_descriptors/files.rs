//! The files: where they lead, what they import.

use wsrpc_build::configure;

use super::{File, file, refusal};

#[test]
fn packages_that_lead_elsewhere() {
    for package in [
        "..",
        "../../etc/x",
        "a..b",
        "/etc",
        "a/b",
        "a\0",
        "a b",
        ".a",
        "C:",
        "1a",
    ] {
        let mut file = file("x.proto");
        file.package = Some(package.to_owned());
        assert_eq!(
            refusal(vec![file]),
            format!("x.proto: its package {package:?} is no name that Rust can use: rename it")
        );
    }
    let mut long = file("x.proto");
    long.package = Some("a".repeat(1 << 20));
    assert_eq!(
        refusal(vec![long]),
        "x.proto: the name of its package is too long for a file: it has 1048576 bytes of at most 200"
    );
}

#[test]
fn files_that_lead_elsewhere() {
    for name in [
        "/etc/passwd",
        "../x.proto",
        "a/../../x.proto",
        "a\\b",
        "a\nb",
    ] {
        assert_eq!(
            refusal(vec![file(name)]),
            format!("{name:?}: a file is named by its path within an include path, without `..`")
        );
    }
    assert_eq!(
        refusal(vec![File::default()]),
        "a file has no name: use descriptors that protoc made"
    );
}

#[test]
fn an_include_file_that_leads_elsewhere() {
    for name in ["../mod.rs", "/mod.rs", "..", "", "a\\b"] {
        let builder = configure().include_file(name);
        let error = builder.generate(vec![file("x.proto")], &["x.proto".to_owned()]);
        assert_eq!(
            error.expect_err("a mistake").to_string(),
            format!(
                "the include file {name:?} has to lie beside the others: give its name, without a directory"
            )
        );
    }
}

#[test]
fn an_include_file_with_a_name_that_is_taken() {
    let builder = configure().include_file("p.rs");
    let error = builder.generate(vec![file("x.proto")], &["x.proto".to_owned()]);
    assert_eq!(
        error.expect_err("a mistake").to_string(),
        "x.proto: what is in its package goes into a file with the name of the include file: choose another for that"
    );
}

#[test]
fn imports() {
    let importing = |name: &str, imports: &[&str]| {
        let mut file = file(name);
        file.dependency = imports.iter().map(|&import| import.to_owned()).collect();
        file
    };
    let circle = vec![
        importing("a", &["b"]),
        importing("b", &["c"]),
        importing("c", &["a"]),
    ];
    assert_eq!(refusal(circle), "a: its imports go round in a circle");
    assert_eq!(
        refusal(vec![importing("a", &["a"])]),
        "a: its imports go round in a circle"
    );
    assert_eq!(
        refusal(vec![importing("a", &["b"])]),
        "a: it imports \"b\", which is not among the descriptors: make them with --include_imports"
    );
    assert_eq!(refusal(vec![file("a"), file("a")]), "a: it is there twice");
}

#[test]
fn nothing_to_do() {
    let nothing = configure().generate(Vec::new(), &[]);
    assert_eq!(
        nothing.expect_err("a mistake").to_string(),
        "there is nothing to compile: no file is asked for"
    );
    let unknown = configure().generate(Vec::new(), &["a".to_owned()]);
    assert_eq!(
        unknown.expect_err("a mistake").to_string(),
        "\"a\" is to be compiled, and is not among the descriptors"
    );
}

#[test]
fn syntaxes() {
    let mut unknown = file("x.proto");
    unknown.syntax = Some("proto4".to_owned());
    assert_eq!(
        refusal(vec![unknown]),
        "x.proto: its syntax is \"proto4\", which is not supported: write it in proto3 or proto2"
    );
}
