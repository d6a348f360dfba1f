//! Tests that take real time, up to a minute each.
//!
//! They are all begun when the first of them is asked for, and run at once, however few tests the harness runs at a
//! time: what they do most is wait.

mod idle;
mod silence;
mod slow_link;

use std::{
    collections::HashMap,
    panic::resume_unwind,
    sync::{LazyLock, Mutex},
};

use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};

macro_rules! tests {
    ($($module:ident::$name:ident,)+) => {
        fn begin(runtime: &Runtime) -> HashMap<&'static str, JoinHandle<()>> {
            HashMap::from([$((stringify!($name), runtime.spawn($module::$name())),)+])
        }

        $(
            #[test]
            #[cfg_attr(not(has_go), ignore = "needs Go (https://go.dev) to build the real peer")]
            fn $name() {
                end(stringify!($name));
            }
        )+
    };
}

tests! {
    idle::a_call_that_go_never_answers_ends_after_a_minute_by_default,
    idle::a_go_client_and_we_call_after_a_minute_of_idling,
    idle::a_go_server_and_we_call_after_a_minute_of_idling,
    silence::a_uni_client_calls_again_after_half_a_minute_of_silence,
    silence::a_uni_client_that_was_dropped_for_its_silence_calls_again,
    slow_link::nine_mebibytes_and_a_go_client_at_a_slow_link,
    slow_link::nine_mebibytes_and_a_go_server_at_a_slow_link,
}

/// Those that were begun.
struct Running {
    runtime: Runtime,
    tests: Mutex<HashMap<&'static str, JoinHandle<()>>>,
}

/// Waits for the end of one of them.
fn end(name: &str) {
    static RUNNING: LazyLock<Running> = LazyLock::new(|| {
        let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
        let tests = Mutex::new(begin(&runtime));
        Running { runtime, tests }
    });
    let test = RUNNING.tests.lock().unwrap().remove(name).unwrap();
    if let Err(failed) = RUNNING.runtime.block_on(test) {
        resume_unwind(failed.into_panic());
    }
}
