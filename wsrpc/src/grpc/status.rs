//! Statuses in tonic's type and in ours.

use std::error::Error;

use bytes::Bytes;
use tonic::metadata::MetadataMap;

use super::metadata;
use crate::{
    call_error::{Blame, CallError, Outcome},
    status::{Code, Status},
};

/// Codes that gRPC does not define become `Unknown`.
pub(super) fn to_tonic(status: &Status) -> tonic::Status {
    let code = i32::try_from(u32::from(status.code())).unwrap_or(i32::MAX);
    tonic::Status::with_details_and_metadata(
        tonic::Code::from_i32(code),
        status.message(),
        status.details().clone(),
        MetadataMap::from_headers(metadata::to_headers(status.metadata())),
    )
}

pub(super) fn from_tonic(status: &tonic::Status) -> Status {
    let code = Code::from(status.code() as u32);
    let headers = status.metadata().clone().into_headers();
    let ours = Status::new(code, status.message()).with_metadata(metadata::from_headers(&headers));
    match status.details() {
        [] => ours,
        details => ours.with_details(Bytes::copy_from_slice(details)),
    }
}

/// What a call ends with whose status the server has sent, or else this side has made.
pub(super) fn call_error(status: &tonic::Status, is_servers: bool) -> CallError {
    let ours = from_tonic(status);
    if is_servers {
        return CallError::new(ours, Outcome::Ran, Blame::Remote);
    }
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<tonic::ConnectError>() {
            return CallError::new(ours, Outcome::NotSent, Blame::Transport);
        }
        if error.is::<tonic::TimeoutExpired>() {
            let status = Status::deadline_exceeded("a time-out of the tonic channel has passed");
            return CallError::new(status, Outcome::Unknown, Blame::Local);
        }
        source = error.source();
    }
    if status.code() == tonic::Code::OutOfRange {
        // Of all codes that tonic makes up, this one is for messages over its limit.
        let status = Status::resource_exhausted(status.message());
        return CallError::new(status, Outcome::Unknown, Blame::Local);
    }
    CallError::new(ours, Outcome::Unknown, Blame::Transport)
}
