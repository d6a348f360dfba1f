//! What is generated, compared with what is committed under `tests/golden`. `UPDATE_GOLDEN=1` writes it anew.
//! `compile.rs` compiles it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use wsrpc_build::{Builder, configure};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read_all(dir: &Path) -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return BTreeMap::new();
    };
    entries
        .map(|entry| {
            let entry = entry.expect("a readable directory");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let text = fs::read_to_string(entry.path()).expect("a readable file");
            (name, text)
        })
        .collect()
}

/// Generates code for `protos`, and compares it with the directory `tests/golden/{golden}`.
fn check(golden: &str, builder: &Builder, protos: &[&str]) {
    let out = tempfile::tempdir().expect("a temporary directory");
    builder
        .clone()
        .emit_rerun_if_changed(false)
        .include_file("mod.rs")
        .out_dir(out.path())
        .compile_protos(protos, &[here("tests/proto"), here("../proto")])
        .expect("good files");
    let generated = read_all(out.path());

    let golden = here("tests/golden").join(golden);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::remove_dir_all(&golden).ok();
        fs::create_dir_all(&golden).expect("a golden directory");
        for (name, text) in &generated {
            fs::write(golden.join(name), text).expect("a golden file");
        }
    }
    let committed = read_all(&golden);
    assert_eq!(
        committed.keys().collect::<Vec<_>>(),
        generated.keys().collect::<Vec<_>>(),
        "UPDATE_GOLDEN=1 writes {} anew",
        golden.display()
    );
    for (name, text) in generated {
        assert_eq!(
            committed[&name], text,
            "{name}: UPDATE_GOLDEN=1 writes it anew"
        );
    }
}

#[test]
fn ping() {
    check("ping", &configure(), &["ping.proto"]);
    let text = fs::read_to_string(here("tests/golden/ping/ping.rs")).expect("the golden file");
    let (_, services) = text
        .split_once("/// The methods of")
        .expect("services after messages");
    assert!(
        services.lines().count() <= 90,
        "{} lines",
        services.lines().count()
    );
}

#[test]
fn client_only() {
    check(
        "client_only",
        &configure().build_server(false),
        &["ping.proto", "names.proto"],
    );
}

#[test]
fn server_only() {
    check(
        "server_only",
        &configure().build_client(false),
        &["ping.proto", "names.proto"],
    );
}

#[test]
fn neither() {
    let neither = configure().build_client(false).build_server(false);
    check("neither", &neither, &["ping.proto"]);
}

#[test]
fn names() {
    check("names", &configure(), &["names.proto"]);
}

#[test]
fn methods_of_all_kinds() {
    check("streams", &configure(), &["streams.proto"]);
}

#[test]
fn no_package() {
    check("no_package", &configure(), &["bare.proto"]);
}

#[test]
fn imports_and_well_known_types() {
    check("imports", &configure(), &["orders.proto"]);
}

#[test]
fn comments_and_options() {
    check("docs", &configure(), &["docs.proto"]);
}

#[test]
fn runtime_path() {
    let renamed = configure().runtime_path("crate::renamed::rpc");
    check("runtime_path", &renamed, &["ping.proto"]);
}

#[test]
fn proto2() {
    check("proto2", &configure(), &["proto2.proto"]);
}

#[test]
fn proto3_optional() {
    check("optional", &configure(), &["optional.proto"]);
}

#[test]
fn two_services_with_one_short_name() {
    check("twins", &configure(), &["twins_a.proto"]);
}

#[test]
fn collisions() {
    check("collisions", &configure(), &["collisions.proto"]);
}

/// Editions as far as they can be: prost does not generate the messages of one.
#[test]
fn services_of_an_edition() {
    let services = configure()
        .build_messages(false)
        .extern_path(".edition.Thing", "crate::elsewhere::Thing");
    check("edition", &services, &["edition.proto"]);
}

#[test]
fn services_only() {
    let services = configure().build_messages(false);
    check("services_only", &services, &["ping.proto"]);
}

#[test]
fn every_setting() {
    let settings = configure()
        .only_service("optional.Trees")
        .embed_descriptors(true)
        .bytes(".optional")
        .btree_map("Tree.others")
        .type_attribute(".", "#[doc(alias = \"type\")]")
        .message_attribute(".optional.Tree", "#[doc(alias = \"tree\")]")
        .enum_attribute(".optional.Tree.fruit", "#[allow(dead_code)]")
        .field_attribute("Tree.name", "#[doc(alias = \"title\")]")
        .client_mod_attribute("Trees", "#[cfg(all())]")
        .client_attribute(".", "#[must_use]")
        .server_mod_attribute(".optional", "#[cfg(all())]")
        .trait_attribute("optional.Trees", "#[doc(alias = \"forest\")]")
        .server_attribute(".optional.Trees", "#[doc(alias = \"gardener\")]")
        .server_attribute(".optional.Trees", "#[must_use]")
        .extern_path(".twins.a.b", "crate::twins::a::b");
    check("settings", &settings, &["optional.proto", "twins_a.proto"]);
}
