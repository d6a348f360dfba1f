//! What is wrong with a set of descriptors, found before prost sees them: it panics where it finds a mistake, does not
//! come to an end on some, writes names unread into the code, and would generate code that does not compile.

mod derives;
mod files;
mod services;
mod types;

use std::fmt;

pub(crate) use derives::check as derives;
pub(crate) use files::check as files;
pub(crate) use services::{check as services, modules};
pub(crate) use types::{Types, check as types};

use crate::Error;

/// Where a mistake is: the file, and within it a service or a message, by their full names.
struct Place<'a> {
    file: &'a str,
    kind: &'static str,
    name: String,
}

impl Place<'_> {
    fn error(&self, what: impl fmt::Display) -> Error {
        Error::new(format!(
            "{}: {} `{}`: {what}",
            self.file, self.kind, self.name
        ))
    }
}

const NO_IDENTIFIER: &str = "its name is no identifier that Rust can use: rename it";
