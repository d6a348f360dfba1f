//! The core in virtual time: no sockets, no threads, no sleeps.

mod answering;
mod calling;
mod deadlines;
mod ending;
mod half;
mod keepalive;
mod pair;
#[allow(
    clippy::duplicate_mod,
    reason = "a few lines that tests of three modules share"
)]
#[path = "../../wire/tests/random.rs"]
mod random;
mod room;
mod schedules;
mod sizes;
