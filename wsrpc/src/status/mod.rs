//! What a handler may end a call with.

use std::{fmt, io};

use bytes::Bytes;

use crate::metadata::Metadata;

static NO_DETAILS: Bytes = Bytes::new();
static NO_METADATA: Metadata = Metadata::new();

/// A status code: one of gRPC's, or any other number, kept as it is.
///
/// Source: <https://grpc.github.io/grpc/core/md_doc_statuscodes.html>.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(u32);

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $constant:ident, $constructor:ident = $number:literal, $name:literal;)+) => {
        impl Code {
            $($(#[doc = $doc])+ pub const $constant: Self = Self($number);)+

            /// The code's name in snake case, `None` for a number that gRPC does not define.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    0 => Some("ok"),
                    $($number => Some($name),)+
                    _ => None,
                }
            }
        }

        /// One constructor for each code.
        impl Status {
            $($(#[doc = $doc])+ pub fn $constructor(message: impl Into<String>) -> Self {
                Self::new(Code::$constant, message)
            })+
        }
    };
}

codes! {
    /// The caller gave up on the call.
    CANCELLED, cancelled = 1, "cancelled";
    /// No more specific code is known; also every error of a version-1 peer, which sends only text.
    UNKNOWN, unknown = 2, "unknown";
    /// An argument is wrong, whatever the state of the system.
    INVALID_ARGUMENT, invalid_argument = 3, "invalid_argument";
    /// The deadline passed before the call ended.
    DEADLINE_EXCEEDED, deadline_exceeded = 4, "deadline_exceeded";
    /// What was asked for does not exist.
    NOT_FOUND, not_found = 5, "not_found";
    /// What was to be created exists.
    ALREADY_EXISTS, already_exists = 6, "already_exists";
    /// The caller is known and may not do this.
    PERMISSION_DENIED, permission_denied = 7, "permission_denied";
    /// A quota, a limit or a memory bound is used up.
    RESOURCE_EXHAUSTED, resource_exhausted = 8, "resource_exhausted";
    /// The system is not in the state that the call needs.
    FAILED_PRECONDITION, failed_precondition = 9, "failed_precondition";
    /// The call was aborted, typically by a conflict.
    ABORTED, aborted = 10, "aborted";
    /// The call went past a valid range.
    OUT_OF_RANGE, out_of_range = 11, "out_of_range";
    /// There is no such method, or it is not supported.
    UNIMPLEMENTED, unimplemented = 12, "unimplemented";
    /// Something that should hold does not.
    INTERNAL, internal = 13, "internal";
    /// The peer cannot be reached now.
    UNAVAILABLE, unavailable = 14, "unavailable";
    /// Data was lost or corrupted.
    DATA_LOSS, data_loss = 15, "data_loss";
    /// The caller is not known.
    UNAUTHENTICATED, unauthenticated = 16, "unauthenticated";
}

impl Code {
    /// Success.
    pub const OK: Self = Self(0);
}

impl From<u32> for Code {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<Code> for u32 {
    fn from(code: Code) -> Self {
        code.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "code {}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a handler ends a call with when it does not answer: a code, a text for people, details for programs, and
/// metadata.
///
/// Version 1 of the wire carries the text alone: a version-1 caller sees [`Code::UNKNOWN`] and this text, verbatim.
///
/// ```
/// use wsrpc::{Code, Status};
///
/// let status = Status::not_found("no job 7");
/// assert_eq!(status.code(), Code::NOT_FOUND);
/// assert_eq!(status.to_string(), "not_found: no job 7");
/// ```
///
/// Details are messages: the usual ones are in [`error_details`](crate::error_details), and any other that has a
/// [`prost::Name`] will do. A caller asks for them by their type.
///
/// ```
/// use std::time::Duration;
/// use wsrpc::{Status, error_details::{BadRequest, RetryInfo}};
///
/// let status = Status::unavailable("busy").with_detail(&RetryInfo::after(Duration::from_secs(3)));
/// let retry = status.detail::<RetryInfo>().unwrap();
/// assert_eq!(retry.delay(), Some(Duration::from_secs(3)));
/// assert_eq!(status.detail::<BadRequest>(), None);
/// ```
#[derive(Clone)]
pub struct Status {
    code: Code,
    message: String,
    /// Boxed, for a status is in every `Result` of a handler, and few have these.
    extras: Option<Box<Extras>>,
}

#[derive(Clone, Default)]
struct Extras {
    details: Bytes,
    metadata: Metadata,
}

impl Status {
    /// A status of `code`, with a text that tells a person what was wrong.
    ///
    /// A failure is never [`Code::OK`]: that code is turned into [`Code::UNKNOWN`].
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code: if code == Code::OK {
                Code::UNKNOWN
            } else {
                code
            },
            message: message.into(),
            extras: None,
        }
    }

