//! Arguments, by hand: there are few.

use std::{collections::VecDeque, ffi::OsString, time::Duration};

/// The options of a program, or why it does not start.
pub(crate) type Parsed<O> = Result<O, Stop>;

/// Why a program does not start.
#[derive(Debug, PartialEq)]
pub(crate) enum Stop {
    /// It was asked how it is used.
    Help,
    /// An argument makes no sense.
    Wrong(String),
}

/// The arguments that are left; `--flag=value` has become `--flag value`.
pub(crate) struct Args(VecDeque<String>);

impl Args {
    /// The first of `args` is the program's name.
    pub(crate) fn new(args: impl IntoIterator<Item = OsString>) -> Self {
        let args = args.into_iter().skip(1);
        let mut left = VecDeque::new();
        for arg in args.map(|arg| arg.to_string_lossy().into_owned()) {
            match arg.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => {
                    left.extend([flag.to_owned(), value.to_owned()]);
                }
                _ => left.push_back(arg),
            }
        }
        Self(left)
    }

    /// Takes the next argument, if it is `word`.
    pub(crate) fn next_is(&mut self, word: &str) -> bool {
        let is = self.0.front().is_some_and(|next| next == word);
        if is {
            self.0.pop_front();
        }
        is
    }

    /// Takes the next argument; a cry for help is an error.
    pub(crate) fn next(&mut self) -> Parsed<Option<String>> {
        match self.0.pop_front() {
            Some(arg) if arg == "--help" || arg == "-h" => Err(Stop::Help),
            arg => Ok(arg),
        }
    }

    /// Takes the value of `flag`.
    pub(crate) fn value(&mut self, flag: &str) -> Parsed<String> {
        match self.0.pop_front() {
            Some(value) if !value.starts_with('-') => Ok(value),
            _ => Err(Stop::Wrong(format!("{flag} needs a value"))),
        }
    }

    /// Takes the value of `flag`, a number of seconds above zero.
    pub(crate) fn seconds(&mut self, flag: &str) -> Parsed<Duration> {
        let value = self.value(flag)?;
        let seconds = value.parse().ok().map(Duration::try_from_secs_f64);
        match seconds {
            Some(Ok(seconds)) if !seconds.is_zero() => Ok(seconds),
            _ => Err(Stop::Wrong(format!(
                "{flag} needs a number of seconds, not `{value}`"
            ))),
        }
    }
}

/// An argument that nobody asked for.
pub(crate) fn unexpected(arg: &str) -> Stop {
    Stop::Wrong(format!("unexpected argument `{arg}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::new(["program"].iter().chain(words).map(OsString::from))
    }

    #[test]
    fn a_value_follows_its_flag_or_an_equals_sign() {
        for words in [&["--addr", "here:1"][..], &["--addr=here:1"]] {
            let mut args = args(words);
            assert_eq!(args.next(), Ok(Some("--addr".into())));
            assert_eq!(args.value("--addr"), Ok("here:1".into()));
            assert_eq!(args.next(), Ok(None));
        }
    }

    #[test]
    fn a_value_that_is_missing_or_wrong_is_named() {
        for words in [&[][..], &["--every", "1"]] {
            let Err(Stop::Wrong(what)) = args(words).value("--addr") else {
                panic!("taken for a value: {words:?}");
            };
            assert_eq!(what, "--addr needs a value");
        }
        for value in ["soon", "0", "NaN", "1e99", "inf"] {
            let Err(Stop::Wrong(what)) = args(&[value]).seconds("--every") else {
                panic!("taken for seconds: {value}");
            };
            assert!(what.contains(value), "{what}");
        }
        assert_eq!(
            args(&["0.5"]).seconds("--every"),
            Ok(Duration::from_millis(500))
        );
    }

    #[test]
    fn help_is_for_the_asking() {
        assert_eq!(args(&["--help"]).next(), Err(Stop::Help));
        assert_eq!(args(&["-h"]).next(), Err(Stop::Help));
    }
}
