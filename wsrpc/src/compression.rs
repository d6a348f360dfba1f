//! Messages made smaller, each for itself. The only file that knows the `zstd` crate.

#[cfg(feature = "zstd")]
use std::num::NonZeroU64;

use bytes::Bytes;

#[cfg(feature = "zstd")]
use crate::service::{HandlerFuture, IncomingCall, Service, ServiceDescriptor};
use crate::{
    proto::{Message, PeerLimits},
    wire::Text,
};

/// How messages are compressed. Default: [`Off`](Self::Off).
///
/// Requests are compressed where a [channel](crate::Channel::compress) or a [call](crate::Call::compress) asks for it,
/// responses where a service (wrapped in `Compressed`) or a [response](crate::Response::compress) does. Whatever is asked
/// for, a message goes out as it is:
///
/// - to a peer that cannot undo it, which is one without the feature `zstd` and one that speaks version 1 of the
///   protocol;
/// - when it has less than 256 bytes, or would not get smaller.
///
/// What comes in is inflated without a setting, up to
/// [`max_recv_message_size`](crate::SessionConfig::max_recv_message_size).
///
/// Messages are compressed and inflated where they are encoded and decoded: in the task of the caller, or of the handler.
/// A message of megabytes takes milliseconds there. [Layers](crate::layer) see messages inflated; a response that a layer
/// of the callee changes goes out as it is.
///
/// **Beside secrets, compression leaks**: where a message has a secret and something that an attacker may choose, its
/// length tells how alike they are. Metadata is never compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// As it is.
    #[default]
    Off,
    /// By zstd, at its default level.
    #[cfg(feature = "zstd")]
    #[cfg_attr(docsrs, doc(cfg(feature = "zstd")))]
    Zstd,
}

/// A service whose responses are compressed, unless one of them says [otherwise](crate::Response::compress). Each call is
/// a task of its own from the start, as with [`Spawned`](crate::Spawned).
///
/// ```ignore
/// Server::builder(key).add_service(Compressed(PingServer::new(handler)))
/// ```
#[cfg(feature = "zstd")]
#[cfg_attr(docsrs, doc(cfg(feature = "zstd")))]
#[derive(Clone, Debug)]
pub struct Compressed<S>(pub S);

#[cfg(feature = "zstd")]
impl<S: Service> Service for Compressed<S> {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        self.0.descriptor()
    }

    fn call(&self, method: usize, mut call: IncomingCall) -> HandlerFuture {
        call.compression = Compression::Zstd;
        self.0.call(method, call)
    }

    fn runs_in_place(&self) -> bool {
        // Compressing takes longer than a task costs.
        false
    }
}

/// The name by which a hello calls zstd.
pub(crate) const ZSTD: &str = "zstd";

/// What this side can undo, for its hello.
pub(crate) fn offered() -> Vec<Text> {
    match cfg!(feature = "zstd") {
        true => vec![ZSTD.into()],
        false => Vec::new(),
    }
}

/// What a peer can undo. Default: nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Accepted {
    zstd: bool,
}

impl From<PeerLimits> for Accepted {
    fn from(peer: PeerLimits) -> Self {
        Self { zstd: peer.zstd }
    }
}

impl Accepted {
    /// The same, if it can be undone.
    pub(crate) fn or_off(self, wanted: Compression) -> Compression {
        match self.zstd {
            true => wanted,
            false => Compression::Off,
        }
    }
}

/// Smaller messages are not worth it.
#[cfg(feature = "zstd")]
const LEAST: usize = 256;

/// Makes a message of an encoded one.
#[inline]
pub(crate) fn compress(payload: Bytes, compression: Compression) -> Message {
    match compression {
        Compression::Off => payload.into(),
        #[cfg(feature = "zstd")]
        Compression::Zstd if payload.len() < LEAST => payload.into(),
        #[cfg(feature = "zstd")]
        Compression::Zstd => match zstd::smaller(&payload) {
            Some(smaller) => Message {
                inflated: NonZeroU64::new(payload.len() as u64),
                payload: smaller.into(),
            },
            None => payload.into(),
        },
    }
}

