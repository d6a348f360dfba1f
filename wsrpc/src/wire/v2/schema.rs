//! The numbers of the wire schema's fields. All are below 16, so that a key has one byte.

/// The members of `Message.exchange`. Version 1 has a response as well, the 3.
pub(super) const V1_REQUEST: u32 = 2;
pub(super) const HELLO: u32 = 4;
pub(super) const OPEN: u32 = 5;
pub(super) const DATA: u32 = 6;
pub(super) const END: u32 = 7;
pub(super) const CANCEL: u32 = 8;
pub(super) const CREDIT: u32 = 9;
pub(super) const GO_AWAY: u32 = 10;

/// What several members have in common.
pub(super) const ID: u32 = 1;
pub(super) const METADATA: u32 = 4;
pub(super) const LAST: u32 = 12;
pub(super) const INFLATED: u32 = 13;
pub(super) const TOTAL: u32 = 14;
pub(super) const PAYLOAD: u32 = 15;

/// A key and a value, of metadata and of labels.
pub(super) const KEY: u32 = 1;
pub(super) const VALUE: u32 = 2;
