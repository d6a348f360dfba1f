//! The real Go library as the peer, from either end: Go clients of our server, and our clients of a Go server.
//!
//! They run side by side and wait on events. What takes real time, about a minute, is in `waiting`.

#![allow(clippy::unwrap_used)]

mod both;
mod go_client;
mod go_server;
mod keys;
mod limits;
mod lost;
mod support;
mod takeover;
mod uni;
mod vectors;
mod waiting;
