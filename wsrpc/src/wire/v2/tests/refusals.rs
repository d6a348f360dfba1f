//! What is no frame, and why.

use std::num::NonZeroU64;

use prost::Message as _;

use super::{
    decoded,
    owned::{Cancel, Credit, Data, End, Exchange, GoAway, Hello, Label, Message, Metadata, Open},
};
use crate::wire::v2::{DecodeError, Frame};

fn read(exchange: impl Into<Message>) -> Result<Frame, DecodeError> {
    decoded(&exchange.into().encode_to_vec())
}

fn hello() -> Hello {
    Hello {
        instance_id: vec![7; 16],
        ..Hello::default()
    }
}

#[test]
fn an_id_is_above_0_and_below_2_to_the_53() {
    let with_id = |id| {
        [
            Exchange::Open(Open {
                id,
                ..Open::default()
            }),
            Exchange::Data(Data {
                id,
                ..Data::default()
            }),
            Exchange::End(End {
                id,
                ..End::default()
            }),
            Exchange::Cancel(Cancel { id }),
            Exchange::Credit(Credit { id, bytes: 1 }),
        ]
    };
    for id in [1, (1 << 53) - 1] {
        for exchange in with_id(id) {
            assert!(read(exchange.clone()).is_ok(), "{exchange:?}");
        }
    }
    for id in [0, 1 << 53, u64::MAX] {
        for exchange in with_id(id) {
            assert_eq!(read(exchange), Err(DecodeError::Id(id)));
        }
    }
}

#[test]
fn going_away_may_have_started_no_call() {
    let go_away = |last_id| {
        read(Exchange::GoAway(GoAway {
            last_id,
            ..GoAway::default()
        }))
    };
    assert!(go_away(0).is_ok());
    assert!(go_away((1 << 53) - 1).is_ok());
    assert_eq!(go_away(1 << 53), Err(DecodeError::Id(1 << 53)));
}

#[test]
fn a_total_is_above_the_length_of_the_first_chunk() {
    let with = |total, payload: Option<&[u8]>| {
        let payload = payload.map(<[u8]>::to_vec);
        let open = read(Exchange::Open(Open {
            id: 1,
            total,
            payload: payload.clone(),
            ..Open::default()
        }));
        let data = read(Exchange::Data(Data {
            id: 1,
            total,
            payload,
            ..Data::default()
        }));
        assert_eq!(open.as_ref().err(), data.as_ref().err());
        open.map(drop)
    };
    assert_eq!(with(0, Some(b"abc")), Ok(()));
    assert_eq!(with(4, Some(b"abc")), Ok(()));
    for total in [1, 3] {
        assert_eq!(
            with(total, Some(b"abc")),
            Err(DecodeError::Total { total, len: 3 })
        );
    }
    assert_eq!(with(1, Some(b"")), Err(DecodeError::SizeWithoutPayload));
    assert_eq!(with(1, None), Err(DecodeError::SizeWithoutPayload));
}

#[test]
fn only_a_payload_has_a_size_when_inflated() {
    let with = |payload| {
        read(Exchange::End(End {
            id: 1,
            inflated: 9,
            payload,
            ..End::default()
        }))
    };
    assert!(with(Some(vec![1])).is_ok());
    for none in [None, Some(vec![])] {
        assert_eq!(with(none), Err(DecodeError::SizeWithoutPayload));
    }
}

#[test]
fn metadata_that_breaks_its_rules_is_refused_with_its_frame() {
    let metadata = vec![Metadata::default()];
    let frames = [
        Exchange::Open(Open {
            id: 1,
            metadata: metadata.clone(),
            ..Open::default()
        }),
        Exchange::Data(Data {
            id: 1,
            metadata: metadata.clone(),
            ..Data::default()
        }),
        Exchange::End(End {
            id: 1,
            metadata,
            ..End::default()
        }),
    ];
    for frame in frames {
        assert!(matches!(read(frame), Err(DecodeError::Metadata(_))));
    }
}

#[test]
fn an_instance_id_has_16_bytes() {
    for len in [0, 15, 17] {
        let hello = Hello {
            instance_id: vec![7; len],
            ..Hello::default()
        };
        assert_eq!(
            read(Exchange::Hello(hello)),
            Err(DecodeError::InstanceId(len))
        );
    }
}

#[test]
fn labels_are_few_and_short() {
    let with = |labels| read(Exchange::Hello(Hello { labels, ..hello() })).map(drop);
    let label = |key, value| Label {
        key: "k".repeat(key),
        value: "v".repeat(value),
    };
    assert_eq!(with(vec![label(64, 64); 16]), Ok(()));
    assert_eq!(with(vec![label(1, 1); 17]), too_many("labels", 17, 16));
    assert_eq!(with(vec![label(1, 0)]), Ok(()));
    assert_eq!(with(vec![label(0, 1)]), length("label.key", 0, 1, 64));
    assert_eq!(with(vec![label(65, 0)]), length("label.key", 65, 1, 64));
    assert_eq!(with(vec![label(1, 66)]), length("label.value", 66, 0, 64));
}

fn too_many(list: &'static str, count: usize, max: usize) -> Result<(), DecodeError> {
    Err(DecodeError::TooMany { list, count, max })
}

fn length(field: &'static str, len: usize, min: usize, max: usize) -> Result<(), DecodeError> {
    Err(DecodeError::Length {
        field,
        len,
        min,
        max,
    })
}

