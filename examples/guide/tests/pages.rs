//! No page is forgotten.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{fs, path::Path};

#[test]
fn each_page_is_in_the_index_and_its_examples_run() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let index = fs::read_to_string(guide.join("README.md")).unwrap();
    let tested = include_str!("../src/lib.rs");
    let mut pages = 0;
    for page in fs::read_dir(&guide).unwrap() {
        let name = page.unwrap().file_name().into_string().unwrap();
        let line = format!("\"guide/{name}\"");
        assert!(tested.contains(&line), "src/lib.rs lacks {line}");
        let link = format!("]({name})");
        let listed = name == "README.md" || index.contains(&link);
        assert!(listed, "docs/guide/README.md lacks {link}");
        pages += 1;
    }
    assert!(pages >= 10, "there are {pages} pages");
}
