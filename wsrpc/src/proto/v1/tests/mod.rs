//! The core in virtual time: no sockets, no threads, no sleeps.

mod answering;
mod calling;
mod deadlines;
mod ending;
mod half;
mod keepalive;
mod pair;
mod room;
mod schedules;
mod sizes;
