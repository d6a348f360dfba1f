use super::*;

#[test]
fn a_status_is_small_until_it_has_more_than_a_code_and_a_text() {
    assert!(size_of::<Status>() <= 40);
    assert!(size_of::<Result<(), Status>>() <= 40);
    let status = Status::internal("x");
    assert!(status.details().is_empty() && status.metadata().is_empty());
    assert!(status.extras.is_none());
}

#[test]
fn metadata_goes_with_a_status() {
    let metadata = Metadata::try_from([("a", "1")]).unwrap();
    let mut status = Status::aborted("x")
        .with_metadata(metadata.clone())
        .with_details("raw");
    assert_eq!(status.metadata(), &metadata);
    assert_eq!(status.details(), "raw");
    status.metadata_mut().insert("a", "2").unwrap();
    assert_eq!(status.metadata().get("a"), Some("2"));
    assert_eq!(
        format!("{status:?}"),
        r#"Status { code: aborted, message: "x", details: 3 bytes, metadata: {"a": "2"} }"#
    );
}

#[test]
fn a_status_equals_one_that_says_the_same() {
    let plain = || Status::aborted("x");
    let metadata = || Metadata::try_from([("a", "1")]).unwrap();
    assert_eq!(plain(), plain().with_details(Bytes::new()));
    assert_eq!(plain(), plain().with_metadata(Metadata::new()));
    assert_eq!(
        plain().with_metadata(metadata()),
        plain().with_metadata(metadata())
    );
    assert_ne!(plain(), plain().with_metadata(metadata()));
    assert_ne!(plain(), plain().with_details("raw"));
    assert_ne!(plain(), Status::aborted("y"));
    assert_ne!(plain(), Status::unknown("x"));
}

#[test]
fn an_io_error_becomes_the_status_that_tells_most_of_it() {
    for (kind, code) in [
        (io::ErrorKind::NotFound, Code::NOT_FOUND),
        (io::ErrorKind::ConnectionRefused, Code::UNAVAILABLE),
        (io::ErrorKind::TimedOut, Code::DEADLINE_EXCEEDED),
        (io::ErrorKind::UnexpectedEof, Code::OUT_OF_RANGE),
        (io::ErrorKind::BrokenPipe, Code::INTERNAL),
        (io::ErrorKind::Other, Code::UNKNOWN),
    ] {
        let status = Status::from(io::Error::new(kind, "why"));
        assert_eq!((status.code(), status.message()), (code, "why"));
    }
}
