//! A real `protoc` drives the plugin.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, str};

const PLUGIN: &str = env!("CARGO_BIN_EXE_protoc-gen-wsrpc");

fn protoc(out: &Path, include: &Path, protos: &[&str], option: &str) -> Output {
    let protoc = protoc_bin_vendored::protoc_bin_path().expect("a vendored protoc");
    let well_known = protoc_bin_vendored::include_path().expect("the well-known types");
    Command::new(protoc)
        .arg(format!("--plugin=protoc-gen-wsrpc={PLUGIN}"))
        .arg(format!("--wsrpc_out={}", out.display()))
        .arg(format!("--wsrpc_opt={option}"))
        .arg("-I")
        .arg(include)
        .arg("-I")
        .arg(well_known)
        .args(protos)
        .output()
        .expect("protoc runs")
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("UTF-8")
}

/// The names of the files and what is in them, sorted.
fn read_all(dir: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| {
        let path = entry.expect("a readable directory").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&path).expect("a readable file");
        (name.into_owned(), text)
    });
    let mut files: Vec<_> = entries.collect();
    files.sort();
    files
}

/// The plugin writes what a build script writes, which is in the directory `golden`.
fn check(include: &str, protos: &[&str], option: &str, golden: &str) {
    let out = tempfile::tempdir().expect("a temporary directory");
    let option = format!("include_file=mod.rs,{option}");
    let output = protoc(out.path(), &root(include), protos, &option);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let golden = read_all(&root("wsrpc-build/tests/golden").join(golden));
    assert_eq!(read_all(out.path()), golden);
}

#[test]
fn the_code_is_that_of_a_build_script() {
    let protos = "wsrpc-build/tests/proto";
    check("proto", &["ping.proto"], "", "ping");
    check("proto", &["ping.proto"], "services_only", "services_only");
    check("proto", &["ping.proto"], "no_client,no_server", "neither");
    check(
        "proto",
        &["ping.proto"],
        "runtime_path=crate::renamed::rpc",
        "runtime_path",
    );
    check(protos, &["docs.proto"], "", "docs");
    check(protos, &["proto2.proto"], "", "proto2");
    check(protos, &["optional.proto"], "", "optional");
    check(protos, &["collisions.proto"], "", "collisions");
    let edition = "services_only,extern_path=.edition.Thing=crate::elsewhere::Thing";
    check(protos, &["edition.proto"], edition, "edition");
    let settings = "only_service=optional.Trees,embed_descriptors,bytes=.optional,btree_map=Tree.others,\
                    type_attribute=.=#[doc(alias = \"type\")],\
                    message_attribute=.optional.Tree=#[doc(alias = \"tree\")],\
                    enum_attribute=.optional.Tree.fruit=#[allow(dead_code)],\
                    field_attribute=Tree.name=#[doc(alias = \"title\")],\
                    client_mod_attribute=Trees=#[cfg(all())],client_attribute=.=#[must_use],\
                    server_mod_attribute=.optional=#[cfg(all())],\
                    trait_attribute=optional.Trees=#[doc(alias = \"forest\")],\
                    server_attribute=.optional.Trees=#[doc(alias = \"gardener\")],\
                    server_attribute=.optional.Trees=#[must_use],extern_path=.twins.a.b=crate::twins::a::b";
    check(
        protos,
        &["optional.proto", "twins_a.proto"],
        settings,
        "settings",
    );
}

/// As protoc has it, and unlike in a build script: what is imported is generated when it is asked for.
#[test]
fn only_the_files_that_are_asked_for() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let protos = root("wsrpc-build/tests/proto");
    let output = protoc(out.path(), &protos, &["orders.proto"], "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let golden = fs::read_to_string(root("wsrpc-build/tests/golden/imports/shop.orders.v1.rs"));
    let golden = golden.expect("the golden file");
    assert_eq!(
        read_all(out.path()),
        [("shop.orders.v1.rs".to_owned(), golden)]
    );
}

/// The services are to be included beside messages that another plugin writes.
#[test]
fn services_only_have_nothing_else() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let output = protoc(out.path(), &root("proto"), &["ping.proto"], "services_only");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let [(name, code)] = &read_all(out.path())[..] else {
        panic!("one file");
    };
    assert_eq!(name, "ping.wsrpc.rs");
    assert!(!code.contains("prost::Message"), "{code}");
}

#[test]
fn mistakes_reach_the_user_of_protoc() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let error = |proto: &str, option: &str| {
        fs::write(dir.path().join("x.proto"), proto).expect("a file");
        let output = protoc(dir.path(), dir.path(), &["x.proto"], option);
        assert!(!output.status.success());
        text(&output.stderr).to_owned()
    };
    let message = "message M { optional int32 i = 1; }";
    let name = error(
        &format!("syntax = \"proto3\"; {message} service S {{ rpc __(M) returns (M); }}"),
        "",
    );
    assert!(
        name.contains("x.proto: service `S`: method `__`: its name is no identifier"),
        "{name}"
    );
    let option = error(&format!("syntax = \"proto3\"; {message}"), "clients");
    assert!(
        option.contains("unknown option `clients`: there are no_client, no_server, services_only"),
        "{option}"
    );
    let edition = error("edition = \"2023\"; message M {}", "");
    assert!(
        edition.contains("x.proto: it is written in an edition, and prost cannot generate"),
        "{edition}"
    );
}

#[test]
fn version_and_help() {
    let run = |arg| {
        Command::new(PLUGIN)
            .arg(arg)
            .output()
            .expect("the plugin runs")
    };
    let version = format!("protoc-gen-wsrpc {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&run("--version").stdout), version);
    let help = run("--help").stdout;
    assert!(text(&help).contains("--wsrpc_out="));
    assert!(text(&help).contains(&wsrpc_build::options_help()));
    assert!(text(&run("--what").stderr).contains("unknown argument `--what`"));
}
