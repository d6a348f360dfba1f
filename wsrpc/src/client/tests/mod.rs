//! Clients over real sockets and real TLS.

mod connecting;
mod endpoint;
mod losing;
mod states;
mod versions;
