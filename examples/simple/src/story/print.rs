//! How the story looks.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use crate::people::Who;

/// Prints lines, in colour on a terminal. One that cannot be printed is not worth ending for.
pub(super) struct Printer {
    colour: bool,
}

const BOLD: &str = "1";
const GREEN: &str = "32";
const RED: &str = "31";

impl Printer {
    pub(super) fn new() -> Self {
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            colour: io::stdout().is_terminal() && !plain,
        }
    }

    pub(super) fn heading(&self, number: usize, title: &str, text: &str) {
        self.line(&format!(
            "\n{}",
            self.paint(BOLD, &format!("{number}. {title}"))
        ));
        self.line(&format!("   {text}\n"));
    }

    /// What one of the processes said.
    pub(super) fn said(&self, who: Who, line: &str) {
        let colour = match who {
            Who::Server => "33",
            Who::Alice => "36",
            Who::Bob => "35",
            Who::Charlie => "34",
        };
        let name = who.to_string();
        let label = format!("{:>9} |", name.trim_start_matches("the "));
        self.line(&format!("{} {line}", self.paint(colour, &label)));
    }

    /// A line of the summary.
    pub(super) fn step(&self, happened: bool, number: usize, title: &str) {
        let mark = if happened {
            self.paint(GREEN, "    ok")
        } else {
            self.paint(RED, "FAILED")
        };
        self.line(&format!("  {mark}  {number}. {title}"));
    }

    pub(super) fn line(&self, line: &str) {
        let _ = writeln!(io::stdout(), "{line}");
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
