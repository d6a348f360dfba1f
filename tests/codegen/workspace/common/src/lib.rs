//! The messages that the crates of the workspace share.

#![deny(warnings, missing_docs)]

include!(concat!(env!("OUT_DIR"), "/api.rs"));
