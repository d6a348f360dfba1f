//! What peers and callers do wrong, on purpose or not: whoever does it gets a clear answer or is closed, in bounded
//! time, and nobody else notices.

#![allow(clippy::unwrap_used)]

mod arguments;
mod calls;
mod certificates;
mod floods;
mod frames;
mod http;
mod limits;
mod servers;
mod silence;
mod version_2;