    /// Sets the details for programs, as an encoded `google.rpc.Status`. Version 1 of the wire drops them.
    ///
    /// It takes any bytes. [`with_detail`](Self::with_detail) makes them of messages.
    pub fn with_details(mut self, details: impl Into<Bytes>) -> Self {
        self.extras_mut().details = details.into();
        self
    }

    /// Sets the metadata, which goes to the caller with the status. Version 1 of the wire drops it.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        *self.metadata_mut() = metadata;
        self
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The text.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details, as an encoded `google.rpc.Status`; empty when there are none. A peer may have sent any bytes.
    pub fn details(&self) -> &Bytes {
        self.extras
            .as_ref()
            .map_or(&NO_DETAILS, |extras| &extras.details)
    }

    /// The metadata that goes, or came, with the status.
    pub fn metadata(&self) -> &Metadata {
        self.extras
            .as_ref()
            .map_or(&NO_METADATA, |extras| &extras.metadata)
    }

    /// The metadata, to change it.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.extras_mut().metadata
    }

    fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// What version 1 sends of a handler's own status: the text verbatim, as Go does, or the code's name where there
    /// is none, because an empty error means success on that wire.
    pub(crate) fn into_v1_text(self) -> String {
        if self.message.is_empty() {
            self.code.to_string()
        } else {
            self.message
        }
    }
}

impl PartialEq for Status {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
            && self.message == other.message
            && self.details() == other.details()
            && self.metadata() == other.metadata()
    }
}

impl Eq for Status {}

/// With the codes that gRPC's Rust users know from tonic, so that `?` in a handler answers alike.
impl From<io::Error> for Status {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let code = match error.kind() {
            Kind::NotFound => Code::NOT_FOUND,
            Kind::AlreadyExists => Code::ALREADY_EXISTS,
            Kind::PermissionDenied => Code::PERMISSION_DENIED,
            Kind::InvalidInput => Code::INVALID_ARGUMENT,
            Kind::InvalidData => Code::DATA_LOSS,
            Kind::UnexpectedEof => Code::OUT_OF_RANGE,
            Kind::TimedOut => Code::DEADLINE_EXCEEDED,
            Kind::ConnectionAborted => Code::ABORTED,
            Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::NotConnected
            | Kind::AddrInUse
            | Kind::AddrNotAvailable => Code::UNAVAILABLE,
            Kind::BrokenPipe | Kind::WouldBlock | Kind::WriteZero | Kind::Interrupted => {
                Code::INTERNAL
            }
            _ => Code::UNKNOWN,
        };
        Self::new(code, error.to_string())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            write!(f, "{}", self.code)
        } else {
            write!(f, "{}: {}", self.code, self.message)
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Status");
        debug
            .field("code", &self.code)
            .field("message", &self.message);
        if !self.details().is_empty() {
            debug.field("details", &format_args!("{} bytes", self.details().len()));
        }
        if !self.metadata().is_empty() {
            debug.field("metadata", self.metadata());
        }
        debug.finish()
    }
}

impl std::error::Error for Status {}

#[cfg(test)]
mod tests;
