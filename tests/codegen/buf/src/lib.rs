//! Generated beforehand, and checked in.

#![deny(warnings, missing_docs)]

/// What the packages of the `.proto` files became.
pub mod api;
