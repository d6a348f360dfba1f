//! The code in src/api is what the .proto files say. Where it is not, it is written anew, and the test fails once.

use std::{fs, io};

#[test]
fn the_generated_code_is_up_to_date() -> io::Result<()> {
    let before = fs::read_to_string("src/api/hello.rs").unwrap_or_default();
    wsrpc_build::configure()
        .emit_rerun_if_changed(false)
        .include_file("mod.rs")
        .out_dir("src/api")
        .compile_protos(&["proto/hello.proto"], &["proto"])?;
    let after = fs::read_to_string("src/api/hello.rs")?;
    assert!(before == after, "src/api was written anew: commit it");
    Ok(())
}
