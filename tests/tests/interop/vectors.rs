//! The fixtures that the other tests rely on are what the Go library makes.

use integration::go;

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn the_frames_in_the_fixtures_are_those_of_go() {
    let fixture = include_str!("../../fixtures/go-frames.json");
    assert_eq!(go::run(&["vectors", "frames"]).await, fixture);
}

#[tokio::test]
#[cfg_attr(
    not(has_go),
    ignore = "needs Go (https://go.dev) to build the real peer"
)]
async fn the_certificates_in_the_fixtures_are_those_of_go() {
    let fixture = include_str!("../../fixtures/go-certificates.json");
    assert_eq!(go::run(&["vectors", "certificates"]).await, fixture);
}
