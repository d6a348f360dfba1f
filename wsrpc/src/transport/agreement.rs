//! The agreement on a version of the protocol: one header in the request for an upgrade, and one in its answer.

use http::{HeaderMap, HeaderValue, StatusCode};

use super::{Refusal, UpgradeError};
use crate::version::{ProtocolVersion, Versions};

const HEADER: &str = "Wsrpc-Version";

/// The header line of a client's request: the latest version that it speaks. Version 1 has none.
pub(super) fn offer(versions: Versions) -> String {
    match versions.max() {
        ProtocolVersion::V1 => String::new(),
        latest => format!("{HEADER}: {latest}\r\n"),
    }
}

/// The version that a server agrees on with a client that sent these headers.
pub(super) fn choose(request: &HeaderMap, versions: Versions) -> Result<ProtocolVersion, Refusal> {
    let number = number(request).map_err(|fault| Refusal {
        status: StatusCode::BAD_REQUEST,
        text: format!("the request's header `{HEADER}` {fault}"),
    })?;
    let agreed = ProtocolVersion::latest_up_to(number).min(versions.max());
    if agreed < versions.min() {
        return Err(Refusal {
            status: StatusCode::UPGRADE_REQUIRED,
            text: format!(
                "this server wants version {} of the protocol, and the client offers version {agreed}",
                versions.min()
            ),
        });
    }
    Ok(agreed)
}

/// Tells the client what was agreed. Of version 1 it is told nothing, as by a Go server.
pub(super) fn confirm(response: &mut HeaderMap, agreed: ProtocolVersion) {
    if agreed > ProtocolVersion::V1 {
        response.insert(HEADER, HeaderValue::from(agreed.number()));
    }
}

/// The version that a server agreed on with these headers.
pub(super) fn agreed(
    response: &HeaderMap,
    versions: Versions,
) -> Result<ProtocolVersion, UpgradeError> {
    let number = number(response).map_err(UpgradeError::InvalidVersion)?;
    let (min, max) = (versions.min(), versions.max());
    if number > max.number() {
        return Err(UpgradeError::VersionNotOffered { max });
    }
    let agreed = ProtocolVersion::latest_up_to(number);
    if agreed < min {
        return Err(UpgradeError::VersionTooOld { agreed, min });
    }
    Ok(agreed)
}

/// The number that the header has, 1 without a header, or what is wrong with it.
fn number(headers: &HeaderMap) -> Result<u64, &'static str> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(ProtocolVersion::V1.number());
    };
    if values.next().is_some() {
        return Err("comes more than once");
    }
    let text = value.to_str().unwrap_or_default();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || text.is_empty() || text.starts_with('0') {
        return Err("is not a number from 1 up, in digits only");
    }
    // One that is too large to be held is later than all versions, and that is all that matters of it.
    Ok(text.parse().unwrap_or(u64::MAX))
}
