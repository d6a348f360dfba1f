//! What is no frame, and why.

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
    assert_eq!(with(1, Some(b"")), Ok(()));
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
    assert_eq!(with(None), Err(DecodeError::SizeWithoutPayload));
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
    assert_eq!(
        with(vec![label(1, 1); 17]),
        Err(DecodeError::TooManyLabels(17))
    );
    assert_eq!(with(vec![label(65, 0)]), Err(DecodeError::LongLabel(65)));
    assert_eq!(with(vec![label(0, 66)]), Err(DecodeError::LongLabel(66)));
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
            b"\x4a\x03\x12\x01\xff\x3a\x10aaaaaaaaaaaaaaaa".to_vec(),
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
