use super::{
    rules::{MAX_KEY, WELL_KNOWN},
    *,
};

fn received(entries: &[(&str, &[u8])]) -> Metadata {
    let mut metadata = Metadata::new();
    for (key, value) in entries {
        metadata
            .push_received(Text::from(*key), Bytes::copy_from_slice(value))
            .unwrap();
    }
    metadata
}

fn keys(metadata: &Metadata) -> Vec<&str> {
    metadata.iter().map(|(key, _)| key).collect()
}

#[test]
fn empty_metadata_allocates_nothing() {
    assert!(Metadata::new().content.is_none());
    assert!(Metadata::default().content.is_none());
    assert!(Metadata::new().is_empty());
    assert_eq!(Metadata::new().size(), 0);
}

#[test]
fn a_well_known_key_allocates_nothing() {
    for known in WELL_KNOWN {
        let (key, _) = ascii_entry(&known.to_ascii_uppercase(), "v").unwrap();
        assert_eq!(key.as_str().as_ptr(), known.as_ptr());
        check_key(known).unwrap();
    }
}

#[test]
fn keys_are_lower_case_inside_and_of_any_case_outside() {
    let mut metadata = Metadata::new();
    metadata.insert("X-Zone", "North").unwrap();
    metadata.insert_bin("Raw-Bin", "a").unwrap();
    assert_eq!(keys(&metadata), ["x-zone", "raw-bin"]);
    assert_eq!(metadata.get("x-ZONE"), Some("North"));
    assert_eq!(metadata.get_bin("raw-BIN").unwrap(), "a");
    assert!(metadata.contains_key("X-zone") && metadata.contains_key("RAW-bin"));
    assert!(metadata.remove("X-ZONE"));
    assert!(!metadata.remove("X-ZONE"));
    assert_eq!(keys(&metadata), ["raw-bin"]);
}