/// Why a message was not inflated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InflateError {
    #[error(
        "it is compressed, which this side did not offer to undo: it was built without the feature `zstd`"
    )]
    #[cfg_attr(
        feature = "zstd",
        expect(dead_code, reason = "it was built with the feature")
    )]
    NotOffered,
    #[error("its {size} bytes are over the limit of {limit} bytes to receive")]
    TooLarge { size: u64, limit: usize },
    #[cfg(feature = "zstd")]
    #[error("it does not inflate: {0}")]
    Broken(std::io::Error),
    #[cfg(feature = "zstd")]
    #[error("it is {declared} bytes when inflated, it says, and is {}", shorter_or_longer(*.shorter))]
    Size { declared: u64, shorter: bool },
    #[cfg(feature = "zstd")]
    #[error("something follows its zstd frame")]
    Trailing,
}

#[cfg(feature = "zstd")]
fn shorter_or_longer(shorter: bool) -> &'static str {
    match shorter {
        true => "shorter",
        false => "longer",
    }
}

/// Undoes the compression of a message that says to have `size` bytes. Over `limit` of them it is not looked at.
pub(crate) fn inflate(payload: &[u8], size: u64, limit: usize) -> Result<Bytes, InflateError> {
    if size > limit as u64 {
        return Err(InflateError::TooLarge { size, limit });
    }
    #[cfg(feature = "zstd")]
    return zstd::inflate(payload, size).map(Bytes::from);
    #[cfg(not(feature = "zstd"))]
    {
        let _ = payload;
        Err(InflateError::NotOffered)
    }
}

#[cfg(feature = "zstd")]
mod zstd {
    use std::io::Read;

    use zstd::{bulk::Compressor, stream::read::Decoder};

    use super::InflateError;

    /// zstd's own default.
    const LEVEL: i32 = 3;

    /// The largest window that a frame may ask for is two to the power of this: 8 MiB.
    const MAX_WINDOW_LOG: u32 = 23;

    /// What is set aside for an inflated message before there is any of it.
    const FIRST_BUFFER: u64 = 64 * 1024;

    /// The payload compressed, if that makes it smaller.
    pub(super) fn smaller(payload: &[u8]) -> Option<Vec<u8>> {
        // What does not fit in here is not smaller, and that is zstd's error.
        let mut smaller = Vec::with_capacity(payload.len().checked_sub(1)?);
        let mut compressor = Compressor::new(LEVEL).ok()?;
        compressor.compress_to_buffer(payload, &mut smaller).ok()?;
        smaller.shrink_to_fit();
        Some(smaller)
    }

    /// Inflates exactly one frame to exactly `size` bytes. Memory grows with what comes out, and not with what was
    /// declared.
    pub(super) fn inflate(payload: &[u8], size: u64) -> Result<Vec<u8>, InflateError> {
        let mut decoder = Decoder::with_buffer(payload)
            .map_err(InflateError::Broken)?
            .single_frame();
        decoder
            .window_log_max(MAX_WINDOW_LOG)
            .map_err(InflateError::Broken)?;
        let capacity = usize::try_from(size.min(FIRST_BUFFER)).unwrap_or_default();
        let mut inflated = Vec::with_capacity(capacity);
        // One byte more than it may have is enough to see that it has too many.
        let most = size.saturating_add(1);
        (&mut decoder)
            .take(most)
            .read_to_end(&mut inflated)
            .map_err(InflateError::Broken)?;
        let is = inflated.len() as u64;
        if is != size {
            return Err(InflateError::Size {
                declared: size,
                shorter: is < size,
            });
        }
        match decoder.finish().is_empty() {
            true => Ok(inflated),
            false => Err(InflateError::Trailing),
        }
    }
}

#[cfg(test)]
mod tests;
