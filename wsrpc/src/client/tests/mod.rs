//! Clients over real sockets and real TLS.

mod connecting;
mod losing;
mod states;
