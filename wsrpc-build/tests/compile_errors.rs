//! What the compiler says to mistakes that users of the generated code make.
//!
//! The texts are those of one version of rustc. When a newer one words them otherwise, `TRYBUILD=overwrite cargo test -p
//! wsrpc-build --test compile_errors` writes them anew: read the difference, for what counts is that each still says
//! what to do.

#[test]
fn compile_errors_help() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_errors/service_not_implemented.rs");
    cases.compile_fail("tests/compile_errors/handler_not_send.rs");
    cases.compile_fail("tests/compile_errors/wrong_message.rs");
    cases.compile_fail("tests/compile_errors/stream_not_send.rs");
    cases.compile_fail("tests/compile_errors/stream_wrong_item.rs");
}
