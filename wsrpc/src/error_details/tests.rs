use std::{collections::HashMap, fmt::Debug, time};

use bytes::Bytes;
use prost::Name;

use super::*;
use crate::status::{Code, Status};

/// A user's own message, as prost-build writes one with `enable_type_names`.
#[derive(Clone, PartialEq, prost::Message)]
struct Own {
    #[prost(uint32, tag = "1")]
    number: u32,
}

impl Name for Own {
    const NAME: &'static str = "Own";
    const PACKAGE: &'static str = "test";
}

/// `hex` is what Google's own Python library writes of the same message.
fn same_as_google<T: Name + Default + PartialEq + Debug>(message: &T, hex: &str) {
    let bytes = unhex(hex);
    assert_eq!(message.encode_to_vec(), bytes);
    assert_eq!(&T::decode(bytes.as_slice()).unwrap(), message);
    assert_eq!(
        T::type_url(),
        format!("type.googleapis.com/{}", T::full_name())
    );
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn retry() -> RetryInfo {
    RetryInfo::after(time::Duration::from_millis(3500))
}

fn localized() -> LocalizedMessage {
    LocalizedMessage {
        locale: "de".into(),
        message: "Es gibt keinen Auftrag 7.".into(),
    }
}

#[test]
fn the_messages_are_googles_byte_for_byte() {
    let north = || HashMap::from([("region".into(), "north".into())]);
    same_as_google(
        &ErrorInfo {
            reason: "STOCKOUT".into(),
            domain: "a.example".into(),
            metadata: north(),
        },
        "0a0853544f434b4f55541209612e6578616d706c651a0f0a06726567696f6e12056e6f727468",
    );
    same_as_google(&retry(), "0a0808031080cab5ee01");
    same_as_google(
        &DebugInfo {
            stack_entries: vec!["main".into(), "run".into()],
            detail: "no more".into(),
        },
        "0a046d61696e0a0372756e12076e6f206d6f7265",
    );
    same_as_google(
        &QuotaFailure {
            violations: vec![QuotaViolation {
                subject: "key:1".into(),
                description: "too many".into(),
                api_service: "a.example".into(),
                quota_metric: "a.example/calls".into(),
                quota_id: "CallsPerDay".into(),
                quota_dimensions: north(),
                quota_value: -1,
                future_quota_value: Some(0),
            }],
        },
        "0a580a056b65793a311208746f6f206d616e791a09612e6578616d706c65220f612e6578616d706c652f63616c6c732a0b43616c\
         6c73506572446179320f0a06726567696f6e12056e6f72746838ffffffffffffffffff014000",
    );
    same_as_google(
        &PreconditionFailure {
            violations: vec![PreconditionViolation {
                r#type: "TOS".into(),
                subject: "a.example".into(),
                description: "not accepted".into(),
            }],
        },
        "0a1e0a03544f531209612e6578616d706c651a0c6e6f74206163636570746564",
    );
    same_as_google(
        &BadRequest {
            field_violations: vec![FieldViolation {
                field: "body".into(),
                description: "is empty".into(),
                reason: "EMPTY".into(),
                localized_message: Some(LocalizedMessage {
                    locale: "de".into(),
                    message: "ist leer".into(),
                }),
            }],
        },
        "0a270a04626f64791208697320656d7074791a05454d505459220e0a0264651208697374206c656572",
    );
    same_as_google(
        &RequestInfo {
            request_id: "r-7".into(),
            serving_data: "node 3".into(),
        },
        "0a03722d3712066e6f64652033",
    );
    same_as_google(
        &ResourceInfo {
            resource_type: "job".into(),
            resource_name: "7".into(),
            owner: "alice".into(),
            description: "is gone".into(),
        },
        "0a036a6f621201371a05616c6963652207697320676f6e65",
    );
    same_as_google(
        &Help {
            links: vec![Link {
                description: "limits".into(),
                url: "https://a.example/limits".into(),
            }],
        },
        "0a220a066c696d697473121868747470733a2f2f612e6578616d706c652f6c696d697473",
    );
    same_as_google(
        &localized(),
        "0a026465121945732067696274206b65696e656e204175667472616720372e",
    );
}

#[test]
fn a_status_with_details_is_googles_byte_for_byte() {
    let status = Status::not_found("no job 7")
        .with_detail(&retry())
        .with_detail(&localized());
    let google = unhex(
        "080512086e6f206a6f6220371a360a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e7270632e5265747279\
         496e666f120a0a0808031080cab5ee011a520a2f747970652e676f6f676c65617069732e636f6d2f676f6f676c652e7270632e4c\
         6f63616c697a65644d657373616765121f0a026465121945732067696274206b65696e656e204175667472616720372e",
    );
    assert_eq!(status.details(), &google);

    let received = Status::not_found("no job 7").with_details(google);
    assert_eq!(received.detail::<RetryInfo>(), Some(retry()));
    assert_eq!(received.detail::<LocalizedMessage>(), Some(localized()));
    assert_eq!(received.detail::<Help>(), None);
    assert_eq!(received, status);
}

#[test]
fn a_users_own_message_is_a_detail_under_a_url_with_a_domain() {
    let status = Status::internal("x")
        .with_detail(&Own { number: 7 })
        .with_detail(&Own { number: 8 });
    assert_eq!(status.detail::<Own>(), Some(Own { number: 7 }));
    let numbers: Vec<_> = status
        .details_iter()
        .map(|any| {
            assert_eq!(any.type_url, "type.googleapis.com/test.Own");
            any.to_msg::<Own>().unwrap().number
        })
        .collect();
    assert_eq!(numbers, [7, 8]);
}

#[test]
fn the_code_of_a_status_is_that_of_its_details_whatever_number_it_is() {
    for code in [1, 17, u32::MAX] {
        let status = Status::new(Code::from(code), "x").with_detail(&Own { number: 7 });
        let mut bytes = &status.details()[..];
        assert_eq!(bytes[0], 8, "the tag of the code comes first");
        bytes = &bytes[1..];
        let written = prost::encoding::decode_varint(&mut bytes).unwrap();
        assert_eq!(written as i32, code as i32);
    }
}

#[test]
fn what_cannot_be_decoded_is_no_detail_and_gives_way_to_one() {
    let whole = Status::internal("x")
        .with_detail(&retry())
        .details()
        .clone();
    for end in 0..whole.len() {
        let cut = Status::internal("x").with_details(whole.slice(..end));
        assert_eq!(cut.detail::<RetryInfo>(), None);
    }
    let raw = Status::internal("x").with_details(Bytes::from_static(b"\xff\xff\xff"));
    assert_eq!(raw.details_iter().len(), 0);
    assert_eq!(
        raw.with_detail(&retry()).detail::<RetryInfo>(),
        Some(retry())
    );
}

#[test]
fn a_detail_of_the_right_type_that_cannot_be_decoded_is_passed_over() {
    // The same URL over bytes that are no such message: a field that is cut short.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Broken {
        #[prost(string, tag = "1")]
        retry_delay: String,
    }
    impl Name for Broken {
        const NAME: &'static str = "RetryInfo";
        const PACKAGE: &'static str = "google.rpc";
    }
    let status = Status::internal("x")
        .with_detail(&Broken {
            retry_delay: "\u{7f}".into(),
        })
        .with_detail(&retry());
    assert_eq!(status.detail::<RetryInfo>(), Some(retry()));
}

#[test]
fn a_delay_that_makes_no_sense_is_none_and_never_a_panic() {
    let delay = |seconds, nanos| {
        RetryInfo {
            retry_delay: Some(Duration { seconds, nanos }),
        }
        .delay()
    };
    assert_eq!(RetryInfo::default().delay(), None);
    assert_eq!(delay(-1, 0), None);
    assert_eq!(delay(0, -1), None);
    assert_eq!(delay(1, 5), Some(time::Duration::new(1, 5)));
    assert_eq!(delay(i64::MIN, i32::MIN), None);
    assert_eq!(delay(i64::MAX, i32::MIN), None);
    assert_eq!(delay(i64::MAX, i32::MAX), None);
    let longest = RetryInfo::after(time::Duration::MAX);
    assert_eq!(longest.retry_delay.unwrap().seconds, i64::MAX);
}
