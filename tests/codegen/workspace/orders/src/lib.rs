//! A service over messages of another crate.

#![deny(warnings, missing_docs)]

include!(concat!(env!("OUT_DIR"), "/api.rs"));
