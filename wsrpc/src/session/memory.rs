//! Sessions within one process, without sockets or keys.

use std::sync::Arc;

use super::{Agreed, Hooks, Session};
use crate::{
    config::Resolved,
    identity::PublicKey,
    proto::{Parity, PeerLimits},
    service::Router,
    transport::{Role, WebSocket, buffered},
    version::ProtocolVersion,
};

/// Bytes on their way, in each direction.
const IN_FLIGHT: usize = 64 * 1024;

/// One end of a session in memory.
pub(crate) struct End {
    pub(crate) key: PublicKey,
    pub(crate) router: Arc<Router>,
    pub(crate) config: Resolved,
}

/// Connects two ends. Must be called within a tokio runtime, which runs the two sessions.
pub(crate) fn connect(dialler: End, acceptor: End, version: ProtocolVersion) -> (Session, Session) {
    let (dialler_io, acceptor_io) = tokio::io::duplex(IN_FLIGHT);
    let to_acceptor = start(dialler_io, Role::Client, &dialler, &acceptor, version);
    let to_dialler = start(acceptor_io, Role::Server, &acceptor, &dialler, version);
    (to_acceptor, to_dialler)
}

fn start(
    io: tokio::io::DuplexStream,
    role: Role,
    own: &End,
    other: &End,
    version: ProtocolVersion,
) -> Session {
    // It is given what the other would say.
    let agreed = match version {
        ProtocolVersion::V1 => Agreed::V1,
        ProtocolVersion::V2 => Agreed::V2 {
            parity: match role {
                Role::Client => Parity::Odd,
                Role::Server => Parity::Even,
            },
            peer: PeerLimits::from(&other.config.hello()),
        },
    };
    let max_size = own.config.max_frame_size(version);
    let socket = WebSocket::new(buffered(io), role, max_size);
    let (session, driver) = Session::new(
        socket,
        other.key,
        agreed,
        own.router.clone(),
        &own.config,
        Hooks::default(),
    );
    tokio::spawn(driver.run());
    session
}
