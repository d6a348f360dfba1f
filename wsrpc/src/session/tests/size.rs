//! What each connection takes, of which a server has thousands, and each step of a call.

use tokio::io::{BufReader, DuplexStream};

use crate::{
    CallError,
    session::{Driver, Shared},
};

/// A stream, whose own memory is not counted.
type Stream = BufReader<DuplexStream>;

#[test]
fn a_session_is_less_than_a_kilobyte() {
    assert!(size_of::<Shared>() <= 880, "{}", size_of::<Shared>());
}

#[test]
fn a_failure_is_a_pointer_in_each_result_of_a_call() {
    assert_eq!(size_of::<Result<(), CallError>>(), size_of::<usize>());
}

#[test]
fn a_driver_that_runs_is_little_more_than_its_stream() {
    fn size_of_output<T, F>(_: fn(T) -> F) -> usize {
        size_of::<F>()
    }
    let own = size_of_output(Driver::<Stream>::run) - size_of::<Stream>();
    assert!(own <= 640, "{own}");
}
