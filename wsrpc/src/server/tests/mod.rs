//! Servers over real sockets and real TLS, and their registry by itself.

mod allowing;
mod events;
mod listening;
mod registry;
mod revoking;
mod shutdown;
mod takeover;
mod versions;
