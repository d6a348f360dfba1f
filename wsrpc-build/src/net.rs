//! The last net: what prost panics at and was not foreseen becomes an error.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static IN_NET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `run`. If it panics, nothing is printed, and the panic's message is the error.
pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IN_NET.get() {
                loud(info);
            }
        }));
    });
    IN_NET.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    IN_NET.set(false);
    result.map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        text.unwrap_or("it panicked").to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        assert_eq!(catch(|| 1), Ok(1));
        assert_eq!(catch(|| -> u8 { panic!("one") }), Err("one".to_owned()));
        assert_eq!(catch(|| -> u8 { panic!("{}", 2) }), Err("2".to_owned()));
    }
}