#[test]
fn append_keeps_the_values_that_insert_replaces() {
    let mut metadata = Metadata::try_from([("a", "1"), ("b", "2"), ("a", "3")]).unwrap();
    assert_eq!(metadata.len(), 3);
    assert_eq!(metadata.get("a"), Some("1"));
    assert_eq!(metadata.get_all("a").collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(keys(&metadata), ["a", "b", "a"]);

    metadata.insert("a", "4").unwrap();
    assert_eq!(metadata.get_all("a").collect::<Vec<_>>(), ["4"]);
    assert_eq!(keys(&metadata), ["b", "a"]);

    metadata.append_bin("c-bin", vec![1]).unwrap();
    metadata.append_bin("c-bin", vec![2]).unwrap();
    assert_eq!(
        metadata.get_all_bin("c-bin").collect::<Vec<_>>(),
        [&[1_u8][..], &[2]]
    );
    metadata.insert_bin("c-bin", vec![3]).unwrap();
    assert_eq!(metadata.get_all_bin("c-bin").count(), 1);
}

#[test]
fn text_and_bytes_are_told_apart_by_the_key() {
    let mut metadata = Metadata::new();
    metadata.insert("a", "").unwrap();
    metadata.insert_bin("b-bin", vec![0, 255]).unwrap();
    let bytes = Bytes::from_static(&[0, 255]);
    assert_eq!(
        metadata.iter().collect::<Vec<_>>(),
        [
            ("a", MetadataValue::Ascii("")),
            ("b-bin", MetadataValue::Binary(&bytes))
        ]
    );
    assert_eq!(
        metadata.iter_raw().collect::<Vec<_>>(),
        [("a", &[][..]), ("b-bin", &[0, 255][..])]
    );
    assert_eq!(metadata.get("b-bin"), None);
    assert_eq!(metadata.get_bin("a"), None);
    assert_eq!(MetadataValue::Binary(&bytes).as_bytes(), [0, 255]);
    assert_eq!(MetadataValue::Ascii("x").as_bytes(), b"x");
}

#[test]
fn every_rule_that_is_broken_is_named() {
    let mut metadata = Metadata::try_from([("a", "1")]).unwrap();
    let long = "k".repeat(MAX_KEY + 1);
    let key = |key: &str| key.to_owned();
    for (attempt, expected) in [
        (metadata.insert("", "v"), MetadataError::EmptyKey),
        (
            metadata.insert(&long, "v"),
            MetadataError::KeyTooLong {
                begin: "k".repeat(32),
                length: 257,
            },
        ),
        (
            metadata.append("a b", "v"),
            MetadataError::InvalidKey {
                key: key("a b"),
                found: ' ',
            },
        ),
        (
            metadata.append("Ärger", "v"),
            MetadataError::InvalidKey {
                key: key("Ärger"),
                found: 'Ä',
            },
        ),
        (
            metadata.insert("GRPC-timeout", "v"),
            MetadataError::Reserved {
                key: key("grpc-timeout"),
            },
        ),
        (
            metadata.insert_bin("wsrpc-x-bin", "v"),
            MetadataError::Reserved {
                key: key("wsrpc-x-bin"),
            },
        ),
        (
            metadata.insert("a-bin", "v"),
            MetadataError::BinaryKey { key: key("a-bin") },
        ),
        (
            metadata.append_bin("a", "v"),
            MetadataError::AsciiKey { key: key("a") },
        ),
        (
            metadata.insert("a", "ab\n"),
            MetadataError::InvalidValue {
                key: key("a"),
                position: 3,
            },
        ),
        (
            metadata.insert("a", "é"),
            MetadataError::InvalidValue {
                key: key("a"),
                position: 1,
            },
        ),
        (
            metadata.insert("a", " v"),
            MetadataError::PaddedValue { key: key("a") },
        ),
        (
            metadata.append("a", "v "),
            MetadataError::PaddedValue { key: key("a") },
        ),
    ] {
        assert_eq!(attempt, Err(expected));
    }
    assert_eq!(metadata, Metadata::try_from([("a", "1")]).unwrap());
}

#[test]
fn the_limits_themselves_are_allowed() {
    let all: String = (' '..='~').collect();
    let mut metadata = Metadata::new();
    metadata
        .insert(&"k".repeat(MAX_KEY), &format!("!{all}"))
        .unwrap();
    metadata.insert("0-9_a.z", "a b").unwrap();
    metadata.insert("wsrpc", "v").unwrap();
    metadata.insert("-bin.x", "v").unwrap();
    assert_eq!(metadata.len(), 4);
}

#[test]
fn an_error_says_what_to_do_and_never_the_value() {
    let error = Metadata::try_from([("token", "sécret")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the value of the metadata key `token` is not printable ASCII at byte 2: escape it, or put it under a key that \
         ends in `-bin`"
    );
    let status = crate::Status::from(error.clone());
    assert_eq!(status.code(), crate::Code::INTERNAL);
    assert_eq!(status.message(), error.to_string());
}

#[test]
fn a_peer_may_use_reserved_keys_and_padding_and_nothing_else_that_is_wrong() {
    let metadata = received(&[("grpc-status", b" 0 "), ("a-bin", b"\x00\xff")]);
    assert_eq!(metadata.get("grpc-status"), Some(" 0 "));
    assert_eq!(metadata.get_bin("a-bin").unwrap()[..], *b"\x00\xff");

    let mut metadata = Metadata::new();
    for (key, value) in [
        ("", "v"),
        ("Upper", "v"),
        ("a\0", "v"),
        ("a", "\u{7f}"),
        ("a", "\t"),
    ] {
        let pushed = metadata.push_received(Text::from(key), Bytes::from(value));
        assert!(pushed.is_err(), "{key:?}: {value:?}");
    }
    let long = Text::from("k".repeat(MAX_KEY + 1));
    assert!(metadata.push_received(long, Bytes::new()).is_err());
    assert!(metadata.is_empty());
}

#[test]
fn the_size_is_that_of_http_2() {
    let metadata = received(&[("abc", b"12345"), ("abc", b""), ("x-bin", b"\0")]);
    assert_eq!(metadata.size(), (3 + 5 + 32) + (3 + 32) + (5 + 1 + 32));
}

#[test]
fn metadata_that_was_merged_is_optional_where_all_of_it_is() {
    let entry = || Metadata::try_from([("a", "1")]).unwrap();
    let merged = |mut one: Metadata, other: Metadata| {
        one.merge(other);
        one.is_optional()
    };
    assert!(!merged(entry(), entry()));
    assert!(!merged(entry().optional(true), entry()));
    assert!(!merged(entry(), entry().optional(true)));
    assert!(merged(entry().optional(true), entry().optional(true)));
    assert!(merged(Metadata::new(), entry().optional(true)));
    assert!(merged(entry().optional(true), Metadata::new()));

    let mut both = entry();
    both.merge(Metadata::try_from([("b", "2"), ("a", "3")]).unwrap());
    assert_eq!(keys(&both), ["a", "b", "a"]);
    both.clear();
    assert!(both.is_empty());
}

#[test]
fn pairs_of_any_strings_extend_it_until_one_is_refused() {
    let mut metadata = Metadata::new();
    metadata
        .try_extend(vec![(String::from("n"), 7.to_string())])
        .unwrap();
    let refused = metadata.try_extend([("b", "1"), ("", "2"), ("c", "3")]);
    assert_eq!(refused, Err(MetadataError::EmptyKey));
    assert_eq!(keys(&metadata), ["n", "b"]);
}

#[test]
fn debug_hides_what_is_secret() {
    let mut metadata = Metadata::try_from([("Authorization", "Bearer 7"), ("a", "1")]).unwrap();
    metadata.insert_bin("b-bin", vec![0; 5]).unwrap();
    assert_eq!(
        format!("{metadata:?}"),
        r#"{"authorization": (hidden), "a": "1", "b-bin": 5 bytes}"#
    );
}
