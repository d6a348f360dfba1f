//! Messages stay as they are encoded: protobuf on both sides of the bridge.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// A codec that neither encodes nor decodes, for messages that `E` stands for.
#[derive(Debug)]
pub(super) struct Encoded<E>(PhantomData<fn() -> E>);

impl<E> Encoded<E> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

/// What stands for a message on its way out.
pub(super) trait Outgoing: Send + 'static {
    /// The message, or why the stream of them is to be torn.
    fn message(self) -> Result<Bytes, Status>;
}

impl Outgoing for Bytes {
    fn message(self) -> Result<Bytes, Status> {
        Ok(self)
    }
}

/// tonic takes no errors from a client's stream of requests, but it does from an encoder.
impl Outgoing for Result<Bytes, Status> {
    fn message(self) -> Self {
        self
    }
}

impl<E: Outgoing> Codec for Encoded<E> {
    type Encode = E;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self::new()
    }

    fn decoder(&mut self) -> Self {
        Self::new()
    }
}

impl<E: Outgoing> Encoder for Encoded<E> {
    type Item = E;
    type Error = Status;

    fn encode(&mut self, message: E, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let message = message.message()?;
        to.reserve(message.len());
        to.put(message);
        Ok(())
    }
}

impl<E> Decoder for Encoded<E> {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
