//! Sessions over an in-memory pipe, with the clock paused.

mod backpressure;
mod callbacks;
mod calls;
mod deadlines;
mod ending;
mod faults;
mod handlers;
mod keepalive;
mod limits;
mod runtime;
mod size;
mod stress;
mod turns;
mod v2;
