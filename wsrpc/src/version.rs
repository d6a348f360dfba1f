//! The versions of the protocol, and the range of them that a side speaks.

use std::fmt;

/// A version of the protocol. The two sides of a session agree on the latest that both of them speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProtocolVersion {
    /// What the Go library speaks.
    V1,
    /// What this library speaks with itself.
    V2,
}

/// The latest version that a side speaks unless it is told otherwise.
pub(crate) const DEFAULT_MAX: ProtocolVersion = ProtocolVersion::V2;

impl ProtocolVersion {
    pub(crate) const fn number(self) -> u64 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// The latest version that is not above `number`, and version 1 below that.
    pub(crate) const fn latest_up_to(number: u64) -> Self {
        match number {
            0 | 1 => Self::V1,
            _ => Self::V2,
        }
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// The least version of the protocol that was set is above the latest one, which leaves none to speak.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no version of the protocol is left to speak: `min_version` is {min} and `max_version` is {max}"
)]
pub struct InvalidVersions {
    min: ProtocolVersion,
    max: ProtocolVersion,
}

debug_as_display!(InvalidVersions);

/// The versions that a side speaks: never none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Versions {
    min: ProtocolVersion,
    max: ProtocolVersion,
}

impl Versions {
    pub(crate) fn new(min: ProtocolVersion, max: ProtocolVersion) -> Result<Self, InvalidVersions> {
        if min > max {
            return Err(InvalidVersions { min, max });
        }
        Ok(Self { min, max })
    }

    pub(crate) fn min(self) -> ProtocolVersion {
        self.min
    }

    pub(crate) fn max(self) -> ProtocolVersion {
        self.max
    }
}
