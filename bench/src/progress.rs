//! How far the benchmark is, and how long it will still take.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on a terminal's standard error, and nothing elsewhere.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Of work that is expected to take this long.
    pub fn new(expected: Duration) -> Self {
        let bar = ProgressBar::new(millis(expected));
        let template = "{bar:32} {percent:>3} %, {eta} left: {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Self(bar)
    }

    /// What is being done.
    pub fn begin(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// Prints, without a bar in the way.
    pub fn beside(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    /// Something is done that was expected to take this long.
    pub fn end(&self, expected: Duration) {
        self.0.inc(millis(expected));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
