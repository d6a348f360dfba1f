//! Version 2: calls with a life of their own. Each is opened, carries messages both ways, whole or in chunks, and ends
//! once.

mod decode;
mod encode;
mod frame;
mod schema;
pub(crate) mod sizes;

#[cfg(test)]
pub(crate) use self::{decode::decode, frame::Failure};
pub(crate) use self::{
    decode::{DecodeError, frames},
    encode::{
        Body, EndHead, encode_cancel, encode_credit, encode_data_head, encode_end_head,
        encode_go_away, encode_hello, encode_open_head,
    },
    frame::{Chunk, Data, End, Frame, GoAway, Hello, NUMBER_LIMIT, Open},
};

#[cfg(test)]
mod tests;
