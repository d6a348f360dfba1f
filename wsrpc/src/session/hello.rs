//! The first frame each way, on version 2.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use bytes::Bytes;

use crate::{
    compression::Accepted,
    config::Resolved,
    proto::{Parity, PeerLimits},
    session_end::close_code,
    transport::{Io, Received, Role, TransportError, WebSocket},
    version::ProtocolVersion,
    wire::v2::{self as wire, Frame, Hello},
};

/// Why there was no hello.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HelloError {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("the peer closed the connection instead of saying hello: {0}")]
    Closed(String),
    #[error("the peer's first frame is text, and only binary ones are understood")]
    Text,
    #[error("the peer's first frame is not a hello: {0}")]
    NotHello(String),
}

/// What the sides of a session agreed on before it began.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Agreed {
    V1,
    V2 { parity: Parity, peer: PeerLimits },
}

impl Agreed {
    pub(crate) fn version(self) -> ProtocolVersion {
        match self {
            Self::V1 => ProtocolVersion::V1,
            Self::V2 { .. } => ProtocolVersion::V2,
        }
    }

    /// The compressions that the peer can undo.
    pub(crate) fn accepted(self) -> Accepted {
        match self {
            Self::V1 => Accepted::default(),
            Self::V2 { peer, .. } => peer.into(),
        }
    }
}

/// Goes through what precedes a session of this version: on version 2, each side says hello.
///
/// Both say theirs without waiting, so that neither costs the other a round trip.
pub(crate) async fn agree<IO: Io>(
    socket: &mut WebSocket<IO>,
    role: Role,
    version: ProtocolVersion,
    config: &Resolved,
) -> Result<Agreed, HelloError> {
    if version == ProtocolVersion::V1 {
        return Ok(Agreed::V1);
    }
    let mut frame = Vec::new();
    wire::encode_hello(&mut frame, &config.hello());
    socket.push_message(&frame, Bytes::new());
    let hello = poll_fn(|cx| poll_hello(socket, cx)).await;
    let refused = match &hello {
        Err(HelloError::NotHello(what)) => Some((close_code::PROTOCOL, what.as_str())),
        Err(HelloError::Text) => {
            Some((close_code::UNSUPPORTED, "only binary frames are understood"))
        }
        _ => None,
    };
    if let Some((code, what)) = refused {
        poll_fn(|cx| {
            socket.push_close(cx, code, what);
            // It need not be read: as much as fits is sent.
            let _flushed = socket.poll_flush(cx, &mut 0);
            Poll::Ready(())
        })
        .await;
    }
    Ok(Agreed::V2 {
        parity: match role {
            Role::Client => Parity::Odd,
            Role::Server => Parity::Even,
        },
        peer: PeerLimits::from(&hello?),
    })
}

fn poll_hello<IO: Io>(
    socket: &mut WebSocket<IO>,
    cx: &mut Context<'_>,
) -> Poll<Result<Hello, HelloError>> {
    if let Poll::Ready(Err(error)) = socket.poll_flush(cx, &mut 0) {
        return Poll::Ready(Err(error.into()));
    }
    loop {
        let received = match socket.poll_read(cx) {
            Poll::Ready(received) => received?,
            Poll::Pending => return Poll::Pending,
        };
        return Poll::Ready(match received {
            Received::Ping | Received::Pong => continue,
            Received::Close { reason, .. } => Err(HelloError::Closed(reason)),
            Received::Text => Err(HelloError::Text),
            Received::Message(message) => match hello_of(&message) {
                Some(hello) => hello,
                None => continue,
            },
        });
    }
}

/// The hello of a message, unless there is nothing in it that is known.
fn hello_of(message: &Bytes) -> Option<Result<Hello, HelloError>> {
    let mut frames = wire::frames(message);
    loop {
        let what = match frames.next()? {
            // A later version may send it.
            Ok(Frame::Unknown) => continue,
            Ok(Frame::Hello(hello)) if frames.is_empty() => return Some(Ok(*hello)),
            Ok(Frame::Hello(_)) => "it has something behind it".into(),
            Ok(_) => "it is another frame".into(),
            Err(error) => error.to_string(),
        };
        return Some(Err(HelloError::NotHello(what)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_has_a_message_of_its_own() {
        let hello = b"\x22\x12\x3a\x10aaaaaaaaaaaaaaaa";
        let cancel = b"\x42\x02\x08\x01";
        let unknown = b"\x5a\x00";
        let read = |parts: &[&[u8]]| {
            let hello = hello_of(&Bytes::from(parts.concat()));
            hello.map(|hello| hello.map(|hello| hello.instance_id))
        };
        assert!(matches!(read(&[hello]), Some(Ok(id)) if id == [b'a'; 16]));
        // A later version may send what comes before it.
        assert!(read(&[]).is_none());
        assert!(read(&[unknown]).is_none());
        assert!(matches!(read(&[unknown, hello]), Some(Ok(_))));
        for wrong in [
            &[hello.as_slice(), cancel][..],
            &[hello, unknown],
            &[hello, hello],
            &[cancel, hello],
            &[unknown, cancel],
            &[b"\x22"],
        ] {
            let read = read(wrong);
            assert!(
                matches!(read, Some(Err(HelloError::NotHello(_)))),
                "{wrong:?}"
            );
        }
    }
}
