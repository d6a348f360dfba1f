//! What is sent and what is taken, with the feature `zstd` and without it.

#[cfg(feature = "zstd")]
mod calls;
#[cfg(feature = "zstd")]
mod inflating;
#[cfg(feature = "zstd")]
mod lies;

use std::num::NonZeroU64;

use bytes::Bytes;

use super::{Accepted, Compression, InflateError, inflate};
use crate::{
    Code, MethodDescriptor, SessionConfig,
    call::codec,
    proto::{Message, PeerLimits},
    service::test_support::Text,
    session::Agreed,
};

static METHOD: MethodDescriptor = MethodDescriptor::unary("test.Echo", "Echo");

fn compressed(payload: impl Into<Bytes>, inflated: u64) -> Message {
    Message {
        payload: payload.into(),
        inflated: NonZeroU64::new(inflated),
    }
}

#[test]
fn the_hello_says_what_this_side_can_undo() {
    let hello = SessionConfig::default().resolve(true).hello();
    let names: Vec<&str> = hello.compression.iter().map(|name| name.as_str()).collect();
    match cfg!(feature = "zstd") {
        true => assert_eq!(names, ["zstd"]),
        false => assert!(names.is_empty()),
    }
    assert_eq!(PeerLimits::from(&hello).zstd, cfg!(feature = "zstd"));
    assert!(!Agreed::V1.accepted().zstd);
    assert_eq!(
        Accepted::default().or_off(Compression::Off),
        Compression::Off
    );
}

#[test]
fn a_declared_size_over_the_limit_is_not_even_looked_at() {
    let error = inflate(b"no frame at all", 101, 100).unwrap_err();
    let InflateError::TooLarge { size, limit } = error else {
        panic!("{error}");
    };
    assert_eq!((size, limit), (101, 100));
    let error = codec::decode::<Text>(compressed("x", 101), 100).unwrap_err();
    let status = error.into_status("request", &METHOD);
    assert_eq!(status.code(), Code::RESOURCE_EXHAUSTED);
}

#[cfg(not(feature = "zstd"))]
mod without_the_feature {
    use super::*;

    #[test]
    fn a_compressed_message_is_refused_with_a_sentence() {
        for (what, code) in [
            ("request", Code::INVALID_ARGUMENT),
            ("response", Code::INTERNAL),
        ] {
            let error = codec::decode::<Text>(compressed("x", 5), 100).unwrap_err();
            let status = error.into_status(what, &METHOD);
            assert_eq!(status.code(), code);
            assert!(status.message().contains("the feature `zstd`"), "{status}");
        }
    }
}

#[cfg(feature = "zstd")]
/// One side of a session of version 2, whose peer undoes zstd or does not.
fn start(
    io: tokio::io::DuplexStream,
    role: crate::transport::Role,
    service: impl crate::service::Service,
    zstd: bool,
) -> crate::service::test_support::End {
    use std::sync::Arc;

    use crate::{
        proto::Parity,
        service::{RouterBuilder, test_support::End},
        session::{Hooks, Session},
        transport::{Role, WebSocket, buffered},
        wire::v2::sizes,
    };

    let config = SessionConfig::default().max_recv_message_size(4 * 1024 * 1024);
    let config = config.resolve(role == Role::Client);
    let agreed = Agreed::V2 {
        parity: match role {
            Role::Client => Parity::Odd,
            Role::Server => Parity::Even,
        },
        peer: PeerLimits {
            zstd,
            ..PeerLimits::from(&config.hello())
        },
    };
    let mut router = RouterBuilder::default();
    router.add(Arc::new(service));
    let router = Arc::new(router.build().unwrap());
    let socket = WebSocket::new(buffered(io), role, sizes::MAX_FRAME);
    let peer = crate::SecretKey::generate().public_key();
    let (session, driver) = Session::new(socket, peer, agreed, router, &config, Hooks::default());
    let driver = tokio::spawn(driver.run());
    End { session, driver }
}