#[test]
fn what_a_hello_names_is_few_and_short() {
    let with = |change: fn(&mut Hello, Vec<String>), names: Vec<String>| {
        let mut hello = hello();
        change(&mut hello, names);
        read(Exchange::Hello(hello)).map(drop)
    };
    type Set = fn(&mut Hello, Vec<String>);
    let features: Set = |hello, names| hello.features = names;
    let compression: Set = |hello, names| hello.compression = names;
    for (list, set) in [("features", features), ("compression", compression)] {
        assert_eq!(with(set, vec!["n".repeat(64); 32]), Ok(()));
        assert_eq!(with(set, vec!["n".into(); 33]), too_many(list, 33, 32));
        assert_eq!(with(set, vec![String::new()]), length(list, 0, 1, 64));
        assert_eq!(with(set, vec!["n".repeat(65)]), length(list, 65, 1, 64));
    }
    let agent = |hello: &mut Hello, mut names: Vec<String>| hello.agent = names.remove(0);
    assert_eq!(with(agent, vec!["a".repeat(256)]), Ok(()));
    assert_eq!(
        with(agent, vec!["a".repeat(257)]),
        length("agent", 257, 0, 256)
    );
}

#[test]
fn an_initial_window_has_1_024_bytes_at_least() {
    let with = |initial_window| {
        read(Exchange::Hello(Hello {
            initial_window,
            ..hello()
        }))
        .map(drop)
    };
    assert_eq!(with(1024), Ok(()));
    for window in [1, 1023] {
        assert_eq!(with(window), Err(DecodeError::InitialWindow(window)));
    }
}

#[test]
fn numbers_that_no_double_holds_are_taken_for_the_largest_that_one_does() {
    const MOST: u64 = (1 << 53) - 1;
    let frame = read(Exchange::Open(Open {
        id: 1,
        timeout_us: u64::MAX,
        total: 1 << 53,
        inflated: 1 << 60,
        payload: Some(vec![1]),
        ..Open::default()
    }));
    let Ok(Frame::Open(open)) = frame else {
        panic!("not an open: {frame:?}");
    };
    assert_eq!(open.timeout, Some(std::time::Duration::from_micros(MOST)));
    let chunk = open.chunk.unwrap();
    let most = NonZeroU64::new(MOST);
    assert_eq!((chunk.total, chunk.inflated), (most, most));
    let frame = read(Exchange::Hello(Hello {
        initial_window: u64::MAX,
        max_message_size: 1 << 53,
        ..hello()
    }));
    let Ok(Frame::Hello(hello)) = frame else {
        panic!("not a hello: {frame:?}");
    };
    assert_eq!((hello.initial_window, hello.max_message_size), (MOST, MOST));
}

#[test]
fn a_credit_is_above_0_and_below_2_to_the_53() {
    let with = |bytes| read(Exchange::Credit(Credit { id: 1, bytes })).map(drop);
    for bytes in [1, (1 << 53) - 1] {
        assert_eq!(with(bytes), Ok(()));
    }
    for bytes in [0, 1 << 53, u64::MAX] {
        assert_eq!(with(bytes), Err(DecodeError::Credit(bytes)));
    }
}

#[test]
fn a_failure_has_no_message_and_a_refusal_is_a_failure() {
    let with = |code, refused, payload: Option<&[u8]>| {
        read(Exchange::End(End {
            id: 1,
            code,
            refused,
            payload: payload.map(<[u8]>::to_vec),
            ..End::default()
        }))
        .map(drop)
    };
    assert_eq!(with(0, false, Some(b"")), Ok(()));
    assert_eq!(with(14, true, None), Ok(()));
    for payload in [&b""[..], b"p"] {
        let end = with(2, false, Some(payload));
        assert_eq!(end, Err(DecodeError::FailureWithPayload));
    }
    assert_eq!(with(0, true, None), Err(DecodeError::RefusedSuccess));
}

#[test]
fn text_is_utf_8() {
    // Of each, a field of one byte that no text has.
    let id = *b"\x08\x01";
    let frames: [(&str, u8, Vec<u8>); 8] = [
        (
            "features",
            4,
            b"\x2a\x01\xff\x3a\x10aaaaaaaaaaaaaaaa".to_vec(),
        ),
        (
            "compression",
            4,
            b"\x32\x01\xff\x3a\x10aaaaaaaaaaaaaaaa".to_vec(),
        ),
        ("agent", 4, b"\x42\x01\xff\x3a\x10aaaaaaaaaaaaaaaa".to_vec()),
        (
            "label.value",
            4,
            b"\x4a\x06\x0a\x01k\x12\x01\xff\x3a\x10aaaaaaaaaaaaaaaa".to_vec(),
        ),
        ("method", 5, [&id[..], b"\x12\x01\xff"].concat()),
        (
            "metadata.key",
            6,
            [&id[..], b"\x22\x03\x0a\x01\xff"].concat(),
        ),
        ("message", 7, [&id[..], b"\x1a\x01\xff"].concat()),
        ("reason", 10, b"\x12\x01\xff".to_vec()),
    ];
    for (name, member, fields) in frames {
        let mut bytes = vec![member << 3 | 2, fields.len() as u8];
        bytes.extend(fields);
        assert_eq!(decoded(&bytes), Err(DecodeError::NotUtf8(name)));
    }
}

#[test]
fn what_is_not_protobuf_is_refused() {
    for bytes in [
        &b"\x32\x05\x08"[..],
        b"\xff",
        b"\x30\x01",
        b"\x32\x02\x0a\x01",
    ] {
        assert!(
            matches!(decoded(bytes), Err(DecodeError::Protobuf(_))),
            "{bytes:02x?}"
        );
    }
}
